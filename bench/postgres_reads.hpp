#pragma once

#include <string>
#include <utility>
#include <vector>

#include "postgres_market.hpp"

/// Reading, through the manager, with bare libpq, with asyncpg and with libpqxx.
namespace marketdb::bench {

inline constexpr const char* kBookTickerColumns =
    "symbol_id, timestamp, sequence, received_at, bid_price, bid_qty, ask_price, ask_qty, source_id";

inline void bench_history(const Setup& setup) {
    make_schema(setup, "history", 1);
    DatabaseManager db(setup.config("history"));
    db.wait(db.initialize());
    db.wait(write_all(db, make_batches(make_quotes(first_symbols(1), setup.rows), 10'000)));
    BarePostgres bare(setup.url, "history");
    bare.run("VACUUM ANALYZE book_ticker_snapshots");
    const auto asyncpg = setup.peer(setup.asyncpg, "history");
    const auto libpqxx = setup.peer(setup.libpqxx, "history");

    const std::vector<SymbolId> chosen = first_symbols(1);
    HistoryFilter filter;
    filter.series.symbols = chosen;
    const std::string sql = fmt::format(
        "COPY (SELECT {} FROM book_ticker_snapshots WHERE symbol_id = 1 ORDER BY timestamp, sequence) TO STDOUT "
        "(FORMAT "
        "binary)",
        kBookTickerColumns);
    const auto require_all = [&](std::size_t found) {
        if (found != setup.rows) throw std::runtime_error("not every row was read");
    };
    std::vector<Runner> runners{
        {{"DatabaseManager", {}},
         setup.rows,
         [&] {
             History<BookTicker> history;
             const Taken taken = time_of([&] { history = db.wait(db.get_book_ticker_history(filter)); });
             require_all(history.rows.size());
             return taken;
         }},
        {{"bare libpq, binary COPY, decoded", {}},
         setup.rows,
         [&] {
             std::vector<BookTicker> rows;
             const Taken taken = time_of([&] { rows = bare.copy_out(sql); });
             require_all(rows.size());
             return taken;
         }},
    };
    const auto add_peer = [&](const char* name, Peer* peer, const char* work) {
        if (peer == nullptr) return;
        runners.push_back({{name, {}}, setup.rows, [=] {
                               const Peer::Answer answer = peer->ask(work);
                               require_all(static_cast<std::size_t>(answer.count));
                               return answer.taken;
                           }});
    };
    add_peer("asyncpg, fetch", asyncpg.get(), "fetch 1");
    add_peer("libpqxx, query", libpqxx.get(), "query 1");
    std::printf("\nhistory of %zu rows of one series into a vector, %zu rounds\n", setup.rows, setup.rounds);
    for (Runner& runner : runners) runner.run();  // Fills the caches of all.
    take_turns(runners, setup.rounds);
    Summary& summary = *setup.summary;
    summary.at_least("history: to bare binary COPY, decoded", speed_ratio(runners[0].side, runners[1].side), 0.85);
    for (std::size_t i = 2; i < runners.size(); ++i) {
        summary.at_least("history: to " + runners[i].side.name, speed_ratio(runners[0].side, runners[i].side), 2);
    }
    db.wait(db.close());
}

/// Fills days_N with `rows` rows of 2,000 symbols on partitions of a day, by the server itself.
inline void fill_days(BarePostgres& server, std::size_t days, std::size_t rows) {
    const std::size_t each = rows / 2000;
    server.run("UPDATE partitioning SET width = 'day'");
    for (std::size_t day = 0; day < days; day += 200) {
        server.run(fmt::format(
            "SELECT marketdb_ensure_partitions('book_ticker_snapshots', timestamptz '2023-01-01' + {} * interval "
            "'1 day', timestamptz '2023-01-01' + {} * interval '1 day')",
            day, std::min(day + 200, days)));
    }
    server.run("ALTER TABLE ONLY book_ticker_snapshots DISABLE TRIGGER adds_rows");
    // Several transactions, so that a server with little room for its log gets through.
    for (std::size_t part = 0; part < 20; ++part) {
        server.run(fmt::format(
            "INSERT INTO book_ticker_snapshots SELECT s, t, i, t + interval '1 ms', 100 + s, 1 + i % 7, 101 + s, 2, 1 "
            "FROM generate_series({}, {}) AS i, LATERAL (SELECT timestamptz '2023-01-01' + i * (interval '1 day' "
            "* {} / {}) AS t) AS clock, generate_series(1, 2000) AS s",
            part * each / 20, (part + 1) * each / 20 - 1, days, each));
    }
    server.run("ALTER TABLE ONLY book_ticker_snapshots ENABLE TRIGGER adds_rows");
    server.run(fmt::format(
        "INSERT INTO series SELECT 'book-tickers', s, '', '', {0}, '2023-01-01', timestamptz '2023-01-01' + {1} * "
        "(interval '1 day' * {2} / {0}), 1000, 1000 FROM generate_series(1, 2000) AS s",
        each, each - 1, days));
    server.run("VACUUM ANALYZE");
    server.run("CHECKPOINT");
}

inline void bench_latest_on(const Setup& setup, std::size_t days, std::size_t rows) {
    const std::string schema = fmt::format("days_{}", days);
    make_schema(setup, schema, 2000);
    BarePostgres bare(setup.url, schema);
    fill_days(bare, days, rows);
    DatabaseManager db(setup.config(schema));
    db.wait(db.initialize());
    const std::vector<SymbolId> chosen = first_symbols(2000);
    LatestFilter filter;
    filter.series.symbols = chosen;
    filter.max_cache_age = std::chrono::microseconds(0);  // Memory is not asked.
    Side ours{"DatabaseManager", {}};
    Side distinct{"DISTINCT ON", {}};
    for (std::size_t round = 0; round < 5 * setup.rounds + 2; ++round) {
        std::vector<Latest<BookTicker>> latest;
        const Taken taken = time_of([&] { latest = db.wait(db.get_latest_book_tickers(filter)); });
        if (latest.size() != 2000 || latest.front().row.sequence != static_cast<std::int64_t>(rows / 2000 - 1)) {
            throw std::runtime_error("these are not the latest rows");
        }
        if (round > 1) ours.rounds.push_back(taken);
    }
    const std::size_t few = std::min<std::size_t>(setup.rounds, 3);
    for (std::size_t round = 0; round < few; ++round) {
        distinct.rounds.push_back(time_of([&] {
            bare.query(fmt::format(
                "SELECT DISTINCT ON (symbol_id) {} FROM book_ticker_snapshots ORDER BY symbol_id, timestamp DESC, "
                "sequence DESC",
                kBookTickerColumns));
        }));
    }
    Side counting{"get_database_stats", {}};
    for (std::size_t round = 0; round < 2 * setup.rounds + 1; ++round) {
        DatabaseStats stats;
        const Taken taken = time_of([&] { stats = db.wait(db.get_database_stats()); });
        if (stats.datasets.front().rows != rows / 2000 * 2000) throw std::runtime_error("rows were miscounted");
        if (round > 0) counting.rounds.push_back(taken);
    }
    setup.summary->at_most(fmt::format("get_database_stats, {} rows, {} partitions: ms", rows, days),
                           median(counting.all(&Taken::wall)) * 1000, 100);
    const double milliseconds = median(ours.all(&Taken::wall)) * 1000;
    const double times = median(distinct.all(&Taken::wall)) * 1000 / milliseconds;
    setup.summary->at_most(fmt::format("latest of 2,000 symbols, {} rows, {} partitions: ms", rows, days), milliseconds,
                           20);
    setup.summary->at_least(fmt::format("the same, times as fast as DISTINCT ON, {} partitions", days), times, 100);
    db.wait(db.close());
    bare.run(fmt::format("DROP SCHEMA {} CASCADE", schema));
}

inline void bench_latest(const Setup& setup, std::size_t rows) {
    std::printf("\nlatest of 2,000 symbols, nothing in memory\n");
    for (const std::size_t days : {3, 30, 365, 1000}) bench_latest_on(setup, days, rows);
}

inline void bench_initialize(const Setup& setup) {
    make_schema(setup, "listing", 3000);
    std::vector<double> milliseconds;
    for (std::size_t round = 0; round < 4 * setup.rounds + 1; ++round) {
        DatabaseManager db(setup.config("listing"));
        const Taken taken = time_of([&] { db.wait(db.initialize()); });
        if (round > 0) milliseconds.push_back(taken.wall * 1000);
        if (db.find_symbol(SymbolId{3000}) == nullptr) throw std::runtime_error("the last symbol is not in memory");
        db.wait(db.close());
    }
    std::printf("\ninitialize() with 3,000 symbols\n");
    setup.summary->at_most("initialize() with 3,000 symbols: ms", median(milliseconds), 40);
}

}  // namespace marketdb::bench
