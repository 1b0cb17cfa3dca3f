#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace marketdb::cli {

/// What the two output streams can show. Read once at start.
struct Terminal {
    bool output_is_terminal = false;
    bool error_is_terminal = false;
    bool utf8 = false;        ///< By LC_ALL, LC_CTYPE, LANG.
    bool color = false;       ///< Standard error is a terminal that knows colours, and NO_COLOR is not set.
    std::size_t columns = 0;  ///< Of the terminal behind standard output; 0 if it is none.
    std::size_t error_columns = 0;
};

[[nodiscard]] const Terminal& terminal();

/// Opens the null device in place of a standard stream that is closed: else the database's file would get its number, and
/// what is printed would be written into the database.
void guard_standard_streams();

/// Columns that a text takes on a terminal.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// The front of a text that takes at most so many columns.
[[nodiscard]] std::string_view cut_to_width(std::string_view text, std::size_t columns) noexcept;

/// Control bytes and invalid UTF-8 as `?`: a symbol's name must not drive the terminal.
[[nodiscard]] std::string printable(std::string_view text);

/// 66089 as `66,089`.
[[nodiscard]] std::string with_commas(std::uint64_t number);

/// `1 row`, `66,089 rows`.
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view thing);

/// 4213760 as `4.0 MiB`.
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace marketdb::cli
