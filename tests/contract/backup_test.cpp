#include <filesystem>
#include <fstream>
#include <string>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(BackupContract);

std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

bool is_sqlite(const EngineFixture& fixture) { return fixture.config().engine == EngineKind::sqlite; }

/// Opens a copy and says what it holds.
std::string quotes_in(const EngineFixture& fixture, const std::filesystem::path& file) {
    Config settings = fixture.config();
    settings.sqlite_path = file.string();
    settings.open_mode = OpenMode::existing;
    const auto copy = EngineFixture::open(settings);
    std::string text;
    for (const BookTicker& row : copy->wait(copy->get_book_ticker_history()).rows) text += text_of(row) + "\n";
    return text;
}

TEST_P(BackupContract, TheCopyHoldsWhatWasStored) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2), quote(btc.id, kNoon + 1s, 3, 4)});
    store({trade(btc.id, kNoon, "1")});
    const std::filesystem::path copies = folder() / "copies";
    std::filesystem::create_directory(copies);
    if (!is_sqlite(*this)) {
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(back_up(db(), copies / "a.db"))); },
                     {"pg_dump"});
        EXPECT_EQ(names_in(copies), std::vector<std::string>{});
        return;
    }
    const BackupReport report = wait(back_up(db(), copies / "a.db"));
    EXPECT_EQ(report.file, (copies / "a.db").string());
    EXPECT_EQ(report.rows, 3U);
    EXPECT_EQ(report.series, 2U);
    EXPECT_EQ(report.miscounted, 0U);
    EXPECT_EQ(report.bytes, std::filesystem::file_size(copies / "a.db"));
    EXPECT_EQ(names_in(copies), std::vector<std::string>{"a.db"});
    store({quote(btc.id, kNoon + 2s, 5, 6)});
    EXPECT_EQ(quotes_in(*this, copies / "a.db"), "+0ms #0 bid 1x1 ask 2x2\n+1000ms #0 bid 3x1 ask 4x2\n");
    EXPECT_EQ(wait(back_up(db(), copies / "b.db")).rows, 4U) << "the database goes on";
}

/// Backups of files.
class BackupOfAFile : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(On, BackupOfAFile, ::testing::Values(sqlite_file_target()), engine_name);

TEST_P(BackupOfAFile, WhatIsThereIsLeftAsItIs) {
    static_cast<void>(db());
    std::ofstream(folder() / "taken.db") << "words";
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(back_up(db(), folder() / "taken.db"))); },
                 {"taken.db"});
    EXPECT_EQ(std::filesystem::file_size(folder() / "taken.db"), 5U);
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(back_up(db(), folder() / "market.db"))); });
    expect_error(ErrorCode::unavailable,
                 [&] { static_cast<void>(wait(back_up(db(), folder() / "nowhere" / "copy.db"))); }, {"nowhere"});
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(back_up(db(), ""))); });
    close();
    EXPECT_EQ(names_in(folder()), (std::vector<std::string>{"market.db", "market.db-lock", "taken.db"}));
}

TEST_P(BackupOfAFile, ADeadlineLeavesNothing) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2)});
    const Deadline past{std::chrono::steady_clock::now() - 1s};
    expect_error(ErrorCode::timeout, [&] { static_cast<void>(wait(back_up(db(), folder() / "copy.db", past))); });
    close();
    EXPECT_EQ(names_in(folder()), (std::vector<std::string>{"market.db", "market.db-lock"}));
}

TEST_P(BackupOfAFile, SeriesThatOthersChangedAreCopiedAndCounted) {
    const Symbol btc = make_symbol("BTC");
    store({quote(btc.id, kNoon, 1, 2), quote(btc.id, kNoon + 1s, 3, 4)});
    close();
    target().run_sql(folder(), "DELETE FROM book_ticker_snapshots WHERE \"timestamp\" = " + target().sql_time(kNoon));
    const BackupReport report = wait(back_up(db(), folder() / "copy.db"));
    EXPECT_EQ(report.miscounted, 1U);
    EXPECT_EQ(report.rows, 1U);
    EXPECT_EQ(quotes_in(*this, folder() / "copy.db"), "+1000ms #0 bid 3x1 ask 4x2\n");
}

TEST_P(BackupOfAFile, OthersWriteMeanwhileAndTheCopyIsOfOneMoment) {
    const Symbol btc = make_symbol("BTC");
    std::vector<BookTicker> rows;
    for (int i = 0; i < 50'000; ++i) rows.push_back(quote(btc.id, kNoon + i * 1ms, 1, 2));
    store(rows);
    const auto writer = open(config());
    auto copying = boost::asio::co_spawn(db().executor(), back_up(db(), folder() / "copy.db"), boost::asio::use_future);
    int written = 0;
    while (copying.wait_for(0ms) != std::future_status::ready) {
        writer->wait(writer->insert_trades({trade(btc.id, kNoon + written * 1ms, std::to_string(written).c_str())}));
        ++written;
    }
    const BackupReport report = copying.get();
    EXPECT_EQ(report.miscounted, 0U);
    EXPECT_GE(report.rows, 50'000U);
    EXPECT_LE(report.rows, 50'000U + static_cast<unsigned>(written));
}

}  // namespace
}  // namespace marketdb::testing
