#include <gtest/gtest.h>

#include <cctype>
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

/// Names, and settings with the dot after `timescaledb`.
std::set<std::string> words_of(const std::string& text) {
    const auto is_of_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    std::set<std::string> words;
    std::string word;
    for (const char c : text + ' ') {
        if (is_of_word(c) || (c == '.' && word == "timescaledb")) {
            word += c;
        } else if (!word.empty()) {
            words.insert(std::move(word));
            word.clear();
        }
    }
    return words;
}

// https://docs.timescale.com/about/latest/timescaledb-editions/
TEST(TimescaleFunctions, NothingIsUsedThatOnlyTheCommunityEditionHas) {
    ASSERT_GE(texts().size(), 60U);
    ASSERT_TRUE(texts().contains("timescale/hypertables.sql"));
    const std::regex community(
        R"((add|remove|alter)_\w*_policy|(add|remove|show)_policies|(add|alter|delete|run)_job|(de|re)?compress_chunk)"
        R"(|convert_to_(column|row)store|timescaledb\.(compress|continuous|enable_columnstore)\w*)"
        R"(|refresh_continuous_aggregate|(move|reorder|merge|split|attach|detach)_chunks?)"
        R"(|time_bucket_gapfill|locf|interpolate|(chunk|hypertable)_(compression|columnstore)_stats)");
    for (const std::string word : {"add_retention_policy", "timescaledb.compress", "locf"}) {
        EXPECT_TRUE(words_of("SELECT " + word + "(x)").contains(word) && std::regex_match(word, community)) << word;
    }
    for (const auto& [file, text] : texts()) {
        for (const std::string& word : words_of(text)) {
            EXPECT_FALSE(std::regex_match(word, community)) << file << " uses " << word;
        }
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
