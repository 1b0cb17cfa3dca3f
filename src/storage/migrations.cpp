#include "storage/migrations.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::storage {
namespace {

std::string sha256_hex(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        throw Error(ErrorCode::internal, "SHA-256 is not available");
    }
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest.at(i));
    return hex;
}

/// Kept counts of each series, so that statistics cost the same for a thousand rows and a billion.
std::string create_series_sql(Dialect dialect) {
    const bool sqlite = dialect == Dialect::sqlite;
    const std::string_view number = sqlite ? "INTEGER" : "bigint";
    const std::string_view time = sqlite ? "INTEGER" : "timestamptz";
    const std::string_view text = sqlite ? "TEXT" : "text COLLATE \"C\"";
    return fmt::format(
        "CREATE TABLE \"series\" (\n  \"dataset\" {text} NOT NULL,\n  \"series_id\" {number} NOT NULL,\n"
        "  \"account\" {text} NOT NULL,\n  \"asset_name\" {text} NOT NULL,\n  \"rows\" {number} NOT NULL,\n"
        "  \"first_timestamp\" {time} NOT NULL,\n  \"last_timestamp\" {time} NOT NULL,\n  \"min_skew\" {number},\n"
        "  \"max_skew\" {number},\n  PRIMARY KEY (\"dataset\", \"series_id\", \"account\", \"asset_name\")\n){options}",
        fmt::arg("text", text), fmt::arg("number", number), fmt::arg("time", time),
        fmt::arg("options", sqlite ? " STRICT, WITHOUT ROWID" : ""));
}

/// One row; its number goes up when exchanges or symbols change.
std::string create_reference_version_sql(Dialect dialect) {
    const bool sqlite = dialect == Dialect::sqlite;
    return fmt::format(
        "CREATE TABLE \"reference_version\" (\n  \"id\" {} PRIMARY KEY CHECK (\"id\" = 1),\n  \"version\" {} NOT "
        "NULL\n){}",
        sqlite ? "INTEGER" : "integer", sqlite ? "INTEGER" : "bigint", sqlite ? " STRICT" : "");
}

/// A step that makes some tables; undone by dropping them in the other direction.
Migration tables_step(std::uint32_t version, std::string_view name, std::span<const Table* const> tables,
                      Dialect dialect) {
    Migration step;
    step.version = version;
    step.name = name;
    step.min_reader = version;
    step.min_writer = version;
    for (const Table* table : tables) {
        step.up.push_back(create_table_sql(*table, dialect));
        step.down.insert(step.down.begin(), "DROP TABLE " + quote_identifier(table->name));
        step.keeps.push_back(table->name);
    }
    return step;
}

void seal(Migration& step) {
    std::string text;
    for (const std::string& statement : step.up) text += statement + ";\n";
    for (const std::string& statement : step.down) text += statement + ";\n";
    step.checksum = sha256_hex(text);
}

std::vector<Migration> make_migrations(Dialect dialect) {
    const std::array reference{&table_of<Exchange>(), &table_of<Symbol>(), &table_of<Source>()};
    const std::array datasets{&table_of<BookTicker>(), &table_of<Trade>(), &table_of<FundingRate>(),
                              &table_of<Balance>()};
    const std::array quarantine{&table_of<QuarantinedRow>()};

    std::vector<Migration> steps;
    Migration first = tables_step(1, "exchanges, symbols, sources, series", reference, dialect);
    first.up.push_back(create_series_sql(dialect));
    first.up.push_back(create_reference_version_sql(dialect));
    first.up.emplace_back(R"(INSERT INTO "reference_version" ("id", "version") VALUES (1, 1))");
    first.down.insert(first.down.begin(), {"DROP TABLE \"reference_version\"", "DROP TABLE \"series\""});
    first.keeps.emplace_back("series");
    steps.push_back(std::move(first));
    steps.push_back(tables_step(2, "book tickers, trades, funding rates, balances", datasets, dialect));
    steps.push_back(tables_step(3, "quarantined rows", quarantine, dialect));
    for (Migration& step : steps) seal(step);
    return steps;
}

}  // namespace

std::span<const Migration> migrations(Dialect dialect) {
    static const std::vector<Migration> sqlite = make_migrations(Dialect::sqlite);
    static const std::vector<Migration> postgres = make_migrations(Dialect::postgres);
    return dialect == Dialect::sqlite ? sqlite : postgres;
}

std::string create_migrations_table_sql(Dialect dialect) {
    const bool sqlite = dialect == Dialect::sqlite;
    return fmt::format(
        "CREATE TABLE \"schema_migrations\" (\n  \"version\" {number} PRIMARY KEY,\n  \"name\" {text} NOT NULL,\n"
        "  \"checksum\" {text} NOT NULL,\n  \"min_reader\" {number} NOT NULL,\n  \"min_writer\" {number} NOT NULL,\n"
        "  \"applied_at\" {time} NOT NULL,\n  \"program\" {text} NOT NULL\n){options}",
        fmt::arg("number", sqlite ? "INTEGER" : "integer"), fmt::arg("text", sqlite ? "TEXT" : "text"),
        fmt::arg("time", sqlite ? "INTEGER" : "timestamptz"), fmt::arg("options", sqlite ? " STRICT" : ""));
}

void require_same_history(std::span<const Migration> known, std::span<const AppliedMigration> applied,
                          std::string_view where) {
    for (std::size_t i = 0; i < applied.size(); ++i) {
        if (applied[i].version != i + 1) {
            throw Error(ErrorCode::schema_mismatch,
                        fmt::format("{}: schema version {} was applied, but version {} before it is missing", where,
                                    applied[i].version, i + 1));
        }
        if (i < known.size() && applied[i].checksum != known[i].checksum) {
            throw Error(
                ErrorCode::schema_mismatch,
                fmt::format("{}: schema version {} ('{}') was made by other statements than this program's "
                            "(checksum {:.12}, expected {:.12})",
                            where, applied[i].version, applied[i].name, applied[i].checksum, known[i].checksum));
        }
    }
}

void require_usable(std::span<const Migration> known, std::span<const AppliedMigration> applied, SchemaUse use,
                    std::string_view where) {
    require_same_history(known, applied, where);
    if (applied.size() < known.size()) {
        throw Error(
            ErrorCode::schema_mismatch,
            fmt::format("{}: its schema has version {}, this program needs version {}; run `marketdb migrate up`",
                        where, applied.size(), known.size()));
    }
    std::uint32_t min_reader = 0;
    std::uint32_t min_writer = 0;
    for (const AppliedMigration& step : applied) {
        min_reader = std::max(min_reader, step.min_reader);
        min_writer = std::max(min_writer, step.min_writer);
    }
    const auto newest = static_cast<std::uint32_t>(known.size());
    const bool may_read = newest >= min_reader;
    if (may_read && (use == SchemaUse::read || newest >= min_writer)) return;
    throw Error(
        ErrorCode::schema_mismatch,
        fmt::format("{}: its schema has version {}, this program knows versions up to {}{}", where, applied.size(),
                    newest, may_read ? " and may only read it (open it with ?mode=ro)" : "; use a newer program"));
}

MigrationStatus migration_status(std::span<const Migration> known, std::span<const AppliedMigration> applied) {
    MigrationStatus status;
    status.newest = static_cast<std::uint32_t>(known.size());
    for (const Migration& step : known) {
        MigrationStep& shown = status.steps.emplace_back();
        shown.version = step.version;
        shown.name = step.name;
        shown.statements = step.up;
    }
    for (const AppliedMigration& done : applied) {
        const auto same = [&done](const MigrationStep& step) { return step.version == done.version; };
        auto shown = std::find_if(status.steps.begin(), status.steps.end(), same);
        if (shown == status.steps.end()) {
            shown = status.steps.insert(status.steps.end(), MigrationStep{});
            shown->version = done.version;
            shown->name = done.name;
        }
        shown->applied = true;
        shown->applied_at = done.applied_at;
        status.version = std::max(status.version, done.version);
    }
    return status;
}

}  // namespace marketdb::storage
