#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "import_fixture.hpp"

namespace marketdb::testing {

inline std::filesystem::path data_folder() {
    const char* given = std::getenv("MARKETDB_TEST_DATA");
    return given != nullptr && *given != '\0' ? std::filesystem::path(given)
                                              : std::filesystem::path(MARKETDB_SOURCE_DIR) / "../shared/data";
}

/// An empty database and the recordings of vendors; skips where there are none.
class RealDataTest : public ImportTest {
 public:
    void SetUp() override {
        ImportTest::SetUp();
        if (std::filesystem::is_directory(data_folder() / "tardis")) return;
        GTEST_SKIP() << "no market data in " << data_folder() << "; set MARKETDB_TEST_DATA";
    }

    static std::filesystem::path tardis(const std::string& name) { return data_folder() / "tardis" / name; }
    static std::filesystem::path binance(const std::string& name) { return data_folder() / "binance" / name; }

    static HistoryFilter series(std::string_view exchange, std::string_view symbol) {
        HistoryFilter filter;
        filter.series.exchange = exchange;
        filter.series.symbol = symbol;
        return filter;
    }
};

}  // namespace marketdb::testing
