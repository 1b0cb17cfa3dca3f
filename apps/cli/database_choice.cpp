#include "database_choice.hpp"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "diagnostics.hpp"
#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

constexpr const char* kDefaultUrl = "sqlite:marketdb.db";
constexpr const char* kDefaultFile = "config.yaml";

/// A variable that is empty counts as unset.
std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : std::string(value);
}

DatabaseChoice from_url(const std::string& url, const std::string& origin) {
    return DatabaseChoice{Config::from_url(url), origin, ""};
}

DatabaseChoice from_file(const std::string& file, const std::string& origin) {
    return DatabaseChoice{Config::from_file(file), origin, file};
}

DatabaseChoice choose(const GlobalOptions& options, std::string& origin) {
    if (options.db) return from_url(*options.db, origin = "--db");
    if (options.config) return from_file(*options.config, origin = fmt::format("--config {}", *options.config));
    if (const std::string url = environment("MARKETDB_URL"); !url.empty())
        return from_url(url, origin = "$MARKETDB_URL");
    if (const std::string file = environment("MARKETDB_CONFIG"); !file.empty()) {
        return from_file(file, origin = fmt::format("$MARKETDB_CONFIG {}", file));
    }
    if (Config::has_database_section(kDefaultFile)) return from_file(kDefaultFile, origin = "./config.yaml");
    return from_url(kDefaultUrl, origin = "default");
}

void prepare(DatabaseChoice& choice, bool migrate) {
    for (const std::string& notice : choice.config.notices) note(notice);
    choice.config.log = library_log;
    choice.config.migrate = choice.config.migrate || migrate;
}

/// Two names of one file, whether it is there or not.
bool is_same_file(const std::string& a, const std::string& b) {
    std::error_code error;
    if (std::filesystem::equivalent(a, b, error)) return true;
    const std::filesystem::path first = std::filesystem::weakly_canonical(a, error);
    const std::filesystem::path second = std::filesystem::weakly_canonical(b, error);
    return !error && first == second;
}

}  // namespace

std::string DatabaseChoice::name() const { return fmt::format("{} ({})", config.redacted_url(), origin); }

DatabaseChoice choose_database(const GlobalOptions& options) {
    std::string origin;
    try {
        DatabaseChoice choice = choose(options, origin);
        prepare(choice, options.migrate);
        set_database_name(choice.name());
        return choice;
    } catch (const Error& error) {
        throw UsageError(fmt::format("{} (from {})", error.what(), origin));
    }
}

DatabaseChoice choose_database(const std::string& url, const std::string& origin, bool migrate) {
    try {
        DatabaseChoice choice = from_url(url, origin);
        prepare(choice, migrate);
        return choice;
    } catch (const Error& error) {
        throw UsageError(fmt::format("{} (from {})", error.what(), origin));
    }
}

bool are_one_database(const DatabaseChoice& a, const DatabaseChoice& b) {
    if (a.config.engine != b.config.engine) return false;
    if (a.config.engine == EngineKind::sqlite) {
        const bool is_memory = a.config.sqlite_path == ":memory:" || b.config.sqlite_path == ":memory:";
        return !is_memory && is_same_file(a.config.sqlite_path, b.config.sqlite_path);
    }
    return a.config.postgres.conninfo == b.config.postgres.conninfo &&
           a.config.postgres.schema == b.config.postgres.schema;
}

}  // namespace marketdb::cli
