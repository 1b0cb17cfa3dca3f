#include "storage/migrations.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/retention_rows.hpp"

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
constexpr std::string_view kCreateSeriesSql = R"(CREATE TABLE "series" (
  "dataset" TEXT NOT NULL,
  "series_id" INTEGER NOT NULL,
  "account" TEXT NOT NULL,
  "asset_name" TEXT NOT NULL,
  "rows" INTEGER NOT NULL,
  "first_timestamp" INTEGER NOT NULL,
  "last_timestamp" INTEGER NOT NULL,
  "min_skew" INTEGER,
  "max_skew" INTEGER,
  PRIMARY KEY ("dataset", "series_id", "account", "asset_name")
) STRICT, WITHOUT ROWID)";

/// One row; its number goes up when exchanges or symbols change.
constexpr std::string_view kCreateReferenceVersionSql = R"(CREATE TABLE "reference_version" (
  "id" INTEGER PRIMARY KEY CHECK ("id" = 1),
  "version" INTEGER NOT NULL
) STRICT)";

/// What is known to be complete, and what was missed: disjoint times of one source each. Or what is about to be claimed.
constexpr std::string_view kCreateClaimsSql = R"(CREATE TABLE "{}" (
  "dataset" TEXT NOT NULL,
  "symbol_id" INTEGER NOT NULL,
  "clock" TEXT NOT NULL CHECK ("clock" IN ('event', 'received')),
  "kind" TEXT NOT NULL CHECK ("kind" IN ('file', 'feed', 'declared', 'copy', 'gap')),
  "source_id" INTEGER NOT NULL,
  "start_time" INTEGER NOT NULL,
  "end_time" INTEGER NOT NULL,
  PRIMARY KEY ("dataset", "symbol_id", "clock", "kind", "source_id", "start_time"),
  CHECK ("start_time" < "end_time")
) STRICT, WITHOUT ROWID)";

/// A step that makes some tables; undone by dropping them in the other direction.
Migration tables_step(std::uint32_t version, std::string_view name, std::span<const Table* const> tables) {
    Migration step;
    step.version = version;
    step.name = name;
    step.min_reader = version;
    step.min_writer = version;
    for (const Table* table : tables) {
        step.up.push_back(create_table_sql(*table, Dialect::sqlite));
        step.down.insert(step.down.begin(), "DROP TABLE " + quote_identifier(table->name));
        step.keeps.push_back(table->name);
    }
    return step;
}

/// A step that makes a table of claims.
Migration claims_step(std::uint32_t version, std::string_view name, std::string_view table) {
    Migration step;
    step.version = version;
    step.name = name;
    step.min_reader = 3;
    step.min_writer = version;
    step.up.push_back(fmt::format(kCreateClaimsSql, table));
    step.down.push_back("DROP TABLE " + quote_identifier(table));
    return step;
}

std::vector<Migration> make_sqlite_migrations() {
    const std::array reference{&table_of<Exchange>(), &table_of<Symbol>(), &table_of<Source>()};
    const std::array datasets{&table_of<BookTicker>(), &table_of<Trade>(), &table_of<FundingRate>(),
                              &table_of<Balance>()};
    const std::array quarantine{&table_of<QuarantinedRow>()};

    std::vector<Migration> steps;
    Migration first = tables_step(1, "exchanges, symbols, sources, series", reference);
    first.up.emplace_back(kCreateSeriesSql);
    first.up.emplace_back(kCreateReferenceVersionSql);
    first.up.emplace_back(R"(INSERT INTO "reference_version" ("id", "version") VALUES (1, 1))");
    first.down.insert(first.down.begin(), {"DROP TABLE \"reference_version\"", "DROP TABLE \"series\""});
    first.keeps.emplace_back("series");
    steps.push_back(std::move(first));
    steps.push_back(tables_step(2, "book tickers, trades, funding rates, balances", datasets));
    steps.push_back(tables_step(3, "quarantined rows", quarantine));
    Migration& fourth = steps.emplace_back();  // Of PostgreSQL alone: here foreign keys check what an UPDATE sets.
    fourth.version = 4;
    fourth.name = "checks of updates";
    fourth.min_reader = 3;
    fourth.min_writer = 3;
    // A program that does not know it would remove rows that are claimed.
    Migration fifth = claims_step(5, "coverage", "coverage");
    fifth.keeps.emplace_back("coverage");
    steps.push_back(std::move(fifth));
    // A program that does not know it would remove rows that are held.
    const std::array retention{&table_of<RetentionPolicyRow>(), &table_of<RetentionHoldRow>()};
    Migration sixth = tables_step(6, "retention", retention);
    sixth.min_reader = 3;
    steps.push_back(std::move(sixth));
    // A program that does not know it would remove rows that are about to be claimed.
    steps.push_back(claims_step(7, "pending claims", "pending_claims"));
    for (Migration& step : steps) seal(step);
    return steps;
}

}  // namespace

void seal(Migration& step) {
    std::string text;
    for (const std::string& statement : step.up) text += statement + ";\n";
    for (const std::string& statement : step.down) text += statement + ";\n";
    step.checksum = sha256_hex(text);
}

std::span<const Migration> sqlite_migrations() {
    static const std::vector<Migration> steps = make_sqlite_migrations();
    return steps;
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
