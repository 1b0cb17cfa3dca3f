#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/queries.hpp>
#include <marketdb/transfer.hpp>

#include "options.hpp"
#include "session.hpp"

namespace marketdb::cli {

/// Reads an option's value, as the library does but for lengths without a unit and times of eight digits or fewer, which are
/// refused; an error names the option.
/// Errors: UsageError.
[[nodiscard]] Timestamp read_time_option(std::string_view option, const std::string& text);
[[nodiscard]] std::chrono::microseconds read_duration_option(std::string_view option, const std::string& text);
[[nodiscard]] Dataset read_dataset(const std::string& text, std::string_view option = "DATASET");

/// What `copy` and `checksum` are about: dataset, series, account and times.
/// Errors: UsageError  names the option and what was expected.
[[nodiscard]] HistorySelection read_selection(const ReadOptions& options);

/// What a reading command asks, understood. Owns the texts that its filters look at.
class Query {
 public:
    /// Understands everything that needs no database.
    /// Errors: UsageError  names the option and what was expected.
    explicit Query(const ReadOptions& options);

    /// Looks the series up.
    /// Errors: unknown_exchange, unknown_symbol, ambiguous.
    void resolve(Session& session);

    [[nodiscard]] Dataset dataset() const noexcept { return dataset_; }
    [[nodiscard]] std::uint64_t tail() const noexcept { return tail_; }
    [[nodiscard]] std::chrono::microseconds max_age() const noexcept { return max_age_; }
    /// Only balances whose total is above this were asked for.
    [[nodiscard]] std::optional<double> active_above() const noexcept { return active_above_; }
    /// Of the latest rows, which come newest first unless asked otherwise.
    [[nodiscard]] bool is_oldest_first() const noexcept { return order_ == "asc"; }

    /// Valid as long as this object. Without `tail` (see history.hpp).
    [[nodiscard]] HistoryFilter history_filter() const;
    /// Without limit, order and times (see latest_command.cpp).
    [[nodiscard]] LatestFilter latest_filter() const;

    /// Whether nothing ends the reading before the end of the time asked.
    [[nodiscard]] bool reads_to_the_end() const noexcept;
    /// Whether the answer is made of all rows of the chosen series.
    [[nodiscard]] bool is_whole_series() const noexcept;
    /// Whether the series belongs to the dataset and was chosen.
    [[nodiscard]] bool chooses(Session& session, const SeriesStats& series) const;
    /// `BINANCE_SPOT:BTC/USDT, BYBIT_SPOT:*`, or `any series`.
    [[nodiscard]] std::string series_text() const;

 private:
    void read_range(const ReadOptions& options);
    void read_active(const ReadOptions& options);
    [[nodiscard]] SeriesFilter series_filter() const;
    void resolve_balances(Session& session);

    Dataset dataset_;
    std::vector<std::string> series_;  ///< `EXCHANGE:SYMBOL` each; empty: all.
    std::string account_;
    std::vector<SymbolId> symbols_;
    std::vector<BalanceSeries> balances_;
    HistoryFilter filter_;
    std::string order_;
    std::uint64_t tail_ = 0;
    std::chrono::microseconds max_age_{0};
    std::optional<double> active_above_;
};

}  // namespace marketdb::cli
