#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "io/layout.hpp"
#include "io/parser.hpp"
#include "io/row_format.hpp"

/// What the files of Binance say only by their names, paths and number of columns.
namespace marketdb::io {

/// The layout of a file without header, by its name's type and its first row.
/// Errors: invalid_argument  none fits; asks for --layout and --dataset.
[[nodiscard]] const Layout& headerless_binance_layout(std::span<const std::string_view> first_row,
                                                      std::string_view file_name, const ParserOptions& options);

/// Market and symbol of the file. `layout` may be any of Binance's.
/// Errors: invalid_argument  the market or symbol stays open, or path and columns contradict each other; asks for
///                           --exchange, --symbol.
[[nodiscard]] FixedInstrument binance_instrument(const Layout& layout, const std::filesystem::path& path,
                                                 std::string_view inner_name, const ParserOptions& options);

/// `binance um bookTicker`: the layout's name with the market that the exchange is.
[[nodiscard]] std::string binance_layout_name(const Layout& layout, std::string_view exchange);

}  // namespace marketdb::io
