#include "manager/source_register.hpp"

#include <utility>

#include <marketdb/clock.hpp>
#include <marketdb/error.hpp>

#include "core/identity.hpp"
#include "manager/row_sinks.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::ScanRequest;

std::string unknown_source(SourceId id) {
    return "no source has the id " + std::to_string(static_cast<std::int32_t>(id));
}

}  // namespace

awaitable<SourceId> SourceRegister::begin(Source source, Deadline deadline) {
    if (!has_table()) co_return SourceId{};
    if (!source.sha256.empty()) {
        const std::vector<Source> known = co_await list(source.kind.str(), source.sha256.str(), false, deadline);
        for (const Source& one : known) {
            if (!is_present(one.finished_at)) co_return one.id;
        }
    }
    const SourceId id = co_await insert(source, deadline);
    co_return id;
}

awaitable<void> SourceRegister::finish(SourceId id, std::int64_t rows, Deadline deadline) {
    if (id == SourceId{} && !has_table()) co_return;
    std::optional<Source> source = co_await find(id, deadline);
    if (!source) throw Error(ErrorCode::invalid_argument, unknown_source(id));
    source->finished_at = clock_.now();
    source->rows = rows;
    co_await engine_.update_one(storage::table_of<Source>(), reinterpret_cast<const std::byte*>(&*source), deadline);
}

awaitable<void> SourceRegister::finish_session(std::int64_t rows, Deadline deadline) {
    SourceId id{};
    {
        const std::scoped_lock lock(mutex_);
        id = session_;
    }
    if (id != SourceId{}) co_await finish(id, rows, deadline);
}

awaitable<std::vector<Source>> SourceRegister::list(std::string kind, std::string sha256, bool finished_only,
                                                    Deadline deadline) {
    std::vector<Source> chosen;
    if (!has_table()) co_return chosen;
    EachRow<Source> sink([&](const Source& row) {
        if (!kind.empty() && row.kind != kind) return;
        if (!sha256.empty() && row.sha256 != sha256) return;
        if (finished_only && !is_present(row.finished_at)) return;
        chosen.push_back(row);
    });
    ScanRequest request;
    request.table = &storage::table_of<Source>();
    co_await engine_.scan(request, sink, deadline);
    co_return chosen;
}

awaitable<void> SourceRegister::fill(storage::RowSpan rows, Deadline deadline) {
    if (!has_table()) co_return;
    const storage::Column& column = *rows.table->find(storage::Role::source);
    SourceId own{};
    SourceId checked{};
    for (std::size_t i = 0; i < rows.count; ++i) {
        const auto source = storage::load<SourceId>(rows.row(i), column);
        if (source == SourceId{}) {
            if (own == SourceId{}) own = co_await session(deadline);
            storage::store(rows.row(i), column, own);
            continue;
        }
        if (source == checked) continue;
        const bool stored = co_await is_stored(source, deadline);
        if (!stored) {
            throw Error(ErrorCode::invalid_argument,
                        std::string(rows.table->name) + ": column source_id: " + unknown_source(source));
        }
        checked = source;
    }
}

awaitable<SourceId> SourceRegister::session(Deadline deadline) {
    {
        const std::scoped_lock lock(mutex_);
        if (session_ != SourceId{}) co_return session_;
    }
    Source source;
    source.kind = "session";
    source.program = core::program_name(config_);
    source.name = source.program.view();
    source.started_at = clock_.now();
    const SourceId id = co_await insert(source, deadline);
    // Two first writes at once make two sources; the second one stays unused but harmless.
    const std::scoped_lock lock(mutex_);
    if (session_ == SourceId{}) session_ = id;
    co_return session_;
}

awaitable<bool> SourceRegister::is_stored(SourceId id, Deadline deadline) {
    {
        const std::scoped_lock lock(mutex_);
        if (stored_.contains(id)) co_return true;
    }
    const std::optional<Source> found = co_await find(id, deadline);
    if (!found) co_return false;
    const std::scoped_lock lock(mutex_);
    stored_.insert(id);
    co_return true;
}

awaitable<std::optional<Source>> SourceRegister::find(SourceId id, Deadline deadline) {
    std::optional<Source> found;
    if (id <= SourceId{} || !has_table()) co_return found;
    Source before;
    before.id = SourceId{static_cast<std::int32_t>(id) - 1};
    EachRow<Source> sink([&found, id](const Source& row) {
        if (row.id == id) found = row;
    });
    ScanRequest request;
    request.table = &storage::table_of<Source>();
    request.after = reinterpret_cast<const std::byte*>(&before);
    request.limit = 1;
    co_await engine_.scan(request, sink, deadline);
    co_return found;
}

awaitable<SourceId> SourceRegister::insert(Source source, Deadline deadline) {
    source.id = {};
    if (source.program.empty()) source.program = core::program_name(config_);
    if (source.host.empty()) source.host = core::host_name();
    co_await engine_.insert_one(storage::table_of<Source>(), reinterpret_cast<std::byte*>(&source), deadline);
    co_return source.id;
}

}  // namespace marketdb
