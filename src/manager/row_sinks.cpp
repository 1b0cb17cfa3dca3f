#include "manager/row_sinks.hpp"

#include <algorithm>
#include <cstring>

namespace marketdb {

std::byte* RowBuffer::slot() {
    const std::size_t needed = (count_ + 1) * row_size_;
    if (bytes_.size() < needed) bytes_.resize(std::max(needed, bytes_.size() * 2));
    std::byte* row = bytes_.data() + count_ * row_size_;
    std::memset(row, 0, row_size_);
    return row;
}

bool RowBuffer::commit() {
    ++count_;
    return true;
}

void RowBuffer::push(const std::byte* row) {
    std::memcpy(slot(), row, row_size_);
    commit();
}

RowBuffer newest_per_series(storage::RowSpan rows) {
    const storage::Table& table = *rows.table;
    const storage::Column& time = *table.find(storage::Role::event_time);
    RowBuffer newest(table);
    std::size_t begin = 0;
    while (begin < rows.count) {
        std::size_t end = begin + 1;
        while (end < rows.count && storage::compare(rows.row(begin), rows.row(end), table, table.series) == 0) ++end;
        std::size_t first = end - 1;
        while (first > begin && storage::compare(rows.row(first - 1), rows.row(end - 1), time) == 0) --first;
        for (std::size_t i = first; i < end; ++i) newest.push(rows.row(i));
        begin = end;
    }
    return newest;
}

std::vector<storage::SeriesKey> series_in(storage::RowSpan rows) {
    std::vector<storage::SeriesKey> all;
    for (std::size_t i = 0; i < rows.count; ++i) {
        const storage::SeriesKey series = storage::series_of(*rows.table, rows.row(i));
        if (all.empty() || all.back() != series) all.push_back(series);
    }
    return all;
}

}  // namespace marketdb
