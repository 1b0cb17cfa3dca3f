#include "storage/sqlite/choice_binding.hpp"

#include <cstdint>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/row_codec.hpp"

namespace marketdb::storage::sqlite {

ChoiceBinding::ChoiceBinding(const RowChoice& choice) : choice_(choice), row_(*choice.table) {
    const Table& table = *choice.table;
    set_series(table, row_.get(), choice.series);
    const std::string_view time = table.find(Role::event_time)->name;
    for (const std::uint8_t index : table.series) add(table.at(index).name, "=");
    if (is_present(choice.start)) add(time, ">=");
    if (is_present(choice.end)) add(time, "<");
    if (choice.source != SourceId{}) add(table.find(Role::source)->name, "=");
    if (choice.spares_imports) {
        conditions_ += fmt::format(
            R"( AND ({0} IS NULL OR {0} NOT IN (SELECT "id" FROM "sources" WHERE "kind" IN ('import', 'copy'))))",
            quote_identifier(table.find(Role::source)->name));
    }
}

void ChoiceBinding::add(std::string_view column, std::string_view comparison) {
    if (!conditions_.empty()) conditions_ += " AND ";
    conditions_ += fmt::format("{} {} ?{}", quote_identifier(column), comparison, next_++);
}

void ChoiceBinding::bind(Statement& statement) const {
    const Table& table = *choice_.table;
    int parameter = bind_in_turn(statement, 1, row_.get(), table, table.series);
    if (is_present(choice_.start)) statement.bind(parameter++, choice_.start.time_since_epoch().count());
    if (is_present(choice_.end)) statement.bind(parameter++, choice_.end.time_since_epoch().count());
    if (choice_.source != SourceId{})
        statement.bind(parameter, std::int64_t{static_cast<std::int32_t>(choice_.source)});
}

}  // namespace marketdb::storage::sqlite
