#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/queries.hpp>

#include "io/fields.hpp"

/// Which columns each kind of file has, and which kind a header is.
namespace marketdb::io {

enum class Vendor : std::uint8_t { tardis, binance, marketdb, other };

struct ColumnSpec {
    std::string_view name;
    bool required = true;
};

/// A kind of file.
struct Layout {
    std::string_view name;  ///< `tardis book_ticker`.
    Vendor vendor{};
    std::optional<Dataset> dataset;  ///< None: known, but not read.
    std::span<const ColumnSpec> columns;
};

namespace layouts {
extern const Layout kTardisBookTicker, kTardisTrades, kTardisDerivativeTicker;
extern const Layout kBinanceSpotTrades, kBinanceSpotAggTrades, kBinanceUmTrades, kBinanceCmTrades, kBinanceAggTrades,
    kBinanceBookTicker, kBinanceFundingRate;
extern const Layout kOwnBookTickers, kOwnTrades, kOwnFundingRates, kOwnBalances;
}  // namespace layouts

/// What is read, for messages.
[[nodiscard]] std::string layouts_read();

/// The layout whose columns a header's resemble most; null if none does by half. Restricted to a vendor and a dataset
/// if given.
[[nodiscard]] const Layout* most_similar(std::span<const std::string_view> header, std::optional<Vendor> vendor,
                                         std::optional<Dataset> dataset);

/// Where a layout's columns stand in this file, and the current row's texts.
class Columns {
 public:
    static constexpr std::size_t kMaxColumns = 64;

    /// Without a header: the layout's columns in its order.
    explicit Columns(const Layout& layout);
    /// Errors: invalid_argument  a column is missing, doubled or unknown; names it and the layout.
    Columns(const Layout& layout, std::span<const std::string_view> header);

    /// Errors: invalid_argument  the row has another number of fields; says both.
    void take_plain(std::string_view record) { check_count(split_plain(record, fields_)); }
    void take_quoted(std::string_view record) { check_count(split_quoted(record, fields_, unquoted_)); }

    /// The layout's n-th column; empty if the file does not have it.
    [[nodiscard]] Field operator[](std::size_t index) const noexcept {
        return {layout_->columns[index].name, fields_[places_[index]]};
    }
    [[nodiscard]] bool has(std::size_t index) const noexcept { return places_[index] != kAbsent; }

 private:
    static constexpr std::uint8_t kAbsent = kMaxColumns;  ///< A field that is never filled.

    void check_count(std::size_t count) const;

    const Layout* layout_;
    std::size_t count_;
    std::array<std::uint8_t, kMaxColumns> places_{};
    std::array<std::string_view, kMaxColumns + 1> fields_{};
    std::string unquoted_;
};

}  // namespace marketdb::io
