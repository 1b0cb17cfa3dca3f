#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/record_reader.hpp"
#include "io/row_format.hpp"
#include "storage/table.hpp"

namespace marketdb::io {

inline constexpr std::size_t kQuarantineTextBytes = 510;  ///< `QuarantinedRow::text`.

/// A file whose layout is known: records, format, checks.
template <class Row>
class RowParser final : public FileParser {
 public:
    RowParser(std::string layout, std::unique_ptr<RecordReader> records, std::unique_ptr<FileContext> context,
              std::unique_ptr<RowFormat<Row>> format)
        : layout_(std::move(layout)),
          records_(std::move(records)),
          context_(std::move(context)),
          format_(std::move(format)),
          table_(storage::table_of<Row>()) {}

    std::string_view layout() const noexcept override { return layout_; }
    std::optional<Dataset> dataset() const noexcept override { return table_.dataset; }
    const std::vector<Instrument>& instruments() const noexcept override { return context_->instruments.all(); }
    const std::vector<std::string>& warnings() const noexcept override { return context_->warnings; }

    bool next(Batch& batch, std::size_t max_rows) override {
        std::vector<Row>& rows = cleared_rows(batch);
        batch.lines.clear();
        batch.texts.clear();
        batch.errors.clear();
        batch.read = 0;
        batch.folded = 0;
        std::string_view record;
        while (batch.read < max_rows && records_->next(record)) {
            ++batch.read;
            read_row(record, rows, batch);
        }
        return batch.read > 0;
    }

 private:
    /// The vector of the batch before is used again with its memory.
    static std::vector<Row>& cleared_rows(Batch& batch) {
        auto* rows = std::get_if<std::vector<Row>>(&batch.rows);
        if (rows == nullptr) return batch.rows.emplace<std::vector<Row>>();
        rows->clear();
        return *rows;
    }

    void read_row(std::string_view record, std::vector<Row>& rows, Batch& batch) {
        rows.emplace_back();
        try {
            if (!check(record, rows.back())) {
                ++batch.folded;
                return rows.pop_back();
            }
            batch.lines.push_back(records_->line());
            if (context_->options.keeps_texts) batch.texts.push_back(core::printable(record, kQuarantineTextBytes));
        } catch (const Error& error) {
            batch.errors.push_back({records_->line(), error.what(), core::printable(record, kQuarantineTextBytes),
                                    rows.back().timestamp, rows.back().received_at});
            rows.pop_back();
        }
    }

    bool check(std::string_view record, Row& row) {
        if (record.find('\0') != std::string_view::npos) {
            throw Error(ErrorCode::invalid_argument, "the line holds a zero byte");
        }
        if (!format_->read(record, row)) return false;
        if (auto problem = storage::prepare_row(table_, reinterpret_cast<std::byte*>(&row))) {
            throw Error(ErrorCode::invalid_argument,
                        std::string("column ").append(problem->column).append(": ").append(problem->reason));
        }
        return true;
    }

    std::string layout_;
    std::unique_ptr<RecordReader> records_;
    std::unique_ptr<FileContext> context_;
    std::unique_ptr<RowFormat<Row>> format_;
    const storage::Table& table_;
};

}  // namespace marketdb::io
