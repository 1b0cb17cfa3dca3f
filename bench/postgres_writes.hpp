#pragma once

#include <string>
#include <utility>
#include <vector>

#include "postgres_market.hpp"

/// Writing, through the manager, with bare libpq, and with asyncpg.
namespace marketdb::bench {

inline constexpr const char* kPartition = "book_ticker_snapshots_2024_08";

/// marketdb's own statement for a table whose rows lie in August 2024.
inline constexpr const char* kArrayStatement = R"(
WITH written AS (
    INSERT INTO book_ticker_snapshots AS t (symbol_id, timestamp, sequence, received_at, bid_price, bid_qty, ask_price,
                                            ask_qty, source_id)
    SELECT i.symbol_id, i.timestamp, i.sequence, i.received_at, i.bid_price, i.bid_qty, i.ask_price, i.ask_qty, i.source_id
    FROM unnest($1::integer[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::double precision[],
                $6::double precision[], $7::double precision[], $8::double precision[], $9::integer[])
        AS i (symbol_id, timestamp, sequence, received_at, bid_price, bid_qty, ask_price, ask_qty, source_id)
    LEFT JOIN LATERAL (
        SELECT * FROM book_ticker_snapshots AS t
        WHERE t.symbol_id = i.symbol_id AND t.timestamp = i.timestamp AND t.sequence = i.sequence
            AND timestamp >= '2024-08-01T00:00:00Z'::timestamptz AND timestamp < '2024-09-01T00:00:00Z'::timestamptz
        LIMIT 1) AS t ON true
    WHERE t.symbol_id IS NULL OR (t.received_at, t.bid_price, t.bid_qty, t.ask_price, t.ask_qty) IS DISTINCT FROM
        (least(t.received_at, i.received_at), i.bid_price, i.bid_qty, i.ask_price, i.ask_qty)
    ON CONFLICT (symbol_id, timestamp, sequence) DO UPDATE SET received_at = least(t.received_at, excluded.received_at),
        bid_price = excluded.bid_price, bid_qty = excluded.bid_qty, ask_price = excluded.ask_price,
        ask_qty = excluded.ask_qty, source_id = coalesce(excluded.source_id, t.source_id)
    WHERE (t.received_at, t.bid_price, t.bid_qty, t.ask_price, t.ask_qty) IS DISTINCT FROM
        (least(t.received_at, excluded.received_at), excluded.bid_price, excluded.bid_qty, excluded.ask_price,
         excluded.ask_qty)
    RETURNING symbol_id, received_at - timestamp AS skew
), widened AS (
    UPDATE series AS s SET min_skew = least(s.min_skew, w.least), max_skew = greatest(s.max_skew, w.greatest)
    FROM (SELECT symbol_id, (extract(epoch FROM min(skew)) * 1000000)::bigint AS least,
                 (extract(epoch FROM max(skew)) * 1000000)::bigint AS greatest
          FROM written GROUP BY symbol_id) AS w
    WHERE EXISTS (
            SELECT FROM unnest($10::integer[], $11::bigint[], $12::bigint[]) AS g (symbol_id, least, greatest)
            LEFT JOIN series AS k ON k.dataset = 'book-tickers' AND k.series_id = g.symbol_id AND k.account = ''
                AND k.asset_name = ''
            WHERE k.min_skew > g.least OR k.max_skew < g.greatest OR k.min_skew IS NULL)
        AND s.dataset = 'book-tickers' AND s.series_id = w.symbol_id AND s.account = '' AND s.asset_name = ''
        AND (s.min_skew > w.least OR s.max_skew < w.greatest OR (s.min_skew IS NULL AND w.least IS NOT NULL)))
SELECT count(*) FROM written)";

/// A manager and a bare session on one schema, with the partition made.
struct Desk {
    Desk(const Setup& setup, const std::string& schema, std::size_t symbols)
        : db(prepared(setup, schema, symbols)), bare(setup.url, schema) {
        db.wait(db.initialize());
        db.wait(write_all(db, make_batches(make_quotes(first_symbols(1), 1), 1)));
    }
    ~Desk() { db.wait(db.close()); }
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    DatabaseManager db;
    BarePostgres bare;

 private:
    static Config prepared(const Setup& setup, const std::string& schema, std::size_t symbols) {
        make_schema(setup, schema, symbols);
        return setup.config(schema);
    }
};

inline void copy_all(BarePostgres& bare, const Batches& batches) {
    for (const auto& batch : batches) bare.copy_in(batch);
}

/// The table once more, with a foreign key for each row instead of the trigger.
inline void make_table_with_foreign_key(BarePostgres& bare) {
    bare.run(
        "CREATE TABLE with_foreign_key (LIKE book_ticker_snapshots INCLUDING ALL) PARTITION BY RANGE (timestamp); "
        "CREATE "
        "TABLE with_foreign_key_2024_08 PARTITION OF with_foreign_key FOR VALUES FROM ('2024-08-01') TO "
        "('2024-09-01'); ALTER "
        "TABLE with_foreign_key ADD FOREIGN KEY (symbol_id) REFERENCES symbols (id)");
}

inline void bench_insert(const Setup& setup) {
    const std::size_t few = std::min<std::size_t>(setup.rows, 5'000);
    const Batches batches = make_batches(make_quotes(first_symbols(20), setup.rows), 10'000);
    Desk desk(setup, "inserting", 20);
    make_table_with_foreign_key(desk.bare);
    const auto peer = setup.peer(setup.asyncpg, "inserting");
    const std::filesystem::path file = setup.folder / "new_rows";
    write_rows(file, batches);
    if (peer) peer->ask("load " + file.string());

    const auto trigger = [&](const char* what) {
        desk.bare.run(fmt::format("ALTER TABLE ONLY book_ticker_snapshots {} TRIGGER adds_rows", what));
    };
    const auto ours = [&](const char* state) {
        empty_tables(desk.bare);
        trigger(state);
        const Taken taken = time_writes(desk.db, batches, &WriteResult::inserted);
        trigger("ENABLE");
        return taken;
    };
    const auto theirs = [&](const char* state) {
        empty_tables(desk.bare);
        trigger(state);
        const Taken taken = time_of([&] { copy_all(desk.bare, batches); });
        trigger("ENABLE");
        return taken;
    };
    const auto asyncpg = [&](const std::string& work, const std::string& table, std::size_t rows) {
        empty_tables(desk.bare);
        desk.bare.run("TRUNCATE with_foreign_key");
        return peer->ask(fmt::format("{} {} 0 {} 10000", work, table, rows)).taken;
    };
    std::vector<Runner> runners{
        {{"DatabaseManager", {}}, setup.rows, [&] { return ours("ENABLE"); }},
        {{"bare libpq, COPY", {}}, setup.rows, [&] { return theirs("ENABLE"); }},
        {{"DatabaseManager, no trigger", {}}, setup.rows, [&] { return ours("DISABLE"); }},
        {{"bare libpq, COPY, no trigger", {}}, setup.rows, [&] { return theirs("DISABLE"); }},
    };
    if (peer) {
        runners.push_back({{"asyncpg, staged", {}}, setup.rows, [&] {
                               return asyncpg("staged", "book_ticker_snapshots", setup.rows);
                           }});
        runners.push_back({{"asyncpg, staged, foreign key", {}}, setup.rows, [&] {
                               return asyncpg("staged", "with_foreign_key", setup.rows);
                           }});
        runners.push_back(
            {{"asyncpg, row by row", {}}, few, [&] { return asyncpg("execute", "book_ticker_snapshots", few); }});
    }
    std::printf("\nupsert of %zu new book tickers in batches of 10,000, %zu rounds\n", setup.rows, setup.rounds);
    take_turns(runners, setup.rounds);
    Summary& summary = *setup.summary;
    summary.at_least("new rows: to bare binary COPY", speed_ratio(runners[0].side, runners[1].side), 0.9);
    summary.note("new rows: to bare binary COPY, neither with the trigger",
                 speed_ratio(runners[2].side, runners[3].side));
    summary.note("new rows: bare COPY with the trigger to without", speed_ratio(runners[1].side, runners[3].side));
    if (!peer) return;
    summary.at_least("new rows: to asyncpg staged, same table", speed_ratio(runners[0].side, runners[4].side), 2);
    summary.at_least("new rows: to asyncpg staged, foreign key", speed_ratio(runners[0].side, runners[5].side), 3);
    summary.at_least("new rows: to asyncpg row by row", speed_ratio(runners[0].side, runners[6].side), 60);
}

/// The same keys with other prices.
inline Batches with_other_prices(Batches batches) {
    for (auto& batch : batches) {
        for (BookTicker& row : batch) {
            row.bid_price -= 1;
            row.ask_price += 1;
        }
    }
    return batches;
}

inline void upsert_all(BarePostgres& bare, const Batches& batches) {
    std::int64_t written = 0;
    for (const auto& batch : batches) written += bare.upsert(batch);
    if (static_cast<std::size_t>(written) != count_rows(batches)) throw std::runtime_error("not every row was written");
}

inline void bench_small(const Setup& setup) {
    const std::size_t rows = std::min<std::size_t>(setup.rows, 50'000);
    const Batches batches = make_batches(make_quotes(first_symbols(57), rows), 50);
    const Batches changed = with_other_prices(batches);
    Desk desk(setup, "small", 57);
    desk.bare.prepare_upsert(kArrayStatement);
    const auto peer = setup.peer(setup.asyncpg, "small");
    const std::filesystem::path file = setup.folder / "small_rows";
    write_rows(file, batches);
    if (peer) peer->ask("load " + file.string());
    const auto stored = [&] {
        empty_tables(desk.bare);
        copy_all(desk.bare, batches);
        desk.bare.run("VACUUM ANALYZE book_ticker_snapshots");
        desk.bare.run("CHECKPOINT");
    };
    std::vector<Runner> runners{
        {{"DatabaseManager, new rows", {}},
         rows,
         [&] {
             empty_tables(desk.bare);
             return time_writes(desk.db, batches, &WriteResult::inserted);
         }},
        {{"bare libpq, same array statement, new rows", {}},
         rows,
         [&] {
             empty_tables(desk.bare);
             return time_of([&] { upsert_all(desk.bare, batches); });
         }},
        {{"DatabaseManager, changed rows", {}},
         rows,
         [&] {
             stored();
             return time_writes(desk.db, changed, &WriteResult::updated);
         }},
        {{"bare libpq, same array statement, changed rows", {}},
         rows,
         [&] {
             stored();
             return time_of([&] { upsert_all(desk.bare, changed); });
         }},
        {{"DatabaseManager, unchanged rows", {}},
         rows,
         [&] {
             stored();
             return time_writes(desk.db, batches, &WriteResult::unchanged);
         }},
    };
    if (peer) {
        runners.push_back({{"asyncpg, executemany, new rows", {}}, rows, [&] {
                               empty_tables(desk.bare);
                               return peer->ask(fmt::format("executemany book_ticker_snapshots 0 {} 50", rows)).taken;
                           }});
    }
    std::printf("\nupsert in batches of 50, 57 series, %zu rows, %zu rounds\n", rows, setup.rounds);
    take_turns(runners, setup.rounds);
    Summary& summary = *setup.summary;
    if (peer)
        summary.at_least("batches of 50: to asyncpg executemany", speed_ratio(runners[0].side, runners[5].side), 2);
    summary.at_least("batches of 50: to bare libpq, same array statement",
                     speed_ratio(runners[0].side, runners[1].side), 0.85);
    summary.at_least("batches of 50: the same, changed rows", speed_ratio(runners[2].side, runners[3].side), 0.85);
    summary.at_least("batches of 50: unchanged to changed rows", speed_ratio(runners[4].side, runners[2].side), 2);
}

/// What a write left behind it in the server.
struct Footprint {
    explicit Footprint(BarePostgres& bare)
        : bytes(bare.number(fmt::format("SELECT pg_total_relation_size('{}')", kPartition))),
          log(bare.number("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")) {}

    std::int64_t bytes;
    std::int64_t log;
};

inline void bench_stored(const Setup& setup) {
    const std::size_t rows = setup.rows / 2;
    const Batches batches = make_batches(make_quotes(first_symbols(20), rows), 10'000);
    const Batches changed = with_other_prices(batches);
    Desk desk(setup, "stored", 20);
    const auto peer = setup.peer(setup.asyncpg, "stored");
    const std::filesystem::path file = setup.folder / "stored_rows";
    write_rows(file, batches);
    if (peer) peer->ask("load " + file.string());
    write_rows(file, changed);
    if (peer) peer->ask("load " + file.string());
    const auto stored = [&] {
        empty_tables(desk.bare);
        copy_all(desk.bare, batches);
        desk.bare.run("VACUUM ANALYZE book_ticker_snapshots");
        desk.bare.run("CHECKPOINT");
    };
    const auto asyncpg = [&](const char* work, std::size_t first) {
        stored();
        return peer->ask(fmt::format("{} book_ticker_snapshots {} {} 10000", work, first, rows)).taken;
    };
    std::int64_t grown = 0;
    std::int64_t logged = 0;
    std::vector<Runner> runners{
        {{"DatabaseManager, equal rows", {}},
         rows,
         [&] {
             stored();
             const Footprint before(desk.bare);
             const Taken taken = time_writes(desk.db, batches, &WriteResult::unchanged);
             const Footprint after(desk.bare);
             grown = std::max(grown, after.bytes - before.bytes);
             logged = std::max(logged, after.log - before.log);
             return taken;
         }},
        {{"DatabaseManager, different rows", {}},
         rows,
         [&] {
             stored();
             return time_writes(desk.db, changed, &WriteResult::updated);
         }},
    };
    if (peer) {
        runners.push_back({{"asyncpg, staged, equal rows", {}}, rows, [&] { return asyncpg("staged", 0); }});
        runners.push_back({{"asyncpg, staged, equal rows skipped", {}}, rows, [&] { return asyncpg("skipping", 0); }});
        runners.push_back({{"asyncpg, staged, different rows", {}}, rows, [&] { return asyncpg("staged", rows); }});
    }
    std::printf("\nupsert of %zu stored book tickers in batches of 10,000, %zu rounds\n", rows, setup.rounds);
    take_turns(runners, setup.rounds);
    Summary& summary = *setup.summary;
    summary.at_most("equal rows: bytes by which the table grew", static_cast<double>(grown), 0);
    summary.note("equal rows: bytes of the server's log", static_cast<double>(logged));
    if (!peer) return;
    summary.at_least("equal rows: to asyncpg staged", speed_ratio(runners[0].side, runners[2].side), 2);
    summary.note("equal rows: to asyncpg staged, skipping equal rows", speed_ratio(runners[0].side, runners[3].side));
    summary.at_least("different rows: to asyncpg staged", speed_ratio(runners[1].side, runners[4].side), 1.1);
    summary.at_most("different rows: own processor time to asyncpg's",
                    1 / speed_ratio(runners[1].side, runners[4].side, &Taken::cpu), 0.5);
}

}  // namespace marketdb::bench
