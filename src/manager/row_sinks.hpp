#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "storage/table.hpp"

/// Where rows of an engine go.
namespace marketdb {

/// A sink that keeps rows as bytes.
class RowBuffer final : public storage::RowSink {
 public:
    explicit RowBuffer(const storage::Table& table) : row_size_(table.row_size) {}

    std::byte* slot() override;
    bool commit() override;
    void push(const std::byte* row);
    void clear() noexcept { count_ = 0; }

    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] const std::byte* operator[](std::size_t index) const noexcept {
        return bytes_.data() + index * row_size_;
    }
    [[nodiscard]] storage::RowSpan span(const storage::Table& table) noexcept {
        return {&table, bytes_.data(), count_};
    }

 private:
    std::size_t row_size_;
    std::size_t count_ = 0;
    std::vector<std::byte> bytes_;  // count_ rows, and room for more
};

/// A sink that fills a vector of structs.
template <class Row>
class VectorSink final : public storage::RowSink {
 public:
    explicit VectorSink(std::vector<Row>& rows) : rows_(rows) {}
    std::byte* slot() override { return reinterpret_cast<std::byte*>(&rows_.emplace_back()); }
    bool commit() override { return true; }

 private:
    std::vector<Row>& rows_;
};

/// A sink that hands every row on and keeps none.
template <class Row>
class EachRow final : public storage::RowSink {
 public:
    explicit EachRow(std::function<void(const Row&)> take) : take_(std::move(take)) {}
    std::byte* slot() override {
        row_ = Row{};
        return reinterpret_cast<std::byte*>(&row_);
    }
    bool commit() override {
        take_(row_);
        return true;
    }

 private:
    std::function<void(const Row&)> take_;
    Row row_;
};

/// The rows of the last time of each series of a batch that is sorted by key. All of them: a trade that is stored already
/// keeps its stored sequence, so the batch alone does not say which of them is the newest.
[[nodiscard]] RowBuffer newest_per_series(storage::RowSpan rows);

/// The series of rows that are sorted by them.
[[nodiscard]] std::vector<storage::SeriesKey> series_in(storage::RowSpan rows);

}  // namespace marketdb
