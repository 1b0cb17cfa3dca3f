/// Look-ups in memory through the public API, and opening a file with 3,000 symbols.
///
/// Times of look-ups are processor time of the thread, so that a busy machine does not count. Usage:
/// bench_lookup_bench [--folder DIR] [--rounds 9]
#include <algorithm>
#include <functional>
#include <latch>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <marketdb/marketdb.hpp>

#include "bare_sqlite.hpp"
#include "bench.hpp"
#include "market.hpp"

namespace marketdb::bench {
namespace {

constexpr std::size_t kSymbols = 3000;
constexpr std::size_t kTexts = 4096;

struct Question {
    ExchangeId exchange{};
    SymbolId symbol{};
    std::string text;
    const Symbol* answer = nullptr;
};

/// Six exchanges, half of them futures, with 500 symbols each, some spelled `BTCUSDT`, some `BTC_USDT`.
void make_listing(const std::filesystem::path& file) {
    {
        DatabaseManager db(Config::from_url("sqlite:" + file.string()));
        db.wait(db.initialize());
        db.wait(db.close());
    }
    BareDatabase db(file);
    db.run("BEGIN");
    for (int i = 1; i <= 6; ++i) {
        const char* market = i % 2 == 0 ? "FUTURES" : "SPOT";
        db.run(
            fmt::format("INSERT INTO exchanges (id, enum_value, exchange_name, market_type, is_active) "
                        "VALUES ({0}, 'VENUE{1}_{2}', 'Venue', '{2}', 1)",
                        i, static_cast<char>('A' + i), market));
    }
    for (std::size_t i = 1; i <= kSymbols; ++i) {
        const std::size_t exchange = 1 + i % 6;
        const bool is_futures = exchange % 2 == 0;
        db.run(fmt::format(
            "INSERT INTO symbols (id, exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type, "
            "contract_type, quantity_unit, is_active) "
            "VALUES ({0}, {1}, 'C{0}', 'USDT', 'C{0}{2}USDT', '{3}', '{4}', 'base', 1)",
            i, exchange, i % 3 == 0 ? "" : "_", is_futures ? "FUTURES" : "SPOT", is_futures ? "perpetual" : "spot"));
    }
    db.run("COMMIT");
}

/// Symbols in random order, each asked for in one of four spellings.
std::vector<Question> make_questions(const DatabaseManager& db) {
    std::mt19937 random(3000);
    std::uniform_int_distribution<int> any(1, kSymbols);
    std::vector<Question> questions(kTexts);
    for (std::size_t i = 0; i < kTexts; ++i) {
        const int id = any(random);
        const std::string texts[] = {fmt::format("C{}/USDT", id), fmt::format("c{}-usdt", id),
                                     fmt::format("C{}USDT", id), fmt::format("C{}_USDT", id)};
        questions[i] = {ExchangeId{1 + id % 6}, SymbolId{id}, texts[i % 4], db.find_symbol(SymbolId{id})};
        if (questions[i].answer == nullptr) throw std::runtime_error("a symbol was not found");
    }
    return questions;
}

/// Nanoseconds of one look-up on each of `threads` threads that run at once; the slowest counts.
double nanoseconds_each(std::size_t threads, std::size_t repeats, const std::function<std::size_t()>& one_pass) {
    std::latch start(static_cast<std::ptrdiff_t>(threads));
    std::vector<double> times(threads);
    std::vector<std::thread> workers;
    for (double& time : times) {
        workers.emplace_back([&] {
            std::size_t found = one_pass();
            start.arrive_and_wait();
            const double begin = thread_cpu_seconds();
            for (std::size_t i = 0; i < repeats; ++i) found += one_pass();
            time = (thread_cpu_seconds() - begin) / static_cast<double>(repeats * kTexts) * 1e9;
            if (found != (repeats + 1) * kTexts) time = -1;
        });
    }
    for (std::thread& worker : workers) worker.join();
    if (*std::min_element(times.begin(), times.end()) < 0) throw std::runtime_error("a symbol was not found");
    return *std::max_element(times.begin(), times.end());
}

void bench_lookup(const char* what, std::size_t rounds, std::size_t repeats, double wanted_ns,
                  const std::function<std::size_t()>& one_pass) {
    std::vector<double> alone;
    std::vector<double> together;
    for (std::size_t round = 0; round < rounds; ++round) {
        alone.push_back(nanoseconds_each(1, repeats, one_pass));
        together.push_back(nanoseconds_each(2, repeats, one_pass));
    }
    std::printf("%s\n", what);
    print_verdict("one thread, ns", median(alone), wanted_ns, false);
    print_verdict("two threads, ns each", median(together), wanted_ns * 1.1, false);
    print_verdict("two threads to one", median(together) / median(alone), 1.1, false);
}

void bench_initialize(const std::filesystem::path& file, std::size_t rounds) {
    std::vector<double> milliseconds;
    for (std::size_t round = 0; round < rounds + 1; ++round) {
        DatabaseManager db(Config::from_url("sqlite:" + file.string()));
        const Taken taken = time_of([&] { db.wait(db.initialize()); });
        if (round > 0) milliseconds.push_back(taken.wall * 1000);
        if (db.find_symbol(SymbolId{kSymbols}) == nullptr) throw std::runtime_error("the last symbol is not in memory");
        db.wait(db.close());
    }
    std::printf("initialize() on an existing file with 3,000 symbols\n");
    print_verdict("ms", median(milliseconds), 10, false);
}

int run(int argc, char** argv) {
    const TemporaryFolder folder(option(argc, argv, "--folder", std::filesystem::temp_directory_path().string()));
    const std::size_t rounds = number_option(argc, argv, "--rounds", 9);
    print_environment(argc, argv, folder.path());
    make_listing(folder / "listing.db");
    bench_initialize(folder / "listing.db", rounds);

    DatabaseManager db(Config::from_url("sqlite:" + (folder / "listing.db").string()));
    db.wait(db.initialize());
    const std::vector<Question> questions = make_questions(db);
    bench_lookup("find_symbol by id, 3,000 symbols in random order", rounds, 5000, 5, [&] {
        std::size_t found = 0;
        for (const Question& question : questions) {
            found += db.find_symbol(question.symbol) == question.answer ? 1U : 0U;
        }
        return found;
    });
    bench_lookup("find_symbol by text, any spelling, 3,000 symbols in random order", rounds, 500, 60, [&] {
        std::size_t found = 0;
        for (const Question& question : questions) {
            found += db.find_symbol(question.exchange, question.text) == question.answer ? 1U : 0U;
        }
        return found;
    });
    const PerformanceStats stats = db.get_performance_stats();
    std::printf("the manager's own sample: %.1f ns a look-up\n", stats.avg_lookup_time_ns);
    db.wait(db.close());
    return 0;
}

}  // namespace
}  // namespace marketdb::bench

int main(int argc, char** argv) { return marketdb::bench::run_program(argc, argv, marketdb::bench::run); }
