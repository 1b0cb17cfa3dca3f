#include <sqlite3.h>

#include <cstring>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/choice_binding.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/coverage_ledger.hpp"
#include "storage/sqlite/row_codec.hpp"
#include "storage/sqlite/series_keeper.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {
namespace {

ErrorCode code_of_reference(std::string_view references) {
    if (references.starts_with("symbols")) return ErrorCode::unknown_symbol;
    if (references.starts_with("exchanges")) return ErrorCode::unknown_exchange;
    return ErrorCode::constraint;
}

/// Sets a time column of this name, if there is one, where it is absent or `always`.
void stamp(const Table& table, std::byte* row, std::string_view name, Timestamp now, bool always) {
    const Column* column = table.find(name);
    if (column != nullptr && (always || is_absent(row, *column))) store(row, *column, now);
}

}  // namespace

const Store::Texts& Store::texts(const Table& table) {
    const auto found = texts_.find(&table);
    if (found != texts_.end()) return found->second;
    Texts made{insert_sql(table, Dialect::sqlite), select_by_key_sql(table, Dialect::sqlite), {}, {}};
    const bool has_id = table.find(Role::generated) != nullptr;
    (has_id ? made.update_by_id : made.update) =
        has_id ? update_by_id_sql(table, Dialect::sqlite) : update_by_key_sql(table, Dialect::sqlite);
    return texts_.emplace(&table, std::move(made)).first->second;
}

WriteResult Store::write(RowSpan rows, const Control& control) {
    const Connection::Scope scope(connection_, control);
    const Table& table = *rows.table;
    const Texts& sql = texts(table);
    Statement& insert = connection_.statement(sql.insert);
    SeriesTally tally(connection_, table);
    ScratchRow stored(table);
    WriteResult result;
    for (std::size_t i = 0; i < rows.count; ++i) {
        if (i % kRowsBetweenChecks == 0) control.check();
        const std::byte* row = rows.row(i);
        if (insert_row(insert, row, table, i)) {
            ++result.inserted;
            tally.row_inserted(row);
            continue;
        }
        StatementUse select(connection_.statement(sql.select));
        bind_columns(*select, row, table, table.key);
        if (!select->step())
            throw Error(ErrorCode::internal, fmt::format("{} row {}: neither new nor stored", table.name, i));
        decode_row(*select, stored.get(), table);
        if (!merge(table, stored.get(), row)) {
            ++result.unchanged;
            continue;
        }
        select->reset();
        StatementUse update(connection_.statement(sql.update));
        bind_row(*update, stored.get(), table);
        const int code = update->step_code();
        if (code != SQLITE_DONE) refuse(code, row, table, i);
        ++result.updated;
        tally.row_updated(row, stored.get());
    }
    tally.flush();
    return result;
}

void Store::claim(std::span<const CoverageClaim> claims) { add_claims(connection_, claims); }

void Store::open_claims(std::span<const CoverageClaim> claims) { sqlite::open_claims(connection_, claims); }

void Store::settle_claims(const CoverageFilter& closes, std::span<const CoverageClaim> claims) {
    sqlite::settle_claims(connection_, closes, claims);
}

void Store::withdraw(const CoverageFilter& filter) { withdraw_claims(connection_, filter); }

std::vector<CoverageClaim> Store::claims(const CoverageFilter& filter) { return read_claims(connection_, filter); }

bool Store::insert_row(Statement& insert, const std::byte* row, const Table& table, std::size_t index) {
    bind_row(insert, row, table);
    const int code = insert.step_code();
    const bool is_new = sqlite3_changes(connection_.handle()) == 1;
    insert.reset();
    if (code == SQLITE_DONE) return is_new;
    refuse(code, row, table, index);
}

void Store::refuse(int code, const std::byte* row, const Table& table, std::size_t index) {
    if ((code & 0xff) != SQLITE_CONSTRAINT) connection_.fail(code, fmt::format("writing {}", table.name));
    const std::string words = sqlite3_errmsg(connection_.handle());
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY) refuse_unknown_reference(row, table, index);
    if (code == SQLITE_CONSTRAINT_UNIQUE) {
        throw Error(ErrorCode::constraint, fmt::format("{} row {}: a row with {} is there already", table.name, index,
                                                       describe_key(table, row)));
    }
    throw Error(ErrorCode::constraint,
                fmt::format("{} row {} ({}): {}", table.name, index, describe_key(table, row), words));
}

void Store::refuse_unknown_reference(const std::byte* row, const Table& table, std::size_t index) {
    for (const Column& column : table.columns) {
        if (column.references.empty() || is_absent(row, column)) continue;
        const std::size_t open = column.references.find('(');
        const std::string_view parent = column.references.substr(0, open);
        const std::string_view id = column.references.substr(open + 1, column.references.size() - open - 2);
        StatementUse find(connection_.statement(
            fmt::format("SELECT 1 FROM {} WHERE {} = ?1", quote_identifier(parent), quote_identifier(id))));
        bind_column(*find, 1, row, column);
        if (find->step()) continue;
        throw Error(code_of_reference(column.references),
                    fmt::format("{} row {}: {} {} is not in {}", table.name, index, column.name,
                                load<std::int32_t>(row, column), parent));
    }
}

void Store::insert_one(const Table& table, std::byte* row, Timestamp now) {
    stamp(table, row, "created_at", now, false);
    stamp(table, row, "updated_at", now, false);
    StatementUse insert(connection_.statement(texts(table).insert));
    if (!insert_row(*insert, row, table, 0)) {
        throw Error(ErrorCode::constraint,
                    fmt::format("{}: a row with {} is there already", table.name, describe_key(table, row)));
    }
    store(row, *table.find(Role::generated),
          static_cast<std::int32_t>(sqlite3_last_insert_rowid(connection_.handle())));
    count_reference_change(table);
}

bool Store::update_one(const Table& table, const std::byte* row, Timestamp now) {
    const Column& id = *table.find(Role::generated);
    ScratchRow changed(table);
    std::memcpy(changed.get(), row, table.row_size);
    stamp(table, changed.get(), "updated_at", now, true);
    const Column* created = table.find("created_at");
    if (created != nullptr && is_absent(row, *created)) {
        StatementUse find(connection_.statement(fmt::format("SELECT created_at FROM {} WHERE {} = ?1",
                                                            quote_identifier(table.name), quote_identifier(id.name))));
        bind_column(*find, 1, row, id);
        if (find->step() && !find->is_null(0)) {
            store(changed.get(), *created, Timestamp{std::chrono::microseconds(find->integer(0))});
        }
    }
    StatementUse update(connection_.statement(texts(table).update_by_id));
    bind_row(*update, changed.get(), table);
    bind_column(*update, static_cast<int>(&id - table.columns.data()) + 1, row, id);
    const int code = update->step_code();
    if (code != SQLITE_DONE) refuse(code, changed.get(), table, 0);
    if (sqlite3_changes(connection_.handle()) == 0) return false;
    count_reference_change(table);
    return true;
}

void Store::count_reference_change(const Table& table) {
    if (&table != &table_of<Exchange>() && &table != &table_of<Symbol>()) return;
    StatementUse count(connection_.statement("UPDATE reference_version SET version = version + 1"));
    count->step();
}

Erased Store::erase(const RowChoice& choice, std::uint64_t limit) {
    const Table& table = *choice.table;
    const ChoiceBinding chosen(choice);
    const std::span<const std::uint8_t> rest = table.key.subspan(table.series.size());
    std::string names;
    std::string values;
    int parameter = chosen.next_parameter();
    for (const std::uint8_t index : rest) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", quote_identifier(table.at(index).name));
        values += fmt::format("{}?{}", values.empty() ? "" : ", ", parameter++);
    }
    const std::string name = quote_identifier(table.name);
    // The first row that stays: DELETE .. LIMIT is not in every build of SQLite.
    StatementUse bound(
        connection_.statement(fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT 1 OFFSET ?{}", names, name,
                                          chosen.conditions(), names, chosen.next_parameter())));
    chosen.bind(*bound);
    bound->bind(chosen.next_parameter(), static_cast<std::int64_t>(limit));
    const bool bounded = limit > 0 && bound->step();
    const std::string more = bounded ? fmt::format(" AND ({}) < ({})", names, values) : std::string();
    StatementUse erase(
        connection_.statement(fmt::format("DELETE FROM {} WHERE {}{} RETURNING {}", name, chosen.conditions(), more,
                                          quote_identifier(table.find(Role::event_time)->name))));
    chosen.bind(*erase);
    Erased erased;
    for (std::size_t i = 0; bounded && i < rest.size(); ++i) {
        sqlite3_bind_value(erase->handle(), chosen.next_parameter() + static_cast<int>(i),
                           sqlite3_column_value(bound->handle(), static_cast<int>(i)));
    }
    // Behind the series every key goes on with the event time.
    if (bounded) erased.next = Timestamp{std::chrono::microseconds(bound->integer(0))};
    bound->reset();
    while (erase->step()) {
        const Timestamp time{std::chrono::microseconds(erase->integer(0))};
        erased.first = erased.rows == 0 ? time : std::min(erased.first, time);
        erased.last = std::max(erased.last, time);
        ++erased.rows;
    }
    if (erased.rows > 0 && table.dataset != Dataset::balances) withdraw(time_without(choice, erased));
    shrink_series(connection_, table, choice.series, erased.rows);
    return erased;
}

std::uint64_t Store::reclaim(std::uint32_t pages) {
    const std::uint64_t before = integer("PRAGMA freelist_count");
    Statement vacuum(connection_, fmt::format("PRAGMA incremental_vacuum({})", pages));
    while (vacuum.step()) {
    }
    return (before - integer("PRAGMA freelist_count")) * integer("PRAGMA page_size");
}

}  // namespace marketdb::storage::sqlite
