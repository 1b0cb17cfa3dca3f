#include <sys/resource.h>

#include <cstdio>

#include "../support/child_process.hpp"
#include "import_fixture.hpp"
#include "support/sanitized.hpp"

/// Whatever the file, an import needs the same memory, and so does reading it in batches. Run in a process of its own, so that nothing else counts.
namespace marketdb::testing {
namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;

/// Writes at least so many bytes of quotes and returns how many there are.
std::uint64_t write_quotes(const std::filesystem::path& path, std::uint64_t bytes) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    if (out == nullptr) throw std::runtime_error("cannot write " + path.string());
    std::uint64_t written = static_cast<std::uint64_t>(
        std::fprintf(out, "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"));
    std::uint64_t rows = 0;
    for (; written < bytes; ++rows) {
        const unsigned long long time = 1'723'118'400'000'000ULL + rows * 20;
        const int count = std::fprintf(out,
                                       "binance-futures,BTCUSDT,%llu,%llu,%llu.25,61837.64000000000000000000000,61837."
                                       "63000000000000000000000,3.78826000000000000000000000\n",
                                       time, time + 150, static_cast<unsigned long long>(rows % 1000 + 1));
        written += static_cast<std::uint64_t>(count);
    }
    if (std::fclose(out) != 0) throw std::runtime_error("cannot write " + path.string());
    return rows;
}

std::uint64_t peak_kilobytes() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss);
}

std::uint64_t count_rows(DatabaseManager& manager) {
    std::uint64_t rows = 0;
    HistoryReader<BookTicker> reader = manager.read_history<BookTicker>();
    for (std::vector<BookTicker> batch = manager.wait(reader.next()); !batch.empty();
         batch = manager.wait(reader.next())) {
        rows += batch.size();
    }
    return rows;
}

/// Imports a file of so many bytes in a child process and reads it; expects that its memory grows by less than 150 MB in all.
void expect_bounded_memory(std::uint64_t bytes) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "binance-futures_book_ticker_2024-08-08_BTCUSDT.csv";
    const std::uint64_t rows = write_quotes(file, bytes);
    const auto body = [&](LineChannel& parent) {
        const std::uint64_t before = peak_kilobytes();
        auto manager = EngineFixture::open(Config::from_url("sqlite:" + (folder / "market.db").string()));
        const ImportReport report = manager->wait(import_file(*manager, file, {}));
        const std::uint64_t read = count_rows(*manager);
        manager->wait(manager->close());
        parent.say(report.error.empty() ? std::to_string(report.written.inserted) : report.error);
        parent.say(std::to_string(read));
        parent.say(std::to_string(peak_kilobytes() - before));
        return 0;
    };
    ChildProcess child(body);
    EXPECT_EQ(child.hear(std::chrono::hours(1)), std::to_string(rows));
    EXPECT_EQ(child.hear(), std::to_string(rows));
    const std::uint64_t grown = std::stoull(child.hear().value_or("999999999"));
    EXPECT_EQ(child.wait(), 0);
    EXPECT_LT(grown, 150'000U);
    ::testing::Test::RecordProperty("peak_growth_kilobytes", std::to_string(grown));
    std::printf("%llu MB of CSV, %llu rows: memory grew by %llu kB\n",
                static_cast<unsigned long long>(bytes / kMegabyte), static_cast<unsigned long long>(rows),
                static_cast<unsigned long long>(grown));
}

TEST(ImportMemorySerial, FiveHundredMegabytesNeedNoMoreThanFive) {
    if (kIsSanitized) GTEST_SKIP() << "a sanitizer's own memory would be measured";
    expect_bounded_memory(5 * kMegabyte);
    expect_bounded_memory(500 * kMegabyte);
}

TEST(ImportMemoryLong, FiveGigabytesNeedNoMoreThanFiveMegabytes) {
    if (kIsSanitized) GTEST_SKIP() << "a sanitizer's own memory would be measured";
    expect_bounded_memory(5'000 * kMegabyte);
}

}  // namespace
}  // namespace marketdb::testing
