#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/bars.hpp>

#include "analysis/bar_builder.hpp"
#include "postgres_market.hpp"

/// Bars as the library makes them, against bars of rows that are read, and against what one statement makes on the server.
namespace marketdb::bench {

/// A day of quotes of one series, made by the server itself.
inline void fill_day(BarePostgres& server, std::size_t rows) {
    server.run("SELECT marketdb_ensure_partitions('book_ticker_snapshots', '2024-08-08', '2024-08-09')");
    server.run("ALTER TABLE ONLY book_ticker_snapshots DISABLE TRIGGER adds_rows");
    server.run(fmt::format(
        "INSERT INTO book_ticker_snapshots SELECT 1, t, i, t + interval '1 ms', bid, 1 + i % 7, bid + 0.01 * (1 + i % "
        "5), 2, 1 FROM generate_series(0::bigint, {0} - 1) AS i, LATERAL (SELECT timestamptz '2024-08-08Z' + i * "
        "(interval '1 "
        "day' "
        "/ {0}) AS t, 60000 + (i * 7919 % 10000) / 100.0 AS bid) AS quote",
        rows));
    server.run("ALTER TABLE ONLY book_ticker_snapshots ENABLE TRIGGER adds_rows");
    server.run(
        fmt::format("INSERT INTO series SELECT 'book-tickers', 1, '', '', {0}, '2024-08-08Z', timestamptz "
                    "'2024-08-08Z' + ({0} - 1) * (interval '1 day' / {0}), 1000, 1000",
                    rows));
    server.run("VACUUM ANALYZE book_ticker_snapshots");
    server.run("CHECKPOINT");
}

/// All that a `QuoteBar` holds. The first and the last row of each interval are looked up by the key.
/// @param is_ordered  Rows are added up in their order, as the library does, so that the sums are the same bits.
inline std::string bars_sql(const std::string& interval, bool is_ordered) {
    std::string ends;
    for (const char* number : {"bid_price", "ask_price", "(bid_price + ask_price) / 2"}) {
        for (const char* order : {"ASC", "DESC"}) {
            ends += fmt::format(
                ", (SELECT {0} FROM book_ticker_snapshots AS r WHERE r.symbol_id = 1 AND r.timestamp >= b.start AND "
                "r.timestamp < b.start + interval '{2}' AND {0} IS NOT NULL ORDER BY r.timestamp {1}, r.sequence {1} "
                "LIMIT 1)",
                number, order, interval);
        }
    }
    return fmt::format(
        "SELECT b.*{0} FROM (SELECT date_bin('{1}', timestamp, 'epoch') AS start, max(bid_price), min(bid_price), "
        "max(ask_price), min(ask_price), max(mid), min(mid), sum(mid), sum(CASE WHEN mid IS NOT NULL THEN ask_price - "
        "bid_price END), count(*), count(mid) FROM (SELECT timestamp, bid_price, ask_price, (bid_price + ask_price) / "
        "2 AS mid FROM book_ticker_snapshots WHERE symbol_id = 1{2}) AS q GROUP BY 1) AS b ORDER BY b.start",
        ends, interval, is_ordered ? " ORDER BY timestamp, sequence" : "");
}

/// Reads the rows through the manager, and makes bars of them here.
inline std::size_t bars_of_rows(DatabaseManager& db, const BarOptions& options) {
    HistoryFilter filter;
    filter.series.symbols = std::span(&options.symbol, 1);
    HistoryReader<BookTicker> reader = db.read_history<BookTicker>(filter);
    analysis::BarBuilder<QuoteBar> builder(options);
    std::vector<QuoteBar> bars;
    for (bool is_last = false; !is_last;) {
        const std::vector<BookTicker> rows = db.wait(reader.next());
        for (const BookTicker& row : rows) {
            while (builder.is_due_before(row)) bars.push_back(builder.take());
            builder.add(row);
        }
        is_last = rows.empty();
    }
    while (builder.is_due_at_end()) bars.push_back(builder.take());
    return bars.size();
}

inline void bench_bars_of(const Setup& setup, DatabaseManager& db, BarePostgres& bare, std::size_t rows,
                          std::chrono::minutes every) {
    const std::string interval = fmt::format("{} minutes", every.count());
    BarOptions options;
    options.symbol = SymbolId{1};
    options.every = every;
    std::vector<QuoteBar> bars;
    std::size_t of_server = 0;
    const auto on_server = [&](bool is_ordered) {
        return [&, sql = bars_sql(interval, is_ordered)] {
            const Taken taken = time_of([&] { of_server = bare.number_of_rows(sql); });
            if (of_server != bars.size()) throw std::runtime_error("the server has other bars");
            return taken;
        };
    };
    std::size_t of_rows = 0;
    std::vector<Runner> runners{{{"DatabaseManager", {}},
                                 rows,
                                 [&] {
                                     const Taken taken =
                                         time_of([&] { bars = db.wait(get_quote_bars(db, options)).bars; });
                                     return taken;
                                 }},
                                {{"rows read and added up", {}},
                                 rows,
                                 [&] {
                                     const Taken taken = time_of([&] { of_rows = bars_of_rows(db, options); });
                                     if (of_rows != bars.size()) throw std::runtime_error("the rows give other bars");
                                     return taken;
                                 }},
                                {{"one statement, rows in any order", {}}, rows, on_server(false)},
                                {{"one statement, rows in their order", {}}, rows, on_server(true)}};
    std::printf("\nbars of %s of %zu quotes of one series\n", interval.c_str(), rows);
    for (Runner& runner : runners) runner.run();
    take_turns(runners, setup.rounds);
    for (std::size_t i = 1; i < runners.size(); ++i) {
        setup.summary->note(fmt::format("bars of {}: to {}", interval, runners[i].side.name),
                            speed_ratio(runners[0].side, runners[i].side));
    }
}

inline void bench_bars(const Setup& setup, std::size_t rows) {
    make_schema(setup, "bars", 1);
    BarePostgres bare(setup.url, "bars");
    fill_day(bare, rows);
    DatabaseManager db(setup.config("bars"));
    db.wait(db.initialize());
    for (const std::chrono::minutes every : {std::chrono::minutes(1), std::chrono::minutes(60)}) {
        bench_bars_of(setup, db, bare, rows, every);
    }
    db.wait(db.close());
}

}  // namespace marketdb::bench
