#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// How a database does, for people who look after it and for programs that wake them. Free functions over `DatabaseManager`.
namespace marketdb {

/// What is looked at.
struct StatusOptions {
    std::string_view exchange;       ///< In any case, `*` stands for any run of characters; empty: all.
    std::optional<Dataset> dataset;  ///< None: all four.
    /// A series of an active symbol is stale when its newest row is older. Must be > 0.
    std::chrono::microseconds max_age{std::chrono::minutes(1)};
};

/// One series. Ages go by event time, which is what counts are kept of.
struct SeriesStatus {
    Dataset dataset{};
    SymbolId symbol_id{};  ///< 0 for balances.
    ExchangeId exchange_id{};
    InlineString<31> account;     ///< Balances only.
    InlineString<23> asset_name;  ///< Balances only.
    Timestamp last = kNoTime;
    std::chrono::microseconds age{0};  ///< Now minus `last`; below zero where the clocks differ.
    std::uint64_t recent_rows = 0;     ///< Of the last minute.
    bool is_active = true;             ///< Its symbol and exchange are.
    bool is_stale = false;
};

/// All series of one dataset on one exchange.
struct ExchangeStatus {
    Dataset dataset{};
    ExchangeId exchange_id{};
    InlineString<31> exchange;
    bool is_active = true;
    std::uint64_t series = 0;
    std::uint64_t stale = 0;
    std::chrono::microseconds newest_age{0};
    std::uint64_t recent_rows = 0;  ///< Of the last minute.
    /// Since a feed (see `open_feed`) of the dataset on the exchange last said that it is up; however quiet the market is. Absent: none did
    /// within a day, or the database keeps no coverage.
    std::optional<std::chrono::microseconds> feed_age;
};

/// Room on the disk of the database.
struct DiskRoom {
    std::uint64_t free_bytes = 0;  ///< For whoever asks.
    std::uint64_t total_bytes = 0;
};

/// How a database does.
struct DatabaseStatus {
    Timestamp at = kNoTime;
    std::optional<Dataset> dataset;  ///< What was asked for, as in the options.
    std::string exchange;
    DatabaseStats database;
    std::vector<ExchangeStatus> exchanges;  ///< Those that have rows, by exchange and dataset.
    std::vector<SeriesStatus> series;       ///< By dataset, exchange, symbol.
    std::optional<DiskRoom> disk;           ///< None of a server or in memory: it cannot be seen from here.
};

/// Looks at everything once.
///
/// Errors: invalid_argument  max_age <= 0. unknown_exchange  nothing has the name.
/// Cost:   of the kept counts, and one index probe for each series that has rows of the last minute. On an existing schema a
///         probe for each series, or, where its index is missing, a look at all rows.
boost::asio::awaitable<DatabaseStatus> get_status(DatabaseManager& db, StatusOptions options = {},
                                                  Deadline deadline = {});

/// `get_database_stats` with every row of the four datasets counted.
/// Cost: reads all of them.
boost::asio::awaitable<DatabaseStats> get_exact_database_stats(DatabaseManager& db,
                                                               Deadline deadline = Deadline::never());

/// What a probe expects. What is not given is not asked.
struct HealthLimits {
    std::optional<std::chrono::microseconds> max_age;  ///< Of the newest row of each exchange.
    std::optional<double> min_rate;                    ///< Rows of the last minute on each exchange.
    bool each_series = false;                          ///< `max_age` holds for each active series too.
};

/// Something that is not as expected.
struct HealthFinding {
    Dataset dataset{};
    std::string subject;  ///< `BINANCE_SPOT`, `BINANCE_SPOT:BTC/USDT`; empty: the database.
    std::string kind;     ///< `stale`, `ahead` (by more than `max_age`), `slow`, `empty`.
    std::string detail;   ///< `newest row 75 s old, expected at most 60 s`.
};

/// Compares a status with what is expected of it. Exchanges and symbols that are not active are left out; a status without any
/// row is a finding. Memory only.
[[nodiscard]] std::vector<HealthFinding> find_unhealthy(const DatabaseManager& db, const DatabaseStatus& status,
                                                        const HealthLimits& limits);

/// What `metrics_text` writes beside the figures of each exchange.
struct MetricsOptions {
    bool symbols = false;   ///< One line for each series too: on a large database many.
    bool counters = false;  ///< What this process did since it opened the database.
};

/// A status in Prometheus' text format, as a textfile collector or a scrape takes it.
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
[[nodiscard]] std::string metrics_text(const DatabaseManager& db, const DatabaseStatus& status,
                                       MetricsOptions options = {});

static_assert(std::is_trivially_copyable_v<StatusOptions> && std::is_trivially_copyable_v<HealthLimits> &&
              std::is_trivially_copyable_v<MetricsOptions>);

}  // namespace marketdb
