#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include "import_fixture.hpp"

/// Copies from every engine to a SQLite file and back, and the checksums that compare them.
namespace marketdb::testing {
namespace {

/// `db()` is one side, on the engine that is tested; `other()` is a file.
class Copying : public ImportTest {
 public:
    void TearDown() override {
        if (other_ != nullptr) other_->wait(other_->close());
    }

    [[nodiscard]] DatabaseManager& other() {
        if (other_ == nullptr) {
            Config settings = config();
            Config file = Config::from_url("sqlite:" + (folder() / "other.db").string());
            settings.engine = file.engine;
            settings.sqlite_path = file.sqlite_path;
            // Two databases were not made in the same microsecond; that would be one database with two names.
            auto later = std::make_shared<WalkableClock>();
            later->walk(1h);
            settings.clock = later;
            other_ = open(std::move(settings));
        }
        return *other_;
    }

    CopyReport copy_out(CopyOptions options = {}) { return wait(copy_history(db(), other(), std::move(options))); }
    CopyReport copy_in(CopyOptions options = {}) { return wait(copy_history(other(), db(), std::move(options))); }
    HistoryChecksum checksum(DatabaseManager& manager, HistorySelection selection = {}) {
        return manager.wait(checksum_history(manager, std::move(selection)));
    }

    /// Rows of all datasets, on two exchanges, with everything absent that may be.
    void store_some_of_each() {
        Symbol wanted;
        wanted.exchange_id = make_exchange("BETA_FUTURES").id;
        wanted.symbol_base = "BTC";
        wanted.symbol_quote = "USDT";
        wanted.exchange_symbol = "BTC_USDT";
        wanted.quantity_unit = QuantityUnit::contracts;
        wanted.contract_size = 0.0001;
        wanted.tick_size = 0.1;
        wanted.listed_at = kNoon - 24h;
        wanted.is_active = false;
        const Symbol perpetual = wait(db().ensure_symbol(wanted));
        const Symbol spot = make_symbol();
        BookTicker one_sided = quote(spot.id, kNoon + 1ms, 100.123456789012345, kNoNumber, 3);
        one_sided.ask_qty = kNoNumber;
        one_sided.received_at = kNoon + 3ms;
        store({quote(spot.id, kNoon, 100, 101), quote(spot.id, kNoon, 100.5, 101, 1), one_sided});
        Trade unknown = trade(perpetual.id, kNoon + 5us, "", 0.1, 3, Side::unknown);
        unknown.is_maker = Tristate::no;
        store(
            {trade(perpetual.id, kNoon, "b1"), trade(perpetual.id, kNoon, "B2"), trade(spot.id, kNoon, "17"), unknown});
        store({funding(perpetual.id, kNoon, 0.0001), funding(perpetual.id, kNoon, 0.0002, FundingKind::settled)});
        Balance margin = balance(spot.exchange_id, "USDT", kNoon, -12.5, 1);
        margin.account = "desk";
        margin.borrowing_balance = 100;
        store({balance(spot.exchange_id, "USDT", kNoon, 10), margin});
    }

    /// Quotes of one symbol, one a millisecond.
    void store_quotes(int rows) {
        const Symbol symbol = make_symbol();
        std::vector<BookTicker> quotes;
        quotes.reserve(static_cast<std::size_t>(rows));
        for (int i = 0; i < rows; ++i)
            quotes.push_back(quote(symbol.id, kNoon + std::chrono::milliseconds(i), 100 + i, 5'000));
        store(quotes);
    }

    static Lines copy_sources(DatabaseManager& manager) {
        SourceFilter filter;
        filter.kind = "copy";
        Lines lines;
        for (const Source& source : manager.wait(manager.get_sources(filter))) {
            lines.push_back(is_present(source.finished_at) ? "finished " + std::to_string(source.rows) : "unfinished");
        }
        return lines;
    }

    static Lines names(const HistoryChecksum& sum) {
        Lines lines;
        for (const SeriesChecksum& one : sum.series)
            lines.push_back(to_string(one.name) + " " + std::to_string(one.rows));
        return lines;
    }

    template <class Row>
    static std::vector<Row> all_rows(DatabaseManager& manager) {
        HistoryReader<Row> reader = manager.read_history<Row>();
        return manager.wait(reader.next());
    }

 private:
    std::unique_ptr<DatabaseManager> other_;
};
INSTANTIATE_TEST_SUITE_P(On, Copying, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(Copying, EverythingArrivesAndIsFoundEqual) {
    store_some_of_each();
    const CopyReport report = copy_out();
    EXPECT_EQ(report.rows, 11U);
    EXPECT_EQ(report.found, 0U);
    EXPECT_EQ(report.written, result(11));
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(report.new_exchanges, (Lines{"ALPHA_SPOT", "BETA_FUTURES"}));
    EXPECT_EQ(report.new_symbols, (Lines{"ALPHA_SPOT:BTC/USDT (BTCUSDT)", "BETA_FUTURES:BTC/USDT (BTC_USDT)"}));
    EXPECT_EQ(report.notes, Lines{});
    for (const CopiedSeries& one : report.series) {
        EXPECT_TRUE(one.is_equal) << to_string(one.source.name);
        EXPECT_EQ(one.source.sha256, one.target.sha256);
        EXPECT_EQ(one.source.rows, one.target.rows);
        EXPECT_EQ(one.first_difference, kNoTime);
    }
    const HistoryChecksum here = checksum(db());
    const HistoryChecksum there = checksum(other());
    EXPECT_EQ(names(here),
              (Lines{"book-tickers ALPHA_SPOT:BTCUSDT 3", "trades ALPHA_SPOT:BTCUSDT 1",
                     "trades BETA_FUTURES:BTC_USDT 3", "funding-rates BETA_FUTURES:BTC_USDT 2",
                     "balances ALPHA_SPOT:USDT of account desk 1", "balances ALPHA_SPOT:USDT of account main 1"}));
    EXPECT_EQ(names(there), names(here));
    EXPECT_EQ(there.sha256, here.sha256);
    EXPECT_EQ(lines_of(all_rows<BookTicker>(other())), stored_quotes());
    EXPECT_EQ(lines_of(all_rows<Balance>(other())), stored_balances());
    EXPECT_EQ(copy_sources(other()), Lines{"finished 11"});
}

TEST_P(Copying, SymbolsArriveWithAllTheirColumns) {
    store_some_of_each();
    copy_out();
    const Symbol symbol = other().wait(other().resolve_symbol("BETA_FUTURES", "BTC_USDT"));
    EXPECT_EQ(symbol.quantity_unit, QuantityUnit::contracts);
    EXPECT_EQ(symbol.contract_type, ContractType::perpetual);
    EXPECT_EQ(symbol.contract_size, 0.0001);
    EXPECT_EQ(symbol.tick_size, 0.1);
    EXPECT_EQ(symbol.listed_at, kNoon - 24h);
    EXPECT_FALSE(symbol.is_active);
}

TEST_P(Copying, BackAgainChangesNothing) {
    store_some_of_each();
    const std::string before = checksum(db()).sha256;
    copy_out();
    const CopyReport back = copy_in();
    EXPECT_EQ(back.found, 11U);
    EXPECT_EQ(back.written, result(0));
    EXPECT_EQ(back.different, 0U);
    EXPECT_EQ(checksum(db()).sha256, before);
    EXPECT_EQ(copy_sources(db()), Lines{}) << "nothing was written, so nothing has a source";
}

TEST_P(Copying, IdsOfTheTargetAreItsOwn) {
    Symbol first;
    first.exchange_id = other().wait(other().ensure_exchange("GAMMA_SPOT")).id;
    first.symbol_base = "ETH";
    first.symbol_quote = "USDT";
    for (const char* spelling : {"ETHUSDT", "ETH-USDT", "ETH_USDT"}) {
        first.exchange_symbol = spelling;
        other().wait(other().ensure_symbol(first));
    }
    store_some_of_each();
    EXPECT_EQ(copy_out().different, 0U);
    const Symbol there = other().wait(other().resolve_symbol("ALPHA_SPOT", "BTCUSDT"));
    EXPECT_NE(there.id, wait(db().resolve_symbol("ALPHA_SPOT", "BTCUSDT")).id);
    EXPECT_EQ(all_rows<BookTicker>(other()).at(0).symbol_id, there.id);
}

TEST_P(Copying, APartIsChosenBySeriesAndTime) {
    store_some_of_each();
    make_symbol("ETH");
    CopyOptions options;
    options.selection.dataset = Dataset::book_tickers;
    options.selection.series = {"alpha_spot:btc/usdt"};
    options.selection.start = kNoon;
    options.selection.end = kNoon + 1ms;
    const CopyReport report = copy_out(options);
    EXPECT_EQ(report.rows, 2U);
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(report.new_symbols, Lines{"ALPHA_SPOT:BTC/USDT (BTCUSDT)"}) << "only what the rows need";
    EXPECT_EQ(lines_of(all_rows<BookTicker>(other())),
              (Lines{"+0ms #0 bid 100x1 ask 101x2", "+0ms #1 bid 100.5x1 ask 101x2"}));
    EXPECT_EQ(checksum(other()).rows, 2U);
    EXPECT_EQ(checksum(other()).sha256, checksum(db(), options.selection).sha256);

    options.selection.dataset = Dataset::balances;
    options.selection.series = {"*:usd*"};
    options.selection.account = "desk";
    EXPECT_EQ(copy_out(options).rows, 1U);
    EXPECT_EQ(all_rows<Balance>(other()).at(0).account, "desk");
}

TEST_P(Copying, NothingIsWrittenInADryRun) {
    store_some_of_each();
    static_cast<void>(other());
    CopyOptions options;
    options.dry_run = true;
    const CopyReport report = copy_out(options);
    EXPECT_EQ(report.rows, 11U);
    EXPECT_EQ(report.written, result(0));
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(report.new_exchanges, (Lines{"ALPHA_SPOT", "BETA_FUTURES"}));
    EXPECT_EQ(other().wait(other().get_all_exchanges()).size(), 0U);
    EXPECT_EQ(copy_sources(other()), Lines{});
    copy_out();
    EXPECT_EQ(copy_out(options).found, 11U);
}

TEST_P(Copying, AStoppedCopyGoesOnWhereItWas) {
    store_quotes(1'000);
    std::atomic<bool> stop{false};
    CopyOptions options;
    options.batch_rows = 100;
    options.stop = &stop;
    options.on_progress = [&stop](const CopyProgress& progress) { stop = progress.rows == 300; };
    expect_error(ErrorCode::cancelled, [&] { copy_out(options); }, {"first 300 rows", "copy again to go on"});
    EXPECT_EQ(checksum(other()).rows, 300U);
    EXPECT_EQ(copy_sources(other()), Lines{"unfinished"});

    stop = false;
    options.on_progress = nullptr;
    const CopyReport rest = copy_out(options);
    EXPECT_EQ(rest.found, 300U);
    EXPECT_EQ(rest.written, result(700));
    EXPECT_EQ(rest.different, 0U);
    EXPECT_EQ(copy_sources(other()), Lines{"finished 700"}) << "the same source";
    EXPECT_EQ(checksum(other()).sha256, checksum(db()).sha256);
}

TEST_P(Copying, RowsThatCameMeanwhileAreAddedByTheNextCopy) {
    store_quotes(10);
    copy_out();
    store_quotes(13);
    const CopyReport report = copy_out();
    EXPECT_EQ(report.found, 10U);
    EXPECT_EQ(report.written, result(3));
    EXPECT_EQ(report.different, 0U);
}

TEST_P(Copying, AGapInTheTargetIsFilled) {
    store_quotes(10);
    CopyOptions late;
    late.selection.start = kNoon + 5ms;
    EXPECT_EQ(copy_out(late).written, result(5));
    const CopyReport report = copy_out();
    EXPECT_EQ(report.found, 0U);
    EXPECT_EQ(report.written, result(5, 0, 5));
    EXPECT_EQ(report.different, 0U);
}

TEST_P(Copying, AnotherValueInTheTargetIsReplaced) {
    store_quotes(10);
    copy_out();
    std::vector<BookTicker> rows = all_rows<BookTicker>(other());
    rows[4].bid_qty = 77;
    other().wait(other().insert_book_ticker_snapshots({rows[4]}));
    EXPECT_NE(checksum(other()).sha256, checksum(db()).sha256);
    const CopyReport report = copy_out();
    EXPECT_EQ(report.found, 4U);
    EXPECT_EQ(report.written, result(0, 1, 5));
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(checksum(other()).sha256, checksum(db()).sha256);
}

TEST_P(Copying, WhatTheTargetHasBesideIsADifference) {
    store_quotes(10);
    copy_out();
    const Symbol there = other().wait(other().resolve_symbol("ALPHA_SPOT", "BTCUSDT"));
    std::vector<BookTicker> more{quote(there.id, kNoon + 4500us, 1, 2)};
    other().wait(other().insert_book_ticker_snapshots(more));
    // Outside of the copied time: none of this copy's business.
    std::vector<BookTicker> outside{quote(there.id, kNoon - 1h, 1, 2), quote(there.id, kNoon + 1h, 1, 2)};
    other().wait(other().insert_book_ticker_snapshots(outside));
    const CopyReport report = copy_out();
    EXPECT_EQ(report.different, 1U);
    ASSERT_EQ(report.series.size(), 1U);
    EXPECT_FALSE(report.series[0].is_equal);
    EXPECT_EQ(report.series[0].source.rows, 10U);
    EXPECT_EQ(report.series[0].target.rows, 11U);
    EXPECT_EQ(report.series[0].first_difference, kNoon + 4500us);
    EXPECT_EQ(copy_sources(other()).back(), "unfinished");
}

TEST_P(Copying, AValueThatTheMergeKeepsIsADifference) {
    const Symbol here = make_symbol();
    store(quote(here.id, kNoon, 100, 101));
    copy_out();
    std::vector<BookTicker> rows = all_rows<BookTicker>(other());
    rows[0].received_at = kNoon + 1s;
    other().wait(other().insert_book_ticker_snapshots(rows));
    const CopyReport report = copy_out();
    EXPECT_EQ(report.written, result(0, 0, 1)) << "an absent time never replaces one";
    EXPECT_EQ(report.different, 1U);
    EXPECT_EQ(report.series[0].first_difference, kNoon);
}

TEST_P(Copying, ASymbolThatIsAnotherInstrumentThereIsRefused) {
    store_some_of_each();
    Symbol wanted;
    wanted.exchange_id = other().wait(other().ensure_exchange("BETA_FUTURES")).id;
    wanted.symbol_base = "BTC";
    wanted.symbol_quote = "USDT";
    wanted.exchange_symbol = "BTC_USDT";
    wanted.quantity_unit = QuantityUnit::contracts;
    wanted.contract_size = 0.01;
    other().wait(other().ensure_symbol(wanted));
    expect_error(ErrorCode::constraint, [&] { copy_out(); }, {"BETA_FUTURES:BTC/USDT (BTC_USDT)", "contract_size"});
    EXPECT_EQ(checksum(other()).rows, 0U);
    EXPECT_EQ(other().wait(other().get_all_exchanges()).size(), 1U) << "nothing was created";
}

TEST_P(Copying, ASymbolThatDiffersInSmallThingsIsNoted) {
    store_some_of_each();
    Symbol wanted;
    wanted.exchange_id = other().wait(other().ensure_exchange("BETA_FUTURES")).id;
    wanted.symbol_base = "BTC";
    wanted.symbol_quote = "USDT";
    wanted.exchange_symbol = "BTC_USDT";
    wanted.quantity_unit = QuantityUnit::contracts;
    wanted.tick_size = 0.5;
    other().wait(other().ensure_symbol(wanted));
    const CopyReport report = copy_out();
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(report.notes, Lines{"BETA_FUTURES:BTC/USDT (BTC_USDT): the target has another is_active, contract_size, "
                                  "tick_size, listed_at, which stays"});
    EXPECT_EQ(other().wait(other().resolve_symbol("BETA_FUTURES", "BTC_USDT")).tick_size, 0.5);
}

TEST_P(Copying, OfNothingIsFine) {
    const CopyReport report = copy_out();
    EXPECT_EQ(report.series.size(), 0U);
    EXPECT_EQ(report.different, 0U);
    const HistoryChecksum none = checksum(db());
    EXPECT_EQ(none.rows, 0U);
    EXPECT_EQ(none.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_P(Copying, IntoItselfIsRefused) {
    store_some_of_each();
    expect_error(ErrorCode::invalid_argument, [&] { wait(copy_history(db(), db(), {})); }, {"are the same"});
    if (!target().is_shared) return;
    auto second = open(config());
    expect_error(ErrorCode::invalid_argument, [&] { wait(copy_history(db(), *second, {})); },
                 {"are the same database; nothing was copied"});
    EXPECT_EQ(checksum(db()).rows, 11U);
}

TEST_P(Copying, ASelectionThatMakesNoSenseIsRefused) {
    store_some_of_each();
    const auto refused = [&](const HistorySelection& selection, ErrorCode code, std::string_view text) {
        expect_error(code, [&] { checksum(db(), selection); }, {text});
        CopyOptions options;
        options.selection = selection;
        expect_error(code, [&] { copy_out(options); }, {text});
    };
    HistorySelection selection;
    selection.series = {"ALPHA_SPOT:BTCUSDT"};
    refused(selection, ErrorCode::invalid_argument, "expected a dataset");
    selection.dataset = Dataset::trades;
    selection.account = "main";
    refused(selection, ErrorCode::invalid_argument, "only balances have one");
    selection.account.clear();
    selection.series = {"BTCUSDT"};
    refused(selection, ErrorCode::invalid_argument, "expected EXCHANGE:SYMBOL");
    selection.series = {"ALPHA_SPOT:DOGE/USDT"};
    refused(selection, ErrorCode::unknown_symbol, "DOGE/USDT");
    selection.series = {"NOWHERE_SPOT:BTC/USDT"};
    refused(selection, ErrorCode::unknown_exchange, "NOWHERE_SPOT");
    selection.dataset = Dataset::balances;
    selection.series = {"NOWHERE_SPOT:USDT"};
    refused(selection, ErrorCode::unknown_exchange, "NOWHERE_SPOT");
    selection.series.clear();
    selection.start = kNoon;
    selection.end = kNoon - 1s;
    refused(selection, ErrorCode::invalid_argument, "end lies before start");
    CopyOptions options;
    options.batch_rows = 0;
    expect_error(ErrorCode::invalid_argument, [&] { copy_out(options); }, {"batch_rows: 0"});
    EXPECT_EQ(other().wait(other().get_all_exchanges()).size(), 0U);
}

TEST_P(Copying, AStoppedChecksumSaysSo) {
    store_quotes(10);
    const std::atomic<bool> stop{true};
    expect_error(ErrorCode::cancelled, [&] { wait(checksum_history(db(), {}, &stop)); }, {"interrupted"});
}

TEST_P(Copying, ACancelledCopyIsCompletedByTheNext) {
    store_quotes(2'000);
    static_cast<void>(other());
    boost::asio::io_context context;
    boost::asio::cancellation_signal signal;
    CopyOptions options;
    options.batch_rows = 100;
    options.on_progress = [&](const CopyProgress& progress) {
        if (progress.rows != 500) return;
        boost::asio::post(context, [&] { signal.emit(boost::asio::cancellation_type::terminal); });
    };
    std::exception_ptr thrown;
    const auto done = [&](std::exception_ptr failure, const CopyReport&) { thrown = failure; };
    boost::asio::co_spawn(context, copy_history(db(), other(), options),
                          boost::asio::bind_cancellation_slot(signal.slot(), done));
    context.run();
    ASSERT_NE(thrown, nullptr);
    expect_error(ErrorCode::cancelled, [&] { std::rethrow_exception(thrown); });
    const std::uint64_t stored = checksum(other()).rows;
    EXPECT_GE(stored, 500U);
    EXPECT_LT(stored, 2'000U);
    EXPECT_EQ(stored % 100, 0U) << "a batch is whole or not there";
    const CopyReport rest = copy_out();
    EXPECT_EQ(rest.found, stored);
    EXPECT_EQ(rest.different, 0U);
}

TEST_P(Copying, ACoroutineOfTheCallerMayAwaitIt) {
    store_some_of_each();
    static_cast<void>(other());
    const auto body = [&]() -> boost::asio::awaitable<std::string> {
        CopyOptions options;
        options.selection.dataset = Dataset::trades;
        options.selection.series = {"*:BTCUSDT", "BETA_FUTURES:BTC_USDT"};
        HistorySelection selection = options.selection;
        const CopyReport report = co_await copy_history(db(), other(), std::move(options));
        const HistoryChecksum sum = co_await checksum_history(other(), std::move(selection));
        co_return std::to_string(report.rows) + " copied, " + std::to_string(sum.rows) + " there";
    };
    EXPECT_EQ(run(body()), "4 copied, 4 there");
}

TEST_P(Copying, AWriterOfTheSourceIsNoDifference) {
    store_quotes(1'000);
    if (!target().is_shared) GTEST_SKIP() << "nobody else can write to a database in memory";
    const SymbolId symbol = make_symbol().id;
    auto writer = open(config());
    CopyOptions options;
    options.batch_rows = 100;
    options.on_progress = [&](const CopyProgress& progress) {
        if (progress.rows != 300 || progress.verifying) return;
        std::vector<BookTicker> rows{quote(symbol, kNoon + 1h, 1, 2)};
        writer->wait(writer->insert_book_ticker_snapshots(std::move(rows)));
    };
    const CopyReport report = copy_out(options);
    EXPECT_EQ(report.rows, 1'000U) << "what there was when it began";
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(checksum(other()).rows, 1'000U);
}

TEST_P(Copying, ProgressCountsEveryRowOnce) {
    store_some_of_each();
    store_quotes(500);
    CopyOptions options;
    options.batch_rows = 100;
    CopyProgress last;
    bool has_verified = false;
    options.on_progress = [&](const CopyProgress& progress) {
        EXPECT_GE(progress.rows, last.rows);
        has_verified = has_verified || progress.verifying;
        last = progress;
    };
    const CopyReport report = copy_out(options);
    EXPECT_EQ(last.rows, report.rows);
    EXPECT_EQ(last.total_rows, report.rows);
    EXPECT_EQ(last.number, last.count);
    EXPECT_TRUE(has_verified);
}

}  // namespace
}  // namespace marketdb::testing
