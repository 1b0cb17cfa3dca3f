/// Importing a Tardis file against decompressing, parsing and bare inserting it in one pass.
///
/// Usage: bench_import_bench [--folder DIR] [--rows 1000000] [--rounds 5] [--only ours] (for a profiler)
#include <zlib.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "bare_sqlite.hpp"
#include "bench.hpp"
#include "market.hpp"

namespace marketdb::bench {
namespace {

constexpr std::size_t kBatchRows = 10'000;
constexpr const char* kFileName = "binance_book_ticker_2024-08-08_BTCUSDT.csv.gz";

void append_number(std::string& out, double number) {
    char digits[32];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), number);
    out.append(digits, end.ptr);
}

std::string tardis_line(const BookTicker& row) {
    std::string line = "binance,BTCUSDT,";
    line += std::to_string(row.timestamp.time_since_epoch().count()) + ',';
    line += std::to_string(row.received_at.time_since_epoch().count());
    for (const double number : {row.ask_qty, row.ask_price, row.bid_price, row.bid_qty}) {
        line += ',';
        append_number(line, number);
    }
    return line += '\n';
}

/// Ordered by arrival, as Tardis does.
void write_file(const std::filesystem::path& file, std::size_t rows) {
    std::vector<BookTicker> quotes = make_quotes({SymbolId{1}}, rows);
    std::stable_sort(quotes.begin(), quotes.end(),
                     [](const BookTicker& a, const BookTicker& b) { return a.received_at < b.received_at; });
    gzFile out = gzopen(file.c_str(), "wb6");
    std::string text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
    for (const BookTicker& row : quotes) {
        text += tardis_line(row);
        if (text.size() < (1U << 20)) continue;
        gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
        text.clear();
    }
    gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    gzclose(out);
}

/// Lines out of a .gz file through one buffer.
class GzipLines {
 public:
    explicit GzipLines(const std::filesystem::path& file) : file_(gzopen(file.c_str(), "rb")), buffer_(1U << 18) {
        gzbuffer(file_, 1U << 18);
    }
    ~GzipLines() { gzclose(file_); }
    GzipLines(const GzipLines&) = delete;
    GzipLines& operator=(const GzipLines&) = delete;

    bool next(std::string_view& line) {
        for (;;) {
            const void* end = std::memchr(buffer_.data() + begin_, '\n', end_ - begin_);
            if (end != nullptr) {
                const auto stop = static_cast<std::size_t>(static_cast<const char*>(end) - buffer_.data());
                line = {buffer_.data() + begin_, stop - begin_};
                begin_ = stop + 1;
                return true;
            }
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
            const int count = gzread(file_, buffer_.data() + end_, static_cast<unsigned>(buffer_.size() - end_));
            if (count <= 0) return false;
            end_ += static_cast<std::size_t>(count);
        }
    }

 private:
    gzFile file_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

template <class Number>
const char* read_number(const char* from, const char* end, Number& number) {
    const auto read = std::from_chars(from, end, number);
    if (read.ec != std::errc()) throw std::runtime_error("not a number");
    return read.ptr + 1;
}

BookTicker parse_line(std::string_view line, SymbolId symbol) {
    const char* at = line.data() + line.find(',', line.find(',') + 1) + 1;
    const char* end = line.data() + line.size();
    std::int64_t timestamp = 0;
    std::int64_t received_at = 0;
    BookTicker row;
    at = read_number(at, end, timestamp);
    at = read_number(at, end, received_at);
    at = read_number(at, end, row.ask_qty);
    at = read_number(at, end, row.ask_price);
    at = read_number(at, end, row.bid_price);
    read_number(at, end, row.bid_qty);
    row.symbol_id = symbol;
    row.source_id = SourceId{1};
    row.timestamp = Timestamp(std::chrono::microseconds(timestamp));
    row.received_at = Timestamp(std::chrono::microseconds(received_at));
    row.sequence = (received_at - timestamp) * 1024;
    return row;
}

void insert_sorted(BareDatabase& db, std::vector<BookTicker>& batch) {
    std::sort(batch.begin(), batch.end(), [](const BookTicker& a, const BookTicker& b) {
        return a.timestamp != b.timestamp ? a.timestamp < b.timestamp : a.sequence < b.sequence;
    });
    db.insert(batch, true);
    batch.clear();
}

Taken time_bare(const TemporaryFolder& folder, std::size_t rows) {
    const std::filesystem::path file = folder / "bare.db";
    std::filesystem::remove(file);
    const std::vector<SymbolId> symbols = make_market(file, 1);
    std::int64_t stored = 0;
    Taken taken;
    {
        BareDatabase db(file);
        taken = time_of([&] {
            GzipLines lines(folder / kFileName);
            std::vector<BookTicker> batch;
            std::string_view line;
            lines.next(line);
            while (lines.next(line)) {
                batch.push_back(parse_line(line, symbols.front()));
                if (batch.size() == kBatchRows) insert_sorted(db, batch);
            }
            if (!batch.empty()) insert_sorted(db, batch);
        });
        stored = db.number("SELECT sum(rows) FROM series");
    }
    if (stored != static_cast<std::int64_t>(rows)) throw std::runtime_error("the bare side stored other rows");
    return taken;
}

/// The validating pass alone, or the whole import.
Taken time_import(const TemporaryFolder& folder, std::size_t rows, bool dry_run = false) {
    const std::filesystem::path file = folder / "ours.db";
    std::filesystem::remove(file);
    DatabaseManager db(Config::from_url("sqlite:" + file.string()));
    db.wait(db.initialize());
    ImportOptions options;
    options.batch_rows = kBatchRows;
    options.dry_run = dry_run;
    ImportReport report;
    const Taken taken = time_of([&] { report = db.wait(import_file(db, folder / kFileName, options)); });
    db.wait(db.close());
    if (!report.error.empty()) throw std::runtime_error(report.error);
    if (report.written.inserted != (dry_run ? 0 : rows)) throw std::runtime_error("the import stored other rows");
    return taken;
}

int run(int argc, char** argv) {
    const TemporaryFolder folder(option(argc, argv, "--folder", std::filesystem::temp_directory_path().string()));
    const std::size_t rows = number_option(argc, argv, "--rows", 1'000'000);
    const std::size_t rounds = number_option(argc, argv, "--rounds", 5);
    print_environment(argc, argv, folder.path());
    write_file(folder / kFileName, rows);

    if (option(argc, argv, "--only", "") == "ours") {
        for (std::size_t round = 0; round < rounds; ++round) std::printf("%.3f s\n", time_import(folder, rows).wall);
        return 0;
    }
    Side ours{"import_file", {}};
    Side bare{"one bare pass", {}};
    Side validating{"validating alone", {}};
    for (std::size_t round = 0; round < rounds; ++round) {
        validating.rounds.push_back(time_import(folder, rows, /*dry_run=*/true));
        if (round % 2 == 0) ours.rounds.push_back(time_import(folder, rows));
        bare.rounds.push_back(time_bare(folder, rows));
        if (round % 2 == 1) ours.rounds.push_back(time_import(folder, rows));
    }
    std::printf("import of a Tardis .csv.gz: %zu rows, %ju bytes, median of %zu rounds\n", rows,
                static_cast<std::uintmax_t>(std::filesystem::file_size(folder / kFileName)), rounds);
    print_side(ours, static_cast<double>(rows));
    print_side(bare, static_cast<double>(rows));
    print_side(validating, static_cast<double>(rows));
    print_ratio("share of validating", 1 / speed_ratio(validating, ours));
    print_ratio("times the processor time", 1 / speed_ratio(ours, bare, &Taken::cpu));
    print_verdict("times as long", 1 / speed_ratio(ours, bare), 1.3, false);
    return 0;
}

}  // namespace
}  // namespace marketdb::bench

int main(int argc, char** argv) { return marketdb::bench::run_program(argc, argv, marketdb::bench::run); }
