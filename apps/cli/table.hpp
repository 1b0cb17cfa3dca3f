#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "output.hpp"

namespace marketdb::cli {

struct Column {
    std::string heading;
    bool align_right = false;
    /// When the terminal is too narrow, columns with the greatest number go first; 0 always stays.
    int dispensable = 0;
};

/// Aligned columns. Memory is bounded: widths are told from the first 10,000 rows; a later, wider cell widens its column
/// from there on.
class Table {
 public:
    /// @param terminal_columns  0: no terminal, nothing is hidden.
    Table(Output& output, std::vector<Column> columns, std::size_t terminal_columns);

    /// One cell a column; an empty one is shown as `-`.
    void add(std::vector<std::string> cells);

    /// Prints what is left. Headings are printed even if there was no row.
    void finish();

    /// Headings of the columns that did not fit; known after the first rows were printed.
    [[nodiscard]] const std::vector<std::string>& hidden() const noexcept { return hidden_; }

 private:
    static constexpr std::size_t kRowsForWidths = 10'000;

    void start();
    void hide_until_it_fits();
    void print(const std::vector<std::string>& cells);

    Output& output_;
    std::vector<Column> columns_;
    std::size_t terminal_columns_;
    std::vector<std::size_t> widths_;
    std::vector<bool> shown_;
    std::vector<std::string> hidden_;
    std::vector<std::vector<std::string>> waiting_;
    bool started_ = false;
};

}  // namespace marketdb::cli
