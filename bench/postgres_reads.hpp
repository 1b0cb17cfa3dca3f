#pragma once

#include <sched.h>
#include <sys/types.h>

#include <string>
#include <thread>
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

/// Microseconds of each call, and those of the calling thread's processor.
struct Calls {
    std::vector<double> wall;
    std::vector<double> cpu;

    void note(WallClock::time_point start, double cpu_start) {
        wall.push_back(seconds_since(start) * 1e6);
        cpu.push_back((thread_cpu_seconds() - cpu_start) * 1e6);
    }
};

template <class Work>
void time_each(Calls& calls, std::size_t count, Work work) {
    for (std::size_t i = 0; i < count; ++i) {
        const double cpu = thread_cpu_seconds();
        const auto start = WallClock::now();
        work();
        calls.note(start, cpu);
    }
}

/// A read of one row, three ways to call it, and the same statement with bare libpq.
struct OneRow {
    const char* name;
    std::function<boost::asio::awaitable<void>(DatabaseManager&)> ours;
    std::function<void(BarePostgres&)> bare;
};

inline boost::asio::awaitable<void> time_on_executor(DatabaseManager& db, const OneRow& work, std::size_t count,
                                                     Calls& calls) {
    for (std::size_t i = 0; i < count; ++i) {
        const double cpu = thread_cpu_seconds();
        const auto start = WallClock::now();
        co_await work.ours(db);
        calls.note(start, cpu);
    }
}

inline void bench_one_row_of(const Setup& setup, DatabaseManager& db, BarePostgres& bare, const OneRow& work) {
    constexpr std::size_t kAtOnce = 200;
    Calls theirs;
    Calls here;
    Calls waiting;
    for (std::size_t block = 0; block < 4 * setup.rounds; ++block) {
        time_each(theirs, kAtOnce, [&] { work.bare(bare); });
        db.wait(time_on_executor(db, work, kAtOnce, here));
        time_each(waiting, kAtOnce, [&] { db.wait(work.ours(db)); });
    }
    std::printf(
        "  %s: bare %.1f us, on the manager's executor %.1f us, through wait %.1f us; of it on the own processor %.1f "
        "and "
        "%.1f us\n",
        work.name, median(theirs.wall), median(here.wall), median(waiting.wall), median(theirs.cpu), median(here.cpu));
    const std::string name = work.name;
    const double bare_wall = median(theirs.wall);
    setup.summary->at_most(name + ", on the manager's executor: us added", median(here.wall) - bare_wall, 15);
    setup.summary->at_most(name + ", through wait: us added", median(waiting.wall) - bare_wall, 45);
}

inline boost::asio::awaitable<void> read_latest_funding(DatabaseManager& db) {
    static const std::vector<SymbolId> chosen = first_symbols(1);
    LatestFilter filter;
    filter.series.symbols = chosen;
    filter.max_cache_age = std::chrono::microseconds(0);
    const std::vector<Latest<FundingRate>> found = co_await db.get_latest_funding_rates(filter);
    if (found.size() != 1) throw std::runtime_error("not one row");
}

inline boost::asio::awaitable<void> read_one_quote(DatabaseManager& db) {
    static const std::vector<SymbolId> chosen = first_symbols(1);
    HistoryFilter filter;
    filter.series.symbols = chosen;
    filter.limit = 1;
    const History<BookTicker> found = co_await db.get_book_ticker_history(filter);
    if (found.rows.size() != 1) throw std::runtime_error("not one row");
}

/// An array of one integer, as `unnest` takes it.
inline std::string array_of_one(std::int32_t value) {
    BareBytes bytes;
    bytes.room_for(28);
    for (const std::int32_t number : {1, 0, 23, 1, 1, 4, value}) bytes.int32(number);
    return std::string(bytes.view());
}

/// Keeps this thread, and those that it starts, on the last processor, and the server's sessions on the first: left alone, the
/// scheduler puts whoever waits in a blocking call on the server's own processor, which takes a third of the time, and
/// others not.
class KeptApart {
 public:
    KeptApart() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        if (std::thread::hardware_concurrency() > 1) is_kept_ = keep(0, std::thread::hardware_concurrency() - 1);
    }
    ~KeptApart() { ::sched_setaffinity(0, sizeof before_, &before_); }
    KeptApart(const KeptApart&) = delete;
    KeptApart& operator=(const KeptApart&) = delete;

    void keep_server(BarePostgres& server) {
        const std::string mine = "FROM pg_stat_activity WHERE datname = current_database() AND pid > 0";
        const std::int64_t sessions = server.number("SELECT count(*) " + mine);
        for (std::int64_t i = 0; i < sessions; ++i) {
            const std::int64_t pid =
                server.number(fmt::format("SELECT pid {} ORDER BY pid LIMIT 1 OFFSET {}", mine, i));
            is_kept_ = keep(static_cast<pid_t>(pid), 0) && is_kept_;
        }
        std::printf("  client and server %s\n", is_kept_ ? "on a processor each" : "where the scheduler puts them");
    }

 private:
    static bool keep(pid_t process, unsigned processor) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(processor, &one);
        return ::sched_setaffinity(process, sizeof one, &one) == 0;
    }

    cpu_set_t before_{};
    bool is_kept_ = false;
};

inline void bench_one_row(const Setup& setup) {
    make_schema(setup, "one_row", 1);
    KeptApart apart;
    Config config = setup.config("one_row");
    config.postgres.pool_min_size = 1;  // None comes later, which would not be kept apart.
    DatabaseManager db(std::move(config));
    db.wait(db.initialize());
    db.wait(write_all(db, make_batches(make_quotes(first_symbols(1), 1'000), 1'000)));
    FundingRate rate;
    rate.symbol_id = SymbolId{1};
    rate.source_id = SourceId{1};
    rate.timestamp = kMarketStart;
    rate.kind = FundingKind::settled;
    rate.funding_rate = 0.0001;
    std::vector<FundingRate> rates{rate};
    db.wait(db.insert_funding_rates(std::move(rates)));
    BarePostgres bare(setup.url, "one_row");
    bare.run("VACUUM ANALYZE");
    bare.prepare(
        "latest",
        "SELECT k.place, l.* FROM unnest($1::integer[]) WITH ORDINALITY AS k (k1, place) CROSS JOIN LATERAL "
        "(SELECT symbol_id, timestamp, kind, received_at, funding_rate, interval_minutes, funding_time, mark_price, "
        "source_id FROM funding_rate_snapshots WHERE symbol_id = k1 ORDER BY timestamp DESC, kind DESC LIMIT 1) AS l");
    const std::vector<std::string> parameters{array_of_one(1)};
    const std::string first =
        fmt::format("SELECT {} FROM book_ticker_snapshots WHERE symbol_id = 1 ORDER BY timestamp, sequence LIMIT 1",
                    kBookTickerColumns);

    std::printf("\none-row operations\n");
    apart.keep_server(bare);
    bench_one_row_of(setup, db, bare, {"one row, latest funding rate", &read_latest_funding, [&](BarePostgres& server) {
                                           if (PQntuples(server.query_prepared("latest", parameters).get()) != 1) {
                                               throw std::runtime_error("not one row");
                                           }
                                       }});
    bench_one_row_of(setup, db, bare,
                     {"one row, history with a limit of 1", &read_one_quote, [&](BarePostgres& server) {
                          if (PQntuples(server.query(first).get()) != 1) {
                              throw std::runtime_error("not one row");
                          }
                      }});
    db.wait(db.close());
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
