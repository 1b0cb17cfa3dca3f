#include <cstddef>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "analysis/bar_builder.hpp"
#include "engine_fixture.hpp"

/// Bars of intervals with many rows, which a database may summarise itself: they are those of the rows, bit for bit.
namespace marketdb::testing {
namespace {

std::string bits_of(const Range& range) {
    return fmt::format("{} {} {} {}", range.open, range.high, range.low, range.close);
}

std::string bits_of(const QuoteBar& bar) {
    return fmt::format("{} bid {} ask {} mid {} mean {} spread {} of {}/{}", to_string(bar.start), bits_of(bar.bid),
                       bits_of(bar.ask), bits_of(bar.mid), bar.mean_mid, bar.mean_spread, bar.count,
                       bar.two_sided_count);
}

std::string bits_of(const TradeBar& bar) {
    return fmt::format("{} {} volume {} buy {} vwap {} of {}", to_string(bar.start), bits_of(bar.price), bar.volume,
                       bar.buy_volume, bar.vwap, bar.count);
}

template <class Bar>
Lines bits_of_all(const std::vector<Bar>& bars) {
    Lines lines;
    for (const Bar& bar : bars) lines.push_back(bits_of(bar));
    return lines;
}

class DenseBars : public EngineTest {
 protected:
    static constexpr std::chrono::seconds kEvery{60};

    /// Eight minutes of quotes, 150 a minute: none in the fourth, some of one time, some without a side; the third minute and
    /// the last end with an ask alone, and the sixth has nothing else.
    std::vector<BookTicker> make_dense_quotes(SymbolId symbol) {
        std::vector<BookTicker> rows;
        for (int i = 0; i < 8 * 150; ++i) {
            const int minute = i / 150;
            if (minute == 3) continue;
            BookTicker row = quote(symbol, kNoon + (i / 2) * 800ms, 100 + (i * 7919 % 997) / 7.0, 300 + i % 13 / 3.0);
            row.sequence = i % 2 == 0 ? 2 : 1;
            // Of two rows of one time the first here is the later one.
            const bool has_no_bid = i % 11 == 0 || i == 448 || i == 1198 || minute == 5;
            if (has_no_bid) row.bid_price = row.bid_qty = kNoNumber;
            if (i % 17 == 5 && !has_no_bid) row.ask_price = row.ask_qty = kNoNumber;
            if (target().can.own_tables) {
                rows.push_back(row);
            } else if (!has_no_bid && is_present(row.ask_price) && i % 2 == 0) {
                rows.push_back(row);  // what an existing schema can hold
            }
        }
        return rows;
    }

    std::vector<Trade> make_dense_trades(SymbolId symbol) {
        std::vector<Trade> rows;
        for (int i = 0; i < 8 * 150; ++i) {
            if (i / 150 == 3) continue;
            Trade row = trade(symbol, kNoon + (i / 3) * 1200ms, std::to_string(10'000 - i).c_str(),
                              100 + (i * 7919 % 997) / 7.0, 0.1 + i % 7 / 3.0, i % 2 == 0 ? Side::buy : Side::sell);
            if (i % 5 == 0 && target().can.own_tables) row.side = Side::unknown;
            if (i / 150 == 5) row.side = Side::sell;
            row.sequence = i;
            rows.push_back(row);
        }
        return rows;
    }

    BarOptions options_of(SymbolId symbol, EmptyIntervals empty, Timestamp start = kNoTime, Timestamp end = kNoTime) {
        BarOptions options;
        options.symbol = symbol;
        options.every = kEvery;
        options.empty = empty;
        options.start = start;
        options.end = end;
        return options;
    }

    /// What the rows come to when a program reads them all.
    template <class Bar, class Row>
    static Lines bars_of_rows(const BarOptions& options, const std::vector<Row>& rows, const std::vector<Row>& before) {
        analysis::BarBuilder<Bar> builder(options);
        std::vector<Bar> bars;
        if (!before.empty() && options.empty == EmptyIntervals::fill) builder.begin_after(before.back());
        for (const Row& row : rows) {
            while (builder.is_due_before(row)) bars.push_back(builder.take());
            builder.add(row);
        }
        while (builder.is_due_at_end()) bars.push_back(builder.take());
        return bits_of_all(bars);
    }

    HistoryFilter rows_within(SymbolId symbol, Timestamp start, Timestamp end) {
        symbols_ = {symbol};
        HistoryFilter filter;
        filter.series.symbols = symbols_;
        filter.start = start;
        filter.end = end;
        return filter;
    }

    void expect_quote_bars(const BarOptions& options) {
        const auto read = [&](Timestamp start, Timestamp end) {
            return wait(db().get_book_ticker_history(rows_within(options.symbol, start, end))).rows;
        };
        std::vector<BookTicker> before;
        if (is_present(options.start)) before = read(kNoTime, options.start);
        EXPECT_EQ(bits_of_all(wait(get_quote_bars(db(), options)).bars),
                  (bars_of_rows<QuoteBar>(options, read(options.start, options.end), before)));
    }

    void expect_trade_bars(const BarOptions& options) {
        const auto read = [&](Timestamp start, Timestamp end) {
            return wait(db().get_trade_history(rows_within(options.symbol, start, end))).rows;
        };
        std::vector<Trade> before;
        if (is_present(options.start)) before = read(kNoTime, options.start);
        EXPECT_EQ(bits_of_all(wait(get_trade_bars(db(), options)).bars),
                  (bars_of_rows<TradeBar>(options, read(options.start, options.end), before)));
    }

 private:
    std::vector<SymbolId> symbols_;
};
INSTANTIATE_TEST_SUITE_P(On, DenseBars, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(DenseBars, QuotesAreWhatTheirRowsComeTo) {
    const SymbolId symbol = make_symbol().id;
    store(make_dense_quotes(symbol));
    for (const EmptyIntervals empty : {EmptyIntervals::skip, EmptyIntervals::show, EmptyIntervals::fill}) {
        SCOPED_TRACE(static_cast<int>(empty));
        expect_quote_bars(options_of(symbol, empty));
        expect_quote_bars(options_of(symbol, empty, kNoon + 100s, kNoon + 7min + 11s));
        expect_quote_bars(options_of(symbol, empty, kNoon - 2min, kNoon + 10min));
        expect_quote_bars(options_of(symbol, empty, kNoon + 3min, kNoon + 4min));
        expect_quote_bars(options_of(symbol, empty, kNoon + 9min, kNoon + 11min));
    }
}

TEST_P(DenseBars, AServerIsAskedForBarsAndNotForRows) {
    if (!target().name.starts_with("PostgresLean")) GTEST_SKIP() << target().name << " makes no bars itself";
    const SymbolId symbol = make_symbol().id;
    store(make_dense_quotes(symbol));
    const auto other = postgres_target::open(folder());
    other->run("BEGIN; LOCK TABLE book_ticker_snapshots IN ACCESS EXCLUSIVE MODE");
    auto bars = std::async(std::launch::async,
                           [&] { return wait(get_quote_bars(db(), options_of(symbol, EmptyIntervals::skip))).bars; });
    // Only a superuser sees what others run, and only its first 1,024 bytes.
    PostgresSession watcher(PostgresServer::shared().conninfo());
    const std::string waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE "
        "'SELECT g.start, b.*%" +
        postgres_target::schema(folder()) + "%'";
    bool is_asked = false;
    for (int i = 0; !is_asked && i < 2'000; ++i) {
        std::this_thread::sleep_for(5ms);
        is_asked = watcher.value(waiting) == "1";
    }
    other->run("COMMIT");
    EXPECT_TRUE(is_asked);
    EXPECT_EQ(bars.get().size(), 7U);
}

TEST_P(DenseBars, TradesAreWhatTheirRowsComeTo) {
    const SymbolId symbol = make_symbol().id;
    store(make_dense_trades(symbol));
    for (const EmptyIntervals empty : {EmptyIntervals::skip, EmptyIntervals::show, EmptyIntervals::fill}) {
        SCOPED_TRACE(static_cast<int>(empty));
        expect_trade_bars(options_of(symbol, empty));
        expect_trade_bars(options_of(symbol, empty, kNoon + 100s, kNoon + 7min + 11s));
        expect_trade_bars(options_of(symbol, empty, kNoon + 3min, kNoon + 4min));
    }
}

TEST_P(DenseBars, ManyIntervalsAndALongSilenceBetweenThem) {
    if (!target().can.own_tables) GTEST_SKIP() << "an existing schema is never asked for summaries";
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    // Ten intervals with 3,500 rows each, 510 without any, and ten again: more than two questions' worth of nothing.
    for (const std::chrono::seconds begin : {0s, 520 * 7s}) {
        for (int i = 0; i < 35'000; ++i)
            rows.push_back(quote(symbol, kNoon + begin + i * 2ms, 100 + i % 89, 200 + i % 7));
    }
    store(rows);
    BarOptions options = options_of(symbol, EmptyIntervals::skip);
    options.every = 7s;
    expect_quote_bars(options);
    options.empty = EmptyIntervals::fill;
    expect_quote_bars(options);
    BarReader<QuoteBar> reader = read_quote_bars(db(), options);
    std::vector<QuoteBar> read;
    for (bool is_last = false; !is_last;) {
        const std::vector<QuoteBar> batch = wait(reader.next(70));
        EXPECT_LE(batch.size(), 70U);
        read.insert(read.end(), batch.begin(), batch.end());
        is_last = batch.empty();
    }
    EXPECT_EQ(bits_of_all(read), bits_of_all(wait(get_quote_bars(db(), options)).bars));
    EXPECT_GE(read.size(), 530U);
}

TEST_P(DenseBars, WhereRowsBecomeFewTheyAreRead) {
    if (!target().can.own_tables) GTEST_SKIP() << "an existing schema is never asked for summaries";
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 45'000; ++i) rows.push_back(quote(symbol, kNoon + i * 1ms, 100 + i % 89, 200 + i % 7));
    for (int i = 45; i < 330; ++i) rows.push_back(quote(symbol, kNoon + i * 1s, 100 + i, 500 + i));
    store(rows);
    BarOptions options = options_of(symbol, EmptyIntervals::skip, kNoon + 50s);
    options.every = 1s;
    expect_quote_bars(options);
    options.empty = EmptyIntervals::show;
    expect_quote_bars(options);
    options.start = kNoTime;
    expect_quote_bars(options);
}

TEST_P(DenseBars, RowsThatComeMeanwhileAreInTheBarsThatFollow) {
    if (!target().name.starts_with("PostgresLean")) GTEST_SKIP() << "rows are read there, and their reader saw the end";
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 600; ++i) rows.push_back(quote(symbol, kNoon + i * 200ms, 100 + i % 89, 200 + i % 7));
    store(rows);
    BarReader<QuoteBar> reader = read_quote_bars(db(), options_of(symbol, EmptyIntervals::skip));
    EXPECT_EQ(wait(reader.next(1)).size(), 1U);
    store({quote(symbol, kNoon + 130s, 100, 101), quote(symbol, kNoon + 200s, 100, 101)});
    std::vector<std::uint64_t> counts;
    for (bool is_last = false; !is_last;) {
        const std::vector<QuoteBar> batch = wait(reader.next(10));
        for (const QuoteBar& bar : batch) counts.push_back(bar.count);
        is_last = batch.empty();
    }
    EXPECT_EQ(counts, (std::vector<std::uint64_t>{300, 1, 1}));
}

TEST_P(DenseBars, NumbersThatTheServerCannotAddAreReadInstead) {
    if (!target().can.own_tables) GTEST_SKIP() << "an existing schema is never asked for summaries";
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 800; ++i) rows.push_back(quote(symbol, kNoon + i * 250ms, 100 + i, 1e3 + i));
    for (std::size_t i = 300; i < 400; ++i) rows[i].ask_price = rows[i].bid_price = 1.5e308;
    store(rows);
    expect_quote_bars(options_of(symbol, EmptyIntervals::skip));
    expect_quote_bars(options_of(symbol, EmptyIntervals::fill, kNoon + 10s));
}

}  // namespace
}  // namespace marketdb::testing
