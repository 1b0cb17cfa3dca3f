/// Writing and reading through `DatabaseManager` against bare SQLite loops that do the same durable work.
///
/// Usage: bench_sqlite_bench [--folder DIR] [--rows 1000000] [--rounds 5] [--only insert|small|history]
#include <string>
#include <utility>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "bare_sqlite.hpp"
#include "bench.hpp"
#include "market.hpp"

namespace marketdb::bench {
namespace {

using Batches = std::vector<std::vector<BookTicker>>;

boost::asio::awaitable<std::uint64_t> insert_all(DatabaseManager& db, Batches batches) {
    std::uint64_t inserted = 0;
    for (std::vector<BookTicker>& batch : batches) {
        const WriteResult result = co_await db.insert_book_ticker_snapshots(std::move(batch));
        inserted += result.inserted;
    }
    co_return inserted;
}

/// A copy of the empty market under a new name.
std::filesystem::path fresh_copy(const TemporaryFolder& folder, const char* name) {
    std::filesystem::path file = folder / name;
    std::filesystem::remove(file);
    std::filesystem::remove(file.string() + "-wal");
    std::filesystem::remove(file.string() + "-shm");
    std::filesystem::copy_file(folder / "market.db", file);
    return file;
}

Taken time_manager(const TemporaryFolder& folder, const Batches& batches, std::uint64_t rows) {
    DatabaseManager db(Config::from_url("sqlite:" + fresh_copy(folder, "ours.db").string()));
    db.wait(db.initialize());
    Batches own = batches;
    std::uint64_t inserted = 0;
    const Taken taken = time_of([&] { inserted = db.wait(insert_all(db, std::move(own))); });
    db.wait(db.close());
    if (inserted != rows) throw std::runtime_error("not every row was inserted");
    return taken;
}

Taken time_bare(const TemporaryFolder& folder, const Batches& batches, bool with_series) {
    BareDatabase db(fresh_copy(folder, "bare.db"));
    Batches own = batches;
    return time_of([&] {
        for (std::vector<BookTicker>& batch : own) {
            const std::vector<BookTicker> rows = std::move(batch);  // Gone afterwards, as on the other side.
            db.insert(rows, with_series);
        }
    });
}

void bench_insert(const TemporaryFolder& folder, const char* title, const Batches& batches, std::size_t rounds,
                  double wanted) {
    std::uint64_t rows = 0;
    for (const auto& batch : batches) rows += batch.size();
    Side ours{"DatabaseManager", {}};
    Side bare{"bare, with the series upsert", {}};
    Side barest{"bare, rows only", {}};
    for (std::size_t round = 0; round < rounds; ++round) {
        const auto time_ours = [&] { ours.rounds.push_back(time_manager(folder, batches, rows)); };
        const auto time_theirs = [&] {
            bare.rounds.push_back(time_bare(folder, batches, true));
            barest.rounds.push_back(time_bare(folder, batches, false));
        };
        if (round % 2 == 0) time_ours();
        time_theirs();
        if (round % 2 == 1) time_ours();
    }
    std::printf("%s: %lu rows in %zu transactions, median of %zu rounds\n", title, rows, batches.size(), rounds);
    for (const Side* side : {&ours, &bare, &barest}) print_side(*side, static_cast<double>(rows));
    print_ratio("ratio to rows only", speed_ratio(ours, barest));
    print_ratio("ratio of processor time", speed_ratio(ours, bare, &Taken::cpu));
    print_verdict("ratio", speed_ratio(ours, bare), wanted, true);
}

void bench_history(const TemporaryFolder& folder, const std::vector<SymbolId>& symbols, std::size_t rows,
                   std::size_t rounds) {
    const std::filesystem::path file = fresh_copy(folder, "history.db");
    const SymbolId symbol = symbols.front();
    {
        BareDatabase writer(file);
        for (const auto& batch : make_batches(make_quotes({symbol}, rows), 10'000)) writer.insert(batch, true);
    }
    DatabaseManager db(Config::from_url("sqlite:" + file.string()));
    db.wait(db.initialize());
    BareDatabase bare_db(file);
    Side ours{"DatabaseManager", {}};
    Side bare{"bare sqlite3_step loop", {}};
    const std::vector<SymbolId> chosen = {symbol};
    HistoryFilter filter;
    filter.series.symbols = chosen;
    for (std::size_t round = 0; round < rounds + 1; ++round) {
        History<BookTicker> history;
        const Taken our_time = time_of([&] { history = db.wait(db.get_book_ticker_history(filter)); });
        std::vector<BookTicker> bare_rows;
        const Taken bare_time = time_of([&] { bare_rows = bare_db.history(symbol); });
        if (history.rows.size() != rows || bare_rows.size() != rows ||
            key_of(history.rows.back()).sequence != key_of(bare_rows.back()).sequence) {
            throw std::runtime_error("the two sides read different rows");
        }
        if (round == 0) continue;  // Fills the caches of both.
        ours.rounds.push_back(our_time);
        bare.rounds.push_back(bare_time);
    }
    std::printf("history of one series into a vector: %zu rows, median of %zu rounds\n", rows, rounds);
    print_side(ours, static_cast<double>(rows));
    print_side(bare, static_cast<double>(rows));
    print_ratio("ratio of processor time", speed_ratio(ours, bare, &Taken::cpu));
    print_verdict("ratio", speed_ratio(ours, bare), 0.85, true);
    db.wait(db.close());
}

int run(int argc, char** argv) {
    const TemporaryFolder folder(option(argc, argv, "--folder", std::filesystem::temp_directory_path().string()));
    const std::size_t rows = number_option(argc, argv, "--rows", 1'000'000);
    const std::size_t rounds = number_option(argc, argv, "--rounds", 5);
    const std::string only = option(argc, argv, "--only", "");
    print_environment(argc, argv, folder.path());
    const std::vector<SymbolId> symbols = make_market(folder / "market.db", 20);
    {
        // The rows name it; so nothing has to be registered while they are timed.
        DatabaseManager db(Config::from_url("sqlite:" + (folder / "market.db").string()));
        db.wait(db.initialize());
        Source source;
        source.kind = "session";
        source.name = "bench";
        source.started_at = kMarketStart;
        const SourceId id = db.wait(db.begin_source(source));
        if (id != SourceId{1}) throw std::runtime_error("the first source has another id");
        db.wait(db.close());
    }
    const std::vector<BookTicker> quotes = make_quotes(symbols, rows);
    if (only.empty() || only == "insert") {
        bench_insert(folder, "insert in batches of 10,000", make_batches(quotes, 10'000), rounds, 0.92);
    }
    if (only.empty() || only == "small") {
        const std::vector<BookTicker> some(quotes.begin(), quotes.begin() + static_cast<std::ptrdiff_t>(rows / 20));
        bench_insert(folder, "insert in batches of 50", make_batches(some, 50), rounds, 0.85);
    }
    if (only.empty() || only == "history") bench_history(folder, symbols, rows, rounds);
    return 0;
}

}  // namespace
}  // namespace marketdb::bench

int main(int argc, char** argv) { return marketdb::bench::run_program(argc, argv, marketdb::bench::run); }
