/// Writing and reading on PostgreSQL through `DatabaseManager` against bare libpq, asyncpg and libpqxx, in turns.
///
/// bench/run_postgres.sh starts a server for it. Usage:
/// bench_postgres_bench --url URL [--asyncpg COMMAND] [--libpqxx COMMAND] [--rows 1000000] [--latest-rows 20000000]
///     [--rounds 5] [--folder DIR] [--existing FILE.sql] [--only insert|small|stored|existing|history|bars|latest|one-row|
///     initialize] [--bar-rows 5000000]
#include <string>

#include <marketdb/marketdb.hpp>

#include "bench.hpp"
#include "postgres_bars.hpp"
#include "postgres_existing.hpp"
#include "postgres_market.hpp"
#include "postgres_one_row.hpp"
#include "postgres_reads.hpp"
#include "postgres_writes.hpp"

namespace marketdb::bench {
namespace {

int run(int argc, char** argv) {
    const TemporaryFolder folder(option(argc, argv, "--folder", std::filesystem::temp_directory_path().string()));
    Summary summary;
    Setup setup;
    setup.url = option(argc, argv, "--url", "");
    setup.asyncpg = option(argc, argv, "--asyncpg", "");
    setup.libpqxx = option(argc, argv, "--libpqxx", "");
    setup.existing = option(argc, argv, "--existing", "");
    setup.folder = folder.path();
    setup.rows = number_option(argc, argv, "--rows", 1'000'000);
    setup.rounds = number_option(argc, argv, "--rounds", 5);
    setup.summary = &summary;
    const std::size_t latest_rows = number_option(argc, argv, "--latest-rows", 20'000'000);
    const std::string only = option(argc, argv, "--only", "");
    const auto wants = [&](const char* what) { return only.empty() || only == what; };

    print_environment(argc, argv, folder.path());
    if (wants("initialize")) bench_initialize(setup);
    if (wants("one-row")) bench_one_row(setup);
    if (wants("small")) bench_small(setup);
    if (wants("insert")) bench_insert(setup);
    if (wants("stored")) bench_stored(setup);
    if (wants("existing")) bench_existing(setup);
    if (wants("history")) bench_history(setup);
    if (wants("bars")) bench_bars(setup, number_option(argc, argv, "--bar-rows", 5'000'000));
    if (wants("latest")) bench_latest(setup, latest_rows);
    summary.print();
    return summary.is_good() ? 0 : 3;
}

}  // namespace
}  // namespace marketdb::bench

int main(int argc, char** argv) { return marketdb::bench::run_program(argc, argv, marketdb::bench::run); }
