#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>

/// What the engine's text calls of TimescaleDB.
namespace marketdb::storage::postgres {
namespace {

/// The texts of the engine, by file.
const std::map<std::string, std::string>& texts() {
    static const std::map<std::string, std::string> all = [] {
        std::map<std::string, std::string> read;
        const std::filesystem::path folder = std::filesystem::path(MARKETDB_SOURCE_DIR) / "src/storage/postgres";
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            if (!entry.is_regular_file()) continue;
            std::ifstream in(entry.path(), std::ios::binary);
            if (!in) throw std::runtime_error("cannot read " + entry.path().string());
            read[std::filesystem::relative(entry.path(), folder).generic_string()].assign(
                std::istreambuf_iterator<char>(in), {});
        }
        return read;
    }();
    return all;
}

// https://docs.timescale.com/about/latest/timescaledb-editions/
TEST(TimescaleFunctions, NothingIsUsedThatOnlyTheCommunityEditionHas) {
    ASSERT_GE(texts().size(), 60U);
    ASSERT_TRUE(texts().contains("timescale/hypertables.sql"));
    const std::regex community(
        R"(\b(add|remove|alter)_\w*_policy\b|\b(add|remove|show)_policies\b|\b(add|alter|delete|run)_job\b)"
        R"(|\b(de|re)?compress_chunk\b|\bconvert_to_(column|row)store\b|timescaledb\.(compress|continuous|enable_columnstore))"
        R"(|\brefresh_continuous_aggregate\b|\b(move|reorder|merge|split|attach|detach)_chunks?\b)"
        R"(|\btime_bucket_gapfill\b|\blocf\b|\binterpolate\b|\b(chunk|hypertable)_(compression|columnstore)_stats\b)");
    for (const auto& [file, text] : texts()) {
        std::smatch found;
        EXPECT_FALSE(std::regex_search(text, found, community)) << file << " uses " << found.str();
    }
}

/// Tests run where the extension can be installed call all of them on the Apache edition.
TEST(TimescaleFunctions, TheseAreAllThatAreCalled) {
    // By the migrator's placeholder, or where a function looks the schema up.
    const std::regex called(R"((?:\{extension\}|'SELECT %I)\.(\w+))");
    std::set<std::string> names;
    for (const auto& [file, text] : texts()) {
        for (std::sregex_iterator one(text.begin(), text.end(), called), end; one != end; ++one)
            names.insert((*one)[1]);
    }
    EXPECT_EQ(names,
              (std::set<std::string>{"by_range", "create_hypertable", "drop_chunks", "set_chunk_time_interval"}));
}

}  // namespace
}  // namespace marketdb::storage::postgres
