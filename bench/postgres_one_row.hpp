#pragma once

#include <sched.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "postgres_market.hpp"
#include "postgres_reads.hpp"
#include "postgres_writes.hpp"

/// One row at a time, through the manager and with bare blocking libpq: what is added to a round trip.
namespace marketdb::bench {

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

/// One row read or written, two ways to call it, and the same with bare libpq.
struct OneRow {
    const char* name;
    std::function<boost::asio::awaitable<void>(DatabaseManager&)> ours;
    std::function<void(BarePostgres&)> bare;
    bool is_judged = true;  ///< Else only reported.
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
    const double on_executor = median(here.wall) - bare_wall;
    const double through_wait = median(waiting.wall) - bare_wall;
    if (!work.is_judged) {
        setup.summary->note(name + ", on the manager's executor: us added", on_executor);
        setup.summary->note(name + ", through wait: us added", through_wait);
        return;
    }
    setup.summary->at_most(name + ", on the manager's executor: us added", on_executor, 15);
    setup.summary->at_most(name + ", through wait: us added", through_wait, 45);
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

/// A quote that is not stored yet.
inline BookTicker next_quote() {
    static const BookTicker first = make_quotes(first_symbols(1), 1).front();
    static std::int64_t number = 0;
    BookTicker row = first;
    row.sequence = 1'000'000 + ++number;
    row.timestamp += std::chrono::hours(1) + std::chrono::milliseconds(number);
    row.received_at = row.timestamp + std::chrono::milliseconds(1);
    return row;
}

inline boost::asio::awaitable<void> write_one_quote(DatabaseManager& db) {
    std::vector<BookTicker> rows{next_quote()};
    const WriteResult result = co_await db.insert_book_ticker_snapshots(std::move(rows));
    if (result.inserted != 1) throw std::runtime_error("not one row");
}

/// What is left of an upsert where no batch has to be written, nothing is said of what was inserted, and no range of skews kept.
inline constexpr const char* kOneRowStatement = R"(
INSERT INTO book_ticker_snapshots AS t (symbol_id, timestamp, sequence, received_at, bid_price, bid_qty, ask_price, ask_qty,
                                        source_id)
VALUES ($1::integer, $2::timestamptz, $3::bigint, $4::timestamptz, $5::double precision, $6::double precision,
        $7::double precision, $8::double precision, $9::integer)
ON CONFLICT (symbol_id, timestamp, sequence) DO UPDATE SET received_at = least(t.received_at, excluded.received_at),
    bid_price = excluded.bid_price, bid_qty = excluded.bid_qty, ask_price = excluded.ask_price, ask_qty = excluded.ask_qty,
    source_id = coalesce(excluded.source_id, t.source_id)
WHERE (t.received_at, t.bid_price, t.bid_qty, t.ask_price, t.ask_qty) IS DISTINCT FROM
    (least(t.received_at, excluded.received_at), excluded.bid_price, excluded.bid_qty, excluded.ask_price, excluded.ask_qty))";

inline std::vector<std::string> fields_of(const BookTicker& row) {
    std::vector<std::string> fields;
    BareBytes bytes;
    bytes.room_for(8);
    const auto add = [&](auto put) {
        bytes.clear();
        put();
        fields.emplace_back(bytes.view());
    };
    const auto time = [&](Timestamp at) { bytes.int64(at.time_since_epoch().count() - BareBytes::kEpoch); };
    add([&] { bytes.int32(static_cast<std::int32_t>(row.symbol_id)); });
    add([&] { time(row.timestamp); });
    add([&] { bytes.int64(row.sequence); });
    add([&] { time(row.received_at); });
    for (const double value : {row.bid_price, row.bid_qty, row.ask_price, row.ask_qty}) {
        add([&] { bytes.float64(value); });
    }
    add([&] { bytes.int32(static_cast<std::int32_t>(row.source_id)); });
    return fields;
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

/// Commits do not wait for the disk here, on either side: that takes twenty times as long as what is looked for, and is never the
/// same.
inline void bench_one_row_writes(const Setup& setup, KeptApart& apart) {
    Setup hasty = setup;
    hasty.url += "&options=-csynchronous_commit%3Doff";
    Config config = hasty.config("one_row");
    config.postgres.pool_min_size = 1;
    DatabaseManager db(std::move(config));
    db.wait(db.initialize());
    db.wait(write_one_quote(db));
    BarePostgres bare(hasty.url, "one_row");
    bare.prepare("one", kOneRowStatement);
    bare.prepare_upsert(kArrayStatement);
    apart.keep_server(bare);
    bench_one_row_of(hasty, db, bare, {"one row, upsert", &write_one_quote, [](BarePostgres& server) {
                                           server.query_prepared("one", fields_of(next_quote()));
                                       }});
    bench_one_row_of(hasty, db, bare,
                     {"one row, upsert, to our statement in a transaction", &write_one_quote,
                      [](BarePostgres& server) {
                          const BookTicker row = next_quote();
                          server.run("BEGIN");
                          if (server.upsert({&row, 1}) != 1) throw std::runtime_error("not one row");
                          server.run("COMMIT");
                      },
                      false});
    db.wait(db.close());
}

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
    bench_one_row_writes(setup, apart);
}

}  // namespace marketdb::bench
