#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <marketdb/queries.hpp>

#include "records.hpp"

/// What was typed, before it is understood.
namespace marketdb::cli {

struct GlobalOptions {
    std::optional<std::string> db;
    std::optional<std::string> config;
    std::optional<std::string> env_file;
    bool quiet = false;
    bool verbose = false;
    bool no_progress = false;
    bool migrate = false;
    std::string program = "marketdb";  ///< As typed, for the commands that the demo suggests.
};

struct FormatFlags {
    bool json = false, ndjson = false, csv = false;
    [[nodiscard]] OutputFormat format() const noexcept {
        return json     ? OutputFormat::json
               : ndjson ? OutputFormat::ndjson
               : csv    ? OutputFormat::csv
                        : OutputFormat::table;
    }
};

/// The one grammar of latest, history, export, copy and checksum.
struct ReadOptions {
    std::string dataset;
    std::vector<std::string> series;
    std::string exchange, symbol, account;
    std::string from, to, last, every;
    std::string order;  ///< Empty: asc; of latest desc.
    std::string clock = "event";
    std::optional<std::uint64_t> limit, tail;
    bool all = false;
    FormatFlags flags;
    std::string watch;                ///< latest
    std::string max_age;              ///< latest
    bool active = false;              ///< latest
    std::optional<double> min_total;  ///< latest
    std::string file = "-";           ///< export
    std::string file_format;          ///< export
};

struct ImportArguments {
    std::vector<std::string> files;
    std::string layout, dataset, exchange, symbol, base, quote, time_unit;
    std::string on_error = "stop";
    std::size_t batch_rows = 10'000;
    bool force = false, dry_run = false, only_gaps = false, allow_rounding = false, json = false;
    bool complete = false;
    std::string from, to;  ///< Of --complete.
};

/// Beside the dataset, series and times, which are ReadOptions.
struct CopyArguments {
    std::string from_url, to_url;
    std::size_t batch_rows = 50'000;
    bool dry_run = false, only_gaps = false, allow_rounding = false, json = false;
};

/// Beside the series, times and the length, which are ReadOptions.
struct BarArguments {
    std::string dataset = "book-tickers";
    std::string empty = "skip";
};

/// Of coverage and gaps, beside the dataset, series and times, which are ReadOptions.
struct CoverageArguments {
    std::string clock;    ///< Empty: either; of declare and gaps event.
    std::string reason;   ///< declare
    bool gap = false;     ///< declare
    std::string silence;  ///< gaps
};

/// Of funding and basis, beside the times.
struct FundingArguments {
    std::string base;
    bool history = false;
};

/// Of align and spread.
struct CompareArguments {
    std::vector<std::string> series;
    std::string exchanges;
    std::string every, driver, from, to, tolerance;
    std::string clock = "received";
    bool each_change = false;
    std::vector<std::string> at;      ///< Times.
    std::string at_file;              ///< A file of such.
    std::optional<double> threshold;  ///< spread
    std::vector<std::string> fees;    ///< spread
    bool with_coverage = false;       ///< spread
    bool now = false;                 ///< spread
    std::optional<double> min_bps;    ///< spread --now
    std::string max_age;              ///< spread --now
    bool all = false;                 ///< align
    FormatFlags flags;
};

struct SymbolsOptions {
    std::string exchange;
    bool active = false;
    FormatFlags flags;
};

struct SyncArguments {
    std::string exchange, file;
    bool dry_run = false, dated = false, allow = false, json = false;
};

struct SymbolSetArguments {
    std::string series;
    std::optional<double> contract_size, tick_size, lot_size, min_quantity, min_notional;
    std::optional<std::string> base, quote, spelling, contract_type, quantity_unit, settle_asset, expires_at;
    bool active = false, inactive = false;
};

struct SymbolMergeArguments {
    std::string from, into;
    bool yes = false, json = false;
};

/// Of sql.
struct SqlArguments {
    std::string statement;
    std::vector<std::string> parameters;
    std::uint64_t limit = 0;
    bool writes = false;
    FormatFlags flags;
};

struct StatsOptions {
    bool series = false;
    bool counters = false;
    bool exact = false;
    FormatFlags flags;
};

struct InitOptions {
    bool prints_roles = false;
    bool hypertables = false;
    bool side_tables = false;
    std::string which;  ///< owner, writer or reader; empty: all three.
    std::string owner, writer, reader;
};

struct CleanupArguments {
    std::string older_than, dataset;
    bool dry_run = false, exact = false, yes = false, json = false;
};

struct RetentionArguments {
    std::string dataset, max_age, start, end, reason;
    std::uint64_t max_bytes = 0;
    std::int32_t id = 0;
    bool keeps_all = false, takes_imports = false, released = false;
    FormatFlags flags;
};

/// Of maintain and retention forecast.
struct MaintainArguments {
    std::string ahead;                        ///< maintain
    std::string window;                       ///< Of the forecast.
    std::optional<std::uint64_t> free_bytes;  ///< Of a disk that cannot be seen.
    FormatFlags flags;
};

/// Of status, check and metrics.
struct StatusArguments {
    std::string exchange, dataset, max_age;
    std::optional<double> min_rate;  ///< check
    bool each_series = false;        ///< check
    bool symbols = false;            ///< metrics
    std::string output = "-";        ///< metrics
    FormatFlags flags;
};

/// Of imports and delete, beside the dataset, series and times, which are ReadOptions.
struct RemovalArguments {
    std::int32_t id = 0;  ///< imports
    bool dry_run = false, yes = false, json = false;
};

/// Of backup and restore.
struct BackupArguments {
    std::string file;
    bool json = false;
};

struct MigrateOptions {
    std::optional<std::uint32_t> to;
    bool yes = false;
    ConversionOptions conversion;
    FormatFlags flags;
};

struct DemoOptions {
    std::string file = "marketdb-demo.db";
    std::uint64_t seed = 1;
};

}  // namespace marketdb::cli
