#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/models.hpp>

#include "storage/engine.hpp"
#include "storage/table.hpp"

namespace marketdb {

/// Where rows come from: the sources that the database holds, and the manager's own session, which is registered at the
/// first row that names no source. A database without a table for them has none: what is begun there has the id 0, and what
/// is read there is empty.
///
/// Threads:  all functions from any thread; no lock is held while the engine works.
/// Lifetime: engine and configuration must outlive it.
/// Errors:   what the engine throws.
class SourceRegister {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    SourceRegister(storage::Engine& engine, const Config& config, const Clock& clock)
        : engine_(engine), config_(config), clock_(clock) {}

    /// As `DatabaseManager::begin_source`.
    awaitable<SourceId> begin(Source source, Deadline deadline);
    /// Errors: invalid_argument  no source has this id.
    awaitable<void> finish(SourceId id, std::int64_t rows, Deadline deadline);
    /// The same for the session's source; nothing if no row needed it.
    awaitable<void> finish_session(std::int64_t rows, Deadline deadline);
    /// Empty texts: all.
    awaitable<std::vector<Source>> list(std::string kind, std::string sha256, bool finished_only, Deadline deadline);
    /// Gives rows without a source the session's.
    /// Errors: invalid_argument  a source of a row is not stored.
    awaitable<void> fill(storage::RowSpan rows, Deadline deadline);

 private:
    [[nodiscard]] bool has_table() const noexcept { return engine_.capabilities().keeps_sources; }
    awaitable<SourceId> session(Deadline deadline);
    awaitable<bool> is_stored(SourceId id, Deadline deadline);
    awaitable<std::optional<Source>> find(SourceId id, Deadline deadline);
    awaitable<SourceId> insert(Source source, Deadline deadline);

    storage::Engine& engine_;
    const Config& config_;
    const Clock& clock_;

    // guarded by mutex_
    std::mutex mutex_;
    SourceId session_{};
    std::set<SourceId> stored_;  // seen in the database
};

}  // namespace marketdb
