#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

#include "output.hpp"
#include "records.hpp"
#include "session.hpp"
#include "table.hpp"

namespace marketdb::cli {

template <class Row>
inline constexpr Dataset kDatasetOf = Dataset::book_tickers;
template <>
inline constexpr Dataset kDatasetOf<Trade> = Dataset::trades;
template <>
inline constexpr Dataset kDatasetOf<FundingRate> = Dataset::funding_rates;
template <>
inline constexpr Dataset kDatasetOf<Balance> = Dataset::balances;

/// What the numbers of an answer are, if all its series agree: for the headings of a table.
struct Units {
    std::string price;     ///< `USDT`.
    std::string quantity;  ///< `BTC`, `contracts`.
    std::string balance;   ///< `USDT`.
};

/// Of the symbols (balances: assets) that an answer speaks of.
[[nodiscard]] Units common_units(const std::vector<const Symbol*>& symbols);
[[nodiscard]] Units common_units(const std::vector<std::string>& assets);

struct RowStyle {
    OutputFormat format = OutputFormat::table;
    bool with_exchange_symbol = false;
    bool with_age = false;
    Units units;
};

/// Writes rows of one dataset as a table, JSON array, JSON lines or CSV.
template <class Row>
class RowPrinter {
 public:
    RowPrinter(Output& output, Session& session, RowStyle style);

    void add(const Row& row, std::optional<std::chrono::microseconds> age = {});
    /// Ends the table or array. Prints nothing for an empty table.
    void finish();
    /// Says on standard error which columns a narrow terminal left out; after the output was flushed.
    void note_hidden() const;
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

 private:
    Output& output_;
    Session& session_;
    RowStyle style_;
    std::unique_ptr<Table> table_;
    std::string line_;
    std::uint64_t rows_ = 0;
};

}  // namespace marketdb::cli
