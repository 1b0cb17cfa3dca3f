#include <array>
#include <utility>

#include "io/own_row.hpp"

namespace marketdb::io {
namespace {

template <class Row>
class OwnCsv final : public RowFormat<Row> {
 public:
    OwnCsv(const Layout& layout, Columns columns, FileContext& context)
        : columns_(std::move(columns)), count_(layout.columns.size()), own_row_(layout, context) {}

    bool read(std::string_view record, Row& row) override {
        if (record.find('"') == std::string_view::npos) {
            columns_.take_plain(record);
        } else {
            columns_.take_quoted(record);
        }
        for (std::size_t index = 0; index < count_; ++index) {
            cells_[index] = {columns_.has(index) ? Cell::Type::any : Cell::Type::absent, columns_[index].text};
        }
        own_row_.fill(std::span<const Cell>(cells_.data(), count_), row);
        return true;
    }

 private:
    Columns columns_;
    std::size_t count_;
    std::array<Cell, Columns::kMaxColumns> cells_{};
    OwnRow own_row_;
};

}  // namespace

template <class Row>
std::unique_ptr<RowFormat<Row>> own_csv(const Layout& layout, Columns columns, FileContext& context) {
    return std::make_unique<OwnCsv<Row>>(layout, std::move(columns), context);
}

template std::unique_ptr<RowFormat<BookTicker>> own_csv(const Layout&, Columns, FileContext&);
template std::unique_ptr<RowFormat<Trade>> own_csv(const Layout&, Columns, FileContext&);
template std::unique_ptr<RowFormat<FundingRate>> own_csv(const Layout&, Columns, FileContext&);
template std::unique_ptr<RowFormat<Balance>> own_csv(const Layout&, Columns, FileContext&);

}  // namespace marketdb::io
