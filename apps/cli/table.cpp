#include "table.hpp"

#include <algorithm>
#include <utility>

#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kGap = 2;

}  // namespace

Table::Table(Output& output, std::vector<Column> columns, std::size_t terminal_columns)
    : output_(output),
      columns_(std::move(columns)),
      terminal_columns_(terminal_columns),
      widths_(columns_.size()),
      shown_(columns_.size(), true) {
    for (std::size_t i = 0; i < columns_.size(); ++i) widths_[i] = display_width(columns_[i].heading);
}

void Table::add(std::vector<std::string> cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        cells[i] = cells[i].empty() ? "-" : printable(cells[i]);
        widths_[i] = std::max(widths_[i], display_width(cells[i]));
    }
    if (started_) {
        print(cells);
        return;
    }
    waiting_.push_back(std::move(cells));
    if (waiting_.size() >= kRowsForWidths) start();
}

void Table::finish() {
    if (!started_) start();
}

void Table::start() {
    started_ = true;
    hide_until_it_fits();
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.push_back(column.heading);
    print(headings);
    for (const auto& cells : waiting_) print(cells);
    waiting_ = {};
}

void Table::hide_until_it_fits() {
    if (terminal_columns_ == 0) return;
    for (;;) {
        std::size_t total = 0;
        std::size_t candidate = columns_.size();
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (!shown_[i]) continue;
            total += widths_[i] + (total == 0 ? 0 : kGap);
            if (columns_[i].dispensable == 0) continue;
            if (candidate == columns_.size() || columns_[i].dispensable > columns_[candidate].dispensable)
                candidate = i;
        }
        if (total <= terminal_columns_ || candidate == columns_.size()) return;
        shown_[candidate] = false;
        hidden_.push_back(columns_[candidate].heading);
    }
}

void Table::print(const std::vector<std::string>& cells) {
    std::string line;
    std::size_t blanks = 0;  // Kept back, so that no line ends in blanks.
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (!shown_[i]) continue;
        const std::size_t fill = widths_[i] - std::min(widths_[i], display_width(cells[i]));
        if (columns_[i].align_right) blanks += fill;
        line.append(blanks, ' ');
        line += cells[i];
        blanks = kGap + (columns_[i].align_right ? 0 : fill);
    }
    output_.line(line);
}

}  // namespace marketdb::cli
