#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "io/fields.hpp"
#include "io/row_format.hpp"
#include "storage/table.hpp"

namespace marketdb::io {

/// One value of marketdb's own CSV or JSON.
struct Cell {
    enum class Type : std::uint8_t { absent, any, text, number, boolean };  ///< `any`: CSV, which has no types.
    Type type = Type::absent;
    std::string_view text;
};

/// Values in the order of an own layout to a row, as the table's descriptor says.
class OwnRow {
 public:
    OwnRow(const Layout& layout, FileContext& context);

    /// Errors: invalid_argument  `column NAME: ...`.
    template <class Row>
    void fill(std::span<const Cell> cells, Row& row) {
        fill_columns(cells, reinterpret_cast<std::byte*>(&row));
        finish(cells, row);
    }

 private:
    void fill_columns(std::span<const Cell> cells, std::byte* row) const;
    void fill_column(const storage::Column& column, const Cell& cell, std::byte* row) const;
    [[nodiscard]] Timestamp time(Field field) const;
    [[nodiscard]] std::int32_t instrument(std::span<const Cell> cells);
    [[nodiscard]] std::string exchange_of(std::string_view text, std::string_view symbol) const;
    [[nodiscard]] Instrument describe(std::string_view exchange, std::string_view symbol,
                                      std::string_view spelling) const;

    void finish(std::span<const Cell> cells, BookTicker& row);
    void finish(std::span<const Cell> cells, Trade& row);
    void finish(std::span<const Cell> cells, FundingRate& row);
    void finish(std::span<const Cell> cells, Balance& row);

    FileContext& context_;
    TimeUnit unit_;
    std::vector<const storage::Column*> columns_;  ///< By the layout's columns; null: not of the row alone.
    std::size_t symbol_ = 0;                       ///< Places in the layout.
    std::size_t exchange_symbol_ = 0;
    std::size_t sequence_ = 0;
    std::string names_;  ///< Symbol and spelling of the current row, one text.
};

}  // namespace marketdb::io
