#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "storage/health.hpp"
#include "storage/migrations.hpp"
#include "storage/sql.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {
namespace {

namespace fs = std::filesystem;

/// The first without the bug: https://www.sqlite.org/wal.html#walresetbug
constexpr int kFixedVersion = 3'051'003;
/// Rows of an hour or so at the rates of a busy collector; below the lesser one not even the log of a large import fits.
constexpr std::uintmax_t kLittleRoom = 1'000'000'000;
constexpr std::uintmax_t kNoRoom = 100'000'000;

constexpr int kFullSync = 2;

/// Objects of a schema and their texts, by name.
using Objects = std::map<std::string, std::string, std::less<>>;

Objects objects_of(Connection& connection) {
    Objects objects;
    Statement rows(connection, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
    while (rows.step()) objects.emplace(rows.text(0), rows.text(1));
    return objects;
}

/// What the steps up to a version make in an empty database.
Objects wanted_objects(std::int64_t version, const Control& control) {
    ConnectionOptions options;
    options.path = ":memory:";
    options.access = Access::create;
    Connection empty(options, control);
    const Connection::Scope scope(empty, control);
    empty.execute(create_migrations_table_sql(Dialect::sqlite));
    for (const Migration& step : sqlite_migrations()) {
        if (step.version > version) break;
        for (const std::string& statement : step.up) empty.execute(statement);
    }
    return objects_of(empty);
}

Finding look_at_version() {
    Finding finding{Severity::fine, "version", {}, fmt::format("SQLite {}", sqlite3_libversion()), {}};
    if (sqlite3_libversion_number() >= kFixedVersion) return finding;
    finding.severity = Severity::note;
    finding.what +=
        ": two programs that write to one file can lose commits there (fixed in 3.51.3). marketdb's own programs keep "
        "out "
        "of each other's way";
    finding.remedy = "let no other program write to the file, or use a newer SQLite for all of them";
    return finding;
}

std::vector<Finding> look_at_durability(Connection& connection) {
    if (connection.is_memory()) {
        return {{Severity::note, "durability", {}, "the database is in memory: it ends with the manager", {}}};
    }
    std::vector<Finding> findings;
    const std::string mode = connection.query_text("PRAGMA journal_mode");
    if (mode != "wal") {
        findings.push_back(
            {Severity::warning, "durability", "journal_mode",
             fmt::format("journal_mode is {}, not wal: readers and the writer wait for each other", mode),
             "open it for writing with marketdb once, while nobody else has it open"});
    }
    const std::int64_t sync = connection.query_integer("PRAGMA synchronous");
    if (sync < kFullSync) {
        findings.push_back(
            {Severity::warning, "durability", "synchronous",
             fmt::format("synchronous is {}: rows that were reported as stored may be lost in a power cut", sync),
             "PRAGMA synchronous = FULL"});
    }
    if (findings.empty()) {
        findings.push_back({Severity::fine, "durability", {}, "journal_mode is wal, synchronous is full", {}});
    }
    return findings;
}

std::vector<Finding> look_at_log(Connection& connection, std::uint64_t limit) {
    std::error_code failed;
    const std::uintmax_t bytes = fs::file_size(connection.file() + "-wal", failed);
    if (failed || bytes <= limit) return {};
    return {
        {Severity::warning, "durability", "log",
         fmt::format("the log beside the file has {} bytes and should have {} at most: somebody reads for so long that "
                     "it cannot be folded back",
                     bytes, limit),
         "end the program that has had the file open for long"}};
}

Finding look_at_disk(const fs::path& file) {
    std::error_code failed;
    const fs::space_info room = fs::space(file.parent_path(), failed);
    if (failed) return not_made("disk", file.parent_path().string(), failed.message());
    Finding finding{Severity::fine,
                    "disk",
                    file.parent_path().string(),
                    fmt::format("{:.1f} GB of {:.1f} GB are free", static_cast<double>(room.available) / 1e9,
                                static_cast<double>(room.capacity) / 1e9),
                    {}};
    if (room.available >= kLittleRoom) return finding;
    finding.severity = room.available >= kNoRoom ? Severity::warning : Severity::critical;
    finding.what += ": when it is full nothing is stored any more";
    finding.remedy = "free some room, or keep less (`marketdb cleanup`)";
    return finding;
}

std::vector<Finding> look_at_tables(Connection& connection, const Control& control) {
    const std::int64_t version = connection.query_integer("SELECT max(version) FROM schema_migrations");
    const Objects found = objects_of(connection);
    std::vector<Finding> findings;
    const Objects wanted = wanted_objects(version, control);
    for (const auto& [name, sql] : wanted) {
        const auto object = found.find(name);
        if (object == found.end()) {
            findings.push_back({Severity::critical, "tables", name,
                                fmt::format("is missing, though the schema has version {}", version),
                                "restore the file from a backup, or copy what is left to a new one (`marketdb copy`)"});
        } else if (object->second != sql) {
            findings.push_back({Severity::warning, "tables", name,
                                "is not as marketdb made it: another program has changed it",
                                "copy the data to a new file (`marketdb copy`)"});
        }
    }
    if (findings.empty()) {
        findings.push_back(
            {Severity::fine, "tables", {}, fmt::format("all {} are there as marketdb makes them", wanted.size()), {}});
    }
    return findings;
}

Finding look_at_orphans(Connection& connection, const Table& table) {
    const std::string_view reference = table.dataset == Dataset::balances ? "exchanges" : "symbols";
    const std::string sql =
        orphans_sql(quote_identifier(table.name), quote_identifier(table.at(table.series.front()).name), reference);
    Statement rows(connection, sql);
    if (!rows.step()) return orphans_finding(table, 0, 0);
    return orphans_finding(table, rows.integer(0), rows.integer(1));
}

}  // namespace

std::vector<Finding> Store::examine(const Config& config, const Control& control) {
    const Connection::Scope scope(connection_, control);
    std::vector<Finding> findings;
    const auto attempt = [&](std::string_view check, std::string_view where, const auto& look) {
        try {
            for (Finding& finding : look()) findings.push_back(std::move(finding));
        } catch (const Error& error) {
            if (error.code() == ErrorCode::timeout || error.code() == ErrorCode::cancelled) throw;
            findings.push_back(not_made(check, where, error.what()));
        }
    };
    findings.push_back(look_at_version());
    attempt("durability", {}, [&] { return look_at_durability(connection_); });
    if (!connection_.is_memory()) {
        attempt("durability", "log", [&] { return look_at_log(connection_, config.wal_limit_bytes); });
        findings.push_back(look_at_disk(connection_.file()));
    }
    attempt("tables", {}, [&] { return look_at_tables(connection_, control); });
    for (const Dataset dataset : kDatasets) {
        const Table& table = table_of(dataset);
        attempt("orphans", table.name, [&] { return std::vector{look_at_orphans(connection_, table)}; });
    }
    return findings;
}

}  // namespace marketdb::storage::sqlite
