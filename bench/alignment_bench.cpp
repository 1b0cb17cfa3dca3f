/// Quotes of several series side by side: the merge alone, over rows that are in memory, and with reading them from SQLite.
///
/// Times are processor time of the thread that merges (of SQLite: of the process), so that a busy machine does not count. Usage:
/// bench_alignment_bench [--folder DIR] [--rounds 5] [--rows 3000000]
#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/marketdb.hpp>

#include "analysis/asof_merge.hpp"
#include "bench.hpp"

namespace marketdb::bench {
namespace {

using analysis::AsOfMerge;
using analysis::Instants;

constexpr Timestamp kStart{std::chrono::microseconds{1'723'118'400'000'000}};
constexpr std::chrono::seconds kLength{3'600};
constexpr std::size_t kPieceRows = 8'192;  // as the library reads them

using Pieces = std::vector<std::vector<BookTicker>>;

/// An hour of quotes of one series, at random times, in the order in which they were received.
std::vector<BookTicker> make_quotes(SymbolId symbol, std::size_t rows) {
    std::mt19937_64 random(static_cast<std::uint64_t>(symbol));
    std::uniform_int_distribution<std::int64_t> any(0, std::chrono::microseconds(kLength).count());
    std::vector<std::int64_t> times(rows);
    for (std::int64_t& time : times) time = any(random);
    std::sort(times.begin(), times.end());
    std::vector<BookTicker> quotes(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        BookTicker& quote = quotes[i];
        quote.symbol_id = symbol;
        quote.received_at = kStart + std::chrono::microseconds(times[i]);
        quote.timestamp = quote.received_at - std::chrono::milliseconds(5);
        quote.sequence = static_cast<std::int64_t>(i);
        quote.bid_price = 60'000 + static_cast<double>(i % 1'000) / 10;
        quote.ask_price = quote.bid_price + 0.1;
        quote.bid_qty = quote.ask_qty = 1;
    }
    return quotes;
}

Pieces cut(const std::vector<BookTicker>& rows) {
    Pieces pieces;
    for (std::size_t begin = 0; begin < rows.size(); begin += kPieceRows) {
        const std::size_t end = std::min(begin + kPieceRows, rows.size());
        pieces.emplace_back(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                            rows.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return pieces;
}

/// Processor seconds of merging the rows. The pieces were made before.
double seconds_of_merge(std::vector<Pieces> series, const Instants& instants, std::uint64_t& given_out) {
    std::vector<std::size_t> next(series.size());
    AsOfMerge merge(series.size(), ClockKind::received, instants, std::nullopt);
    given_out = 0;
    const double begin = thread_cpu_seconds();
    for (bool is_last = false; !is_last;) {
        AlignedBookTickers batch;
        for (auto wanted = merge.run(batch, 16'384); wanted; wanted = merge.run(batch, 16'384)) {
            Pieces& pieces = series[wanted->series];
            std::size_t& at = next[wanted->series];
            merge.feed(wanted->series, at < pieces.size() ? std::move(pieces[at]) : std::vector<BookTicker>{});
            ++at;
        }
        is_last = batch.instants.empty();
        given_out += batch.instants.size();
        keep(batch);
    }
    return thread_cpu_seconds() - begin;
}

void bench_merge(std::size_t series, std::size_t rows, std::size_t rounds) {
    std::vector<Pieces> all;
    for (std::size_t i = 0; i < series; ++i) {
        all.push_back(cut(make_quotes(SymbolId{static_cast<std::int32_t>(i + 1)}, rows / series)));
    }
    const std::pair<const char*, Instants> questions[] = {
        {"a grid of 1 s", Instants::of_grid(std::chrono::seconds(1), kStart, kStart + kLength)},
        {"a grid of 10 ms", Instants::of_grid(std::chrono::milliseconds(10), kStart, kStart + kLength)},
        {"the rows of the first series", Instants::of_rows(0)},
        {"each row", Instants::of_rows(std::nullopt)}};
    std::printf("merge of %zu series, %zu rows in all, in memory\n", series, rows / series * series);
    for (const auto& [what, instants] : questions) {
        std::vector<double> millions;
        std::uint64_t given_out = 0;
        for (std::size_t round = 0; round < rounds; ++round) {
            const double seconds = seconds_of_merge(all, instants, given_out);
            const std::size_t merged = rows / series * series;
            millions.push_back(static_cast<double>(merged) / seconds / 1e6);
        }
        std::printf("  %s: %llu instants\n", what, static_cast<unsigned long long>(given_out));
        // Where many series are wanted at each of many instants, time goes by what comes out, not by what goes in.
        const bool is_bound_by_output = given_out * series > 4 * rows;
        if (is_bound_by_output) {
            print_ratio("million rows/s", median(millions));
        } else {
            print_verdict("million rows/s", median(millions), 3, true);
        }
    }
}

/// Reads the rows of each series and does nothing with them.
void read_only(DatabaseManager& db, const std::vector<SymbolId>& series) {
    for (const SymbolId& one : series) {
        HistoryFilter filter;
        filter.series.symbols = std::span(&one, 1);
        filter.clock = ClockKind::received;
        HistoryReader<BookTicker> reader = db.read_history<BookTicker>(filter);
        while (!db.wait(reader.next(kPieceRows)).empty()) continue;
    }
}

void bench_sqlite(const std::filesystem::path& folder, std::size_t rows, std::size_t rounds) {
    DatabaseManager db(Config::from_url("sqlite:" + (folder / "market.db").string()));
    db.wait(db.initialize());
    std::vector<SymbolId> series;
    for (const char* exchange : {"ALPHA_SPOT", "BETA_FUTURES", "GAMMA_FUTURES"}) {
        Symbol symbol;
        symbol.exchange_id = db.wait(db.ensure_exchange(exchange)).id;
        symbol.symbol_base = "BTC";
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = "BTCUSDT";
        series.push_back(db.wait(db.ensure_symbol(symbol)).id);
        for (std::vector<BookTicker>& piece : cut(make_quotes(series.back(), rows / 3))) {
            db.wait(db.insert_book_ticker_snapshots(std::move(piece), Deadline::never()));
        }
    }
    Side aligning{"aligned, a grid of 1 s", {}};
    Side reading{"read only", {}};
    for (std::size_t round = 0; round < rounds; ++round) {
        reading.rounds.push_back(time_of([&] { read_only(db, series); }));
        aligning.rounds.push_back(time_of([&] {
            AlignmentOptions options;
            options.series = series;
            options.every = std::chrono::seconds(1);
            options.start = kStart;
            options.end = kStart + kLength;
            keep(db.wait(get_aligned_book_tickers(db, options, Deadline::never())));
        }));
    }
    std::printf("3 series, %zu rows in all, from a SQLite file by the received clock\n", rows / 3 * 3);
    print_side(reading, static_cast<double>(rows));
    print_side(aligning, static_cast<double>(rows));
    print_ratio("speed to reading, processor", speed_ratio(aligning, reading, &Taken::cpu));
    db.wait(db.close());
}

int run(int argc, char** argv) {
    const TemporaryFolder folder(option(argc, argv, "--folder", "."));
    const std::size_t rounds = number_option(argc, argv, "--rounds", 5);
    const std::size_t rows = number_option(argc, argv, "--rows", 3'000'000);
    print_environment(argc, argv, folder.path());
    for (const std::size_t series : {2U, 3U, 64U}) bench_merge(series, rows, rounds);
    bench_sqlite(folder.path(), rows / 10, rounds);
    return 0;
}

}  // namespace
}  // namespace marketdb::bench

int main(int argc, char** argv) { return marketdb::bench::run_program(argc, argv, marketdb::bench::run); }
