#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

/// Rows as text: the field names and forms that files, JSON and tables share. Times are RFC 3339 in UTC with six decimals,
/// numbers the shortest that read back the same, absent is empty (CSV) or null (JSON).
namespace marketdb {

/// What a row alone does not know.
struct RowContext {
    std::string_view exchange;          ///< `BINANCE_SPOT`.
    std::string_view symbol;            ///< `BTC/USDT`; not used for balances.
    std::string_view exchange_symbol;   ///< The exchange's own spelling; a field of its own if `with_exchange_symbol`.
    bool with_exchange_symbol = false;  ///< Not for balances.
    std::optional<double> age_seconds;  ///< A field `age_seconds` at the end.
};

/// The two forms of `append_row`.
enum class TextFormat : std::uint8_t { csv, json };

/// The fields in order: exchange, symbol (not balances), exchange_symbol (if asked), timestamp, received_at, the dataset's
/// own (`sequence, bid_price, ...`), age_seconds (if asked).
[[nodiscard]] std::vector<std::string_view> field_names(Dataset dataset, bool with_exchange_symbol, bool with_age);

/// Whether a field is a number (right-aligned in a table).
[[nodiscard]] bool is_number_field(Dataset dataset, std::string_view field) noexcept;

/// Appends the row: one CSV line without its newline, or one JSON object.
/// Row: BookTicker, Trade, FundingRate or Balance.
template <class Row>
void append_row(std::string& out, const Row& row, const RowContext& context, TextFormat format);

/// The fields as text, absent ones empty.
template <class Row>
[[nodiscard]] std::vector<std::string> row_cells(const Row& row, const RowContext& context);

/// A JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// A CSV field, quoted as RFC 4180 says only where it must be.
void append_csv_field(std::string& out, std::string_view text);

/// The shortest text that reads back to the same double: `61837.63`, `100000`, `9.12e-07`; NaN is empty.
[[nodiscard]] std::string format_number(double number);

}  // namespace marketdb
