#include <string>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(RemovalContract);

/// `trades 1 rows`, of balances with account and asset.
Lines lines_of(const Removal& removal) {
    Lines lines;
    for (const SeriesStats& one : removal.series) {
        std::string line = std::string(to_string(one.dataset)) + " " + std::to_string(one.rows) + " rows";
        if (one.dataset == Dataset::balances) line += " of " + one.account.str() + " " + one.asset_name.str();
        lines.push_back(line);
    }
    return lines;
}

/// Rows, first and last of each series, as `series` says.
std::string series_counts(EngineFixture& fixture) {
    std::string text;
    for (const SeriesStats& one : fixture.wait(fixture.db().get_series_stats())) {
        text += std::to_string(one.rows) + " from " + text_of(one.first) + " to " + text_of(one.last) + "\n";
    }
    return text;
}

/// `ids` must outlive it.
DeleteOptions quotes_of(const std::vector<SymbolId>& ids) {
    DeleteOptions options;
    options.dataset = Dataset::book_tickers;
    options.series.symbols = ids;
    return options;
}

TEST_P(RemovalContract, RowsOfAStretchOfTimeGoAndCountsStayRight) {
    const Symbol btc = make_symbol("BTC");
    const Symbol eth = make_symbol("ETH");
    for (int i = 0; i < 5; ++i) store({quote(btc.id, kNoon + i * 1s, 1, 2), quote(eth.id, kNoon + i * 1s, 1, 2)});
    const std::vector<SymbolId> ids{btc.id};
    DeleteOptions options = quotes_of(ids);
    options.start = kNoon + 1s;
    options.end = kNoon + 3s;
    options.dry_run = true;
    EXPECT_EQ(lines_of(wait(delete_rows(db(), options))), (Lines{"book-tickers 2 rows"}));
    EXPECT_EQ(stored_quotes().size(), 10U);

    options.dry_run = false;
    const Removal gone = wait(delete_rows(db(), options));
    EXPECT_EQ(gone.rows, 2U);
    EXPECT_EQ(gone.series.at(0).symbol_id, btc.id);
    EXPECT_EQ(gone.series.at(0).exchange_id, btc.exchange_id);
    HistoryFilter filter;
    filter.series.symbols = ids;
    EXPECT_EQ(stored_quotes(filter),
              (Lines{"+0ms #0 bid 1x1 ask 2x2", "+3000ms #0 bid 1x1 ask 2x2", "+4000ms #0 bid 1x1 ask 2x2"}));
    EXPECT_EQ(series_counts(*this), "3 from +0ms to +4000ms\n5 from +0ms to +4000ms\n");
    EXPECT_EQ(wait(delete_rows(db(), options)).rows, 0U);
}

TEST_P(RemovalContract, TheNewestRowsGoFromMemoryToo) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2), quote(btc.id, kNoon + 1s, 3, 4)});
    const std::vector<SymbolId> ids{btc.id};
    DeleteOptions options = quotes_of(ids);
    options.start = kNoon + 1s;
    EXPECT_EQ(wait(delete_rows(db(), options)).rows, 1U);
    const auto known = db().find_latest_book_ticker(btc.id);
    EXPECT_TRUE(!known || known->row.timestamp == kNoon);
    const auto latest = wait(db().get_latest_book_tickers());
    ASSERT_EQ(latest.size(), 1U);
    EXPECT_EQ(latest[0].row.timestamp, kNoon);
    EXPECT_EQ(series_counts(*this), "1 from +0ms to +0ms\n");
}

TEST_P(RemovalContract, ASeriesWithoutRowsIsNoneAnyMore) {
    const Symbol btc = make_symbol("BTC");
    store({trade(btc.id, kNoon, "1"), trade(btc.id, kNoon + 1s, "2")});
    store({with_settlement(funding(btc.id, kNoon, 0.1))});
    DeleteOptions options;
    options.dataset = Dataset::trades;
    options.series.exchange = "alpha_spot";
    options.series.symbol = "btc-usdt";
    EXPECT_EQ(lines_of(wait(delete_rows(db(), options))), (Lines{"trades 2 rows"}));
    EXPECT_EQ(series_counts(*this), "1 from +0ms to +0ms\n");
    options.dataset = Dataset::funding_rates;
    EXPECT_EQ(lines_of(wait(delete_rows(db(), options))), (Lines{"funding-rates 1 rows"}));
    EXPECT_EQ(series_counts(*this), "");
    store({trade(btc.id, kNoon, "1")});
    EXPECT_EQ(series_counts(*this), "1 from +0ms to +0ms\n");
}

MARKETDB_SHARED_CONTRACT_SUITE(RemovalOfOthers);

/// Memory has not learned of the symbol yet.
TEST_P(RemovalOfOthers, AllIsAlsoWhatAnotherManagerHasJustMade) {
    const Symbol first = make_symbol();
    close();
    Config settings = config();
    settings.poll_interval = 1h;
    const auto here = open(settings);
    const auto there = open(settings);
    Symbol symbol = first;
    symbol.symbol_base = "ETH";
    symbol.exchange_symbol = "ETHUSDT";
    symbol = there->wait(there->insert_symbol(symbol));
    EXPECT_EQ(there->wait(there->insert_book_ticker_snapshots({quote(symbol.id, kNoon, 1, 2)})), result(1));
    DeleteOptions everything;
    everything.series.exchange = "*";
    const Removal removal = here->wait(delete_rows(*here, everything));
    EXPECT_EQ(removal.rows, 1U);
    ASSERT_EQ(removal.series.size(), 1U);
    EXPECT_EQ(removal.series.front().symbol_id, symbol.id);
}

TEST_P(RemovalContract, OfBalancesGoThoseOfTheAssetAndNoOther) {
    const Exchange exchange = make_exchange();
    store({balance(exchange.id, "USDT", kNoon, 1), balance(exchange.id, "USDT", kNoon + 1s, 2),
           balance(exchange.id, "BTC", kNoon, 3)});
    DeleteOptions options;
    options.dataset = Dataset::balances;
    options.series.asset = "USDT";
    options.end = kNoon + 1s;
    EXPECT_EQ(lines_of(wait(delete_rows(db(), options))), (Lines{"balances 1 rows of main USDT"}));
    EXPECT_EQ(stored_balances(), (Lines{"+0ms main BTC 3+0=3", "+1000ms main USDT 2+0=2"}));
}

TEST_P(RemovalContract, ManyRowsGoInSteps) {
    constexpr int kRows = 25'000;
    const Symbol btc = make_symbol("BTC");
    std::vector<BookTicker> rows;
    for (int i = 0; i < kRows; ++i) rows.push_back(quote(btc.id, kNoon + i * 1ms, 1, 2));
    store(std::move(rows));
    const std::vector<SymbolId> ids{btc.id};
    DeleteOptions options = quotes_of(ids);
    options.start = kNoon + 1ms;
    options.end = kNoon + (kRows - 1) * 1ms;
    EXPECT_EQ(wait(delete_rows(db(), options)).rows, 24'998U);
    EXPECT_EQ(series_counts(*this), "2 from +0ms to +24999ms\n");
}

TEST_P(RemovalContract, WhatMakesNoSenseIsRefused) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2)});
    DeleteOptions options;
    options.dataset = Dataset::book_tickers;
    const auto remove = [&] { static_cast<void>(wait(delete_rows(db(), options))); };
    expect_error(ErrorCode::invalid_argument, remove, {"no series is chosen"});
    options.series.exchange = "ALPHA_SPOT";
    options.start = kNoon + 1s;
    options.end = kNoon;
    expect_error(ErrorCode::invalid_argument, remove, {"is before start"});
    options = {};
    options.series.exchange = "NOBODY_SPOT";
    expect_error(ErrorCode::unknown_exchange, remove, {"NOBODY_SPOT"});
    UndoOptions undo;
    undo.source = SourceId{4711};
    const ErrorCode code = target().can.own_tables ? ErrorCode::invalid_argument : ErrorCode::schema_mismatch;
    expect_error(code, [&] { static_cast<void>(wait(undo_import(db(), undo))); });
    EXPECT_EQ(stored_quotes().size(), 1U);
}

/// Where rows say where they come from.
class Undoing : public EngineTest {
 protected:
    SourceId begin(std::string_view kind = "import", char digit = 'a') {
        Source source;
        source.kind = kind;
        source.name = "file.csv";
        source.sha256 = std::string(64, digit);
        return wait(db().begin_source(source));
    }
    static std::vector<EngineTarget> engines() {
        std::vector<EngineTarget> targets = all_engines();
        std::erase_if(targets, [](const EngineTarget& one) { return !one.can.own_tables; });
        return targets;
    }
    template <class Row>
    static Row from(SourceId source, Row row) {
        row.source_id = source;
        return row;
    }
    std::size_t finished_imports() {
        SourceFilter filter;
        filter.kind = "import";
        filter.finished_only = true;
        return wait(db().get_sources(filter)).size();
    }

    friend std::vector<EngineTarget> engines_with_sources();
};

std::vector<EngineTarget> engines_with_sources() { return Undoing::engines(); }

INSTANTIATE_TEST_SUITE_P(On, Undoing, ::testing::ValuesIn(engines_with_sources()), engine_name);

TEST_P(Undoing, RowsOfTheImportGoAndNoOthers) {
    const Symbol btc = make_symbol("BTC");
    const Symbol eth = make_symbol("ETH");
    store({quote(btc.id, kNoon, 1, 2)});
    const SourceId first = begin("import", 'a');
    const SourceId second = begin("import", 'b');
    store({from(first, quote(btc.id, kNoon + 1s, 1, 2)), from(first, quote(eth.id, kNoon + 1s, 1, 2)),
           from(second, quote(btc.id, kNoon + 2s, 1, 2))});
    store({from(first, trade(btc.id, kNoon + 1s, "1"))});
    store({from(first, balance(btc.exchange_id, "USDT", kNoon, 1))});
    wait(db().finish_source(first, 4));
    wait(db().finish_source(second, 1));

    UndoOptions options;
    options.source = first;
    options.dry_run = true;
    const Lines expected{"book-tickers 1 rows", "book-tickers 1 rows", "trades 1 rows", "balances 1 rows of main USDT"};
    EXPECT_EQ(lines_of(wait(undo_import(db(), options))), expected);
    EXPECT_EQ(stored_quotes().size(), 4U);
    EXPECT_EQ(finished_imports(), 2U);

    options.dry_run = false;
    EXPECT_EQ(lines_of(wait(undo_import(db(), options))), expected);
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 1x1 ask 2x2", "+2000ms #0 bid 1x1 ask 2x2"}));
    EXPECT_EQ(stored_trades(), Lines{});
    EXPECT_EQ(stored_balances(), Lines{});
    EXPECT_EQ(series_counts(*this), "2 from +0ms to +2000ms\n");
    EXPECT_EQ(finished_imports(), 1U) << "its file may be imported again";
    EXPECT_EQ(wait(undo_import(db(), options)).rows, 0U);
}

TEST_P(Undoing, WhatItChangedGoesAndWhatOthersChangedStays) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2)});
    const SourceId source = begin();
    store({from(source, quote(btc.id, kNoon, 1, 3)), from(source, quote(btc.id, kNoon + 1s, 1, 2))});
    store({quote(btc.id, kNoon + 1s, 1, 4)});
    UndoOptions options;
    options.source = source;
    EXPECT_EQ(wait(undo_import(db(), options)).rows, 1U);
    EXPECT_EQ(stored_quotes(), (Lines{"+1000ms #0 bid 1x1 ask 4x2"}));
    EXPECT_FALSE(db().find_latest_book_ticker(btc.id).has_value() &&
                 db().find_latest_book_ticker(btc.id)->row.timestamp == kNoon);
}

TEST_P(Undoing, OnlyImportsAndCopiesCanBeUndone) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2)});
    const std::vector<Source> sources = wait(db().get_sources());
    ASSERT_EQ(sources.size(), 1U);
    UndoOptions options;
    options.source = sources[0].id;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(undo_import(db(), options))); },
                 {"is a session"});
    options.source = SourceId{99};
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(undo_import(db(), options))); },
                 {"no source has the id 99"});
    EXPECT_EQ(stored_quotes().size(), 1U);
    options.source = begin("copy");
    EXPECT_EQ(wait(undo_import(db(), options)).rows, 0U);
}

}  // namespace
}  // namespace marketdb::testing
