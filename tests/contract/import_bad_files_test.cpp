#include <filesystem>

#include "../support/as_nobody.hpp"
#include "import_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_IMPORT_SUITE(ImportBadFiles);

constexpr std::string_view kHeader =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";

TEST_P(ImportBadFiles, EveryBadFileIsRefusedAndNothingOfItIsStored) {
    const std::string good = "binance,BTCUSDT,1723118400000000,1723118400000000,2,101,100,1\n";
    const std::string start = std::string(kHeader) + good;
    const auto with_time = [](const std::string& time) {
        return "binance,BTCUSDT," + time + "," + time + ",2,101,100,1\n";
    };
    struct BadFile {
        std::string name;
        std::string bytes;
        std::string reason;
    };
    const std::vector<BadFile> files = {
        {"missing.csv", "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price\n", "bid_amount"},
        {"short.csv", start + "binance,BTCUSDT,1723118400000000\n", "short.csv:3: "},
        {"long.csv", start + good.substr(0, good.size() - 1) + ",7\n", "long.csv:3: "},
        {"type.csv", start + "binance,BTCUSDT,1723118400000000,1723118400000000,2,x,100,1\n",
         "type.csv:3: column ask_price: "},
        {"infinite.csv", start + "binance,BTCUSDT,1723118400000000,1723118400000000,2,inf,100,1\n",
         "infinite.csv:3: column ask_price: "},
        {"negative.csv", start + "binance,BTCUSDT,1723118400000000,1723118400000000,2,101,-100,1\n",
         "negative.csv:3: column bid_price: "},
        {"sides.csv", start + "binance,BTCUSDT,1723118400000000,1723118400000000,,,,\n", "sides.csv:3: "},
        {"junk.csv", std::string("\x7f\x45\x4c\x46\x02\x01\x01\0\xff\xfe\n", 11), "junk.csv"},
        {"line.csv", start + std::string(100'000'000, '7') + "\n", "line.csv:3: the line is longer than 1048576 bytes"},
        {"exchange.csv",
         start + "b\xc3\xa4"
                 "d;DROP,BTCUSDT,1723118400000000,1723118400000000,2,101,100,1\n",
         "exchange.csv:3: column exchange: "},
        {"nul.csv",
         start + "binance,BTC" + std::string(1, '\0') + "USDT,1723118400000000,1723118400000000,2,101,100,1\n",
         "nul.csv:3: "},
        {"early.csv", start + with_time("-1"), "early.csv:3: column timestamp: "},
        {"late.csv", start + with_time("9223372036854775807"), "late.csv:3: column timestamp: "},
    };
    for (const BadFile& bad : files) {
        SCOPED_TRACE(bad.name);
        const ImportReport report = import(file(bad.name, bad.bytes));
        EXPECT_EQ(report.error_code, ErrorCode::invalid_argument);
        EXPECT_NE(report.error.find(bad.reason), std::string::npos) << report.error;
        EXPECT_LT(report.error.size(), 2'000U);
        expect_nothing_stored();
    }
}

TEST_P(ImportBadFiles, OfATruncatedFileNothingIsStored) {
    const std::filesystem::path whole = write_gzip(folder() / "files" / "whole.csv.gz", tardis_quotes(2'000));
    const std::string bytes = read_file(whole);
    const ImportReport report = import(file("cut.csv.gz", bytes.substr(0, bytes.size() / 2)));
    EXPECT_EQ(report.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(report.error.find("cut.csv.gz"), std::string::npos) << report.error;
    expect_nothing_stored();
}

TEST_P(ImportBadFiles, ATruncatedFileChangesNothing) {
    HistoryFilter all;
    import_whole(file("first.csv", tardis_quotes(2'000)));
    const std::filesystem::path whole = folder() / "files" / "whole.csv.gz";
    wait(export_file(db(), Dataset::book_tickers, all, whole, ExportFormat::csv));
    const std::string bytes = read_file(whole);
    const Lines sources = stored_sources();

    const ImportReport report = import(file("cut.csv.gz", bytes.substr(0, bytes.size() / 2)));
    EXPECT_EQ(report.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(report.error.find("cut.csv.gz"), std::string::npos) << report.error;
    EXPECT_EQ(stored_sources(), sources);
}

TEST_P(ImportBadFiles, AFolderThatCannotBeListedFailsInItsTurnAndTheOthersAreImported) {
    MARKETDB_SKIP_UNLESS_ROOT();
    const std::filesystem::path root = folder() / "files";
    file("a.csv", "");
    file("closed/b.csv", "");
    file("c.csv", "");
    for (const auto& open : {folder(), root}) std::filesystem::permissions(open, std::filesystem::perms::all);
    std::filesystem::permissions(root / "closed", std::filesystem::perms::none);
    ImportList list;
    {
        const AsNobody nobody;
        list = list_import_files({root});
    }
    EXPECT_EQ(list.files, (std::vector<std::filesystem::path>{root / "a.csv", root / "c.csv", root / "closed"}));
}

}  // namespace
}  // namespace marketdb::testing
