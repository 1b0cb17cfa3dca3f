#pragma once

#include <string>

#include "postgres_market.hpp"
#include "postgres_writes.hpp"

/// Writing into the schema of the programs that marketdb replaces, through the manager and with bare libpq.
namespace marketdb::bench {

/// Behind a COPY into `staged`: the upsert as marketdb means it there, where `timestamp` is the time of receipt.
inline constexpr const char* kStagedStatement = R"(
INSERT INTO book_ticker_snapshots AS t (symbol_id, timestamp, sequence_number, bid_price, bid_qty, ask_price, ask_qty)
SELECT symbol_id, received_at, sequence, bid_price, bid_qty, ask_price, ask_qty FROM staged
ON CONFLICT (timestamp, symbol_id) DO UPDATE SET sequence_number = excluded.sequence_number,
    bid_price = excluded.bid_price, bid_qty = excluded.bid_qty, ask_price = excluded.ask_price, ask_qty = excluded.ask_qty
WHERE (t.bid_price, t.bid_qty, t.ask_price, t.ask_qty) IS DISTINCT FROM
    (excluded.bid_price, excluded.bid_qty, excluded.ask_price, excluded.ask_qty)
    AND coalesce(t.sequence_number, 0) <= coalesce(excluded.sequence_number, 0))";

inline void make_existing_schema(const Setup& setup, BarePostgres& server, std::size_t symbols) {
    server.run(text_of(setup.existing));
    server.run("INSERT INTO exchanges (enum_value, exchange_name, market_type) VALUES ('BENCH_SPOT', 'BENCH', 'SPOT')");
    server.run(fmt::format(
        "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) SELECT 1, 'C' || i, 'USDT', "
        "'C' || i || 'USDT' FROM generate_series(1, {}) AS i",
        symbols));
    server.run(
        "CREATE TEMPORARY TABLE staged (symbol_id integer, timestamp timestamptz, sequence bigint, received_at "
        "timestamptz, bid_price double precision, bid_qty double precision, ask_price double precision, ask_qty double "
        "precision, source_id integer) ON COMMIT DELETE ROWS");
    server.run("VACUUM ANALYZE");
}

inline void bench_existing(const Setup& setup) {
    if (setup.existing.empty()) return;
    const std::size_t rows = setup.rows / 2;
    Batches batches = make_batches(make_quotes(first_symbols(20), rows), 10'000);
    for (auto& batch : batches) {
        for (BookTicker& row : batch) row.source_id = SourceId{};  // There are no sources.
    }
    BarePostgres bare(setup.url, "existing");
    make_existing_schema(setup, bare, 20);
    DatabaseManager db(setup.config("existing"));
    db.wait(db.initialize());

    const auto make_empty = [&] {
        bare.run("TRUNCATE book_ticker_snapshots");
        bare.run("CHECKPOINT");
    };
    const auto staged = [&] {
        for (const auto& batch : batches) bare.copy_in(batch, "staged", kStagedStatement);
    };
    const auto stored = [&] {
        make_empty();
        staged();
        bare.run("VACUUM ANALYZE book_ticker_snapshots");
        bare.run("CHECKPOINT");
    };
    std::vector<Runner> runners{
        {{"DatabaseManager, new rows", {}},
         rows,
         [&] {
             make_empty();
             return time_writes(db, batches, &WriteResult::inserted);
         }},
        {{"bare libpq, staged, new rows", {}},
         rows,
         [&] {
             make_empty();
             return time_of(staged);
         }},
        {{"DatabaseManager, equal rows", {}},
         rows,
         [&] {
             stored();
             return time_writes(db, batches, &WriteResult::unchanged);
         }},
        {{"bare libpq, staged, equal rows", {}},
         rows,
         [&] {
             stored();
             return time_of(staged);
         }},
    };
    std::printf("\nupsert of %zu book tickers into the existing schema in batches of 10,000, %zu rounds\n", rows,
                setup.rounds);
    take_turns(runners, setup.rounds);
    setup.summary->at_least("existing schema, new rows: to bare libpq, staged",
                            speed_ratio(runners[0].side, runners[1].side), 0.95);
    setup.summary->note("existing schema, equal rows: to bare libpq, staged",
                        speed_ratio(runners[2].side, runners[3].side));
    db.wait(db.close());
}

}  // namespace marketdb::bench
