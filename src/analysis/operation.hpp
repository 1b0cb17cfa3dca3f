#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <marketdb/database_manager.hpp>
#include <marketdb/error.hpp>

#include "core/refuse.hpp"
#include "core/resolved.hpp"

/// What the free functions over a manager have in common with its methods.
namespace marketdb::analysis {

/// The deadline of a whole operation that asks the manager several times: the configuration's from now on, if none was given.
[[nodiscard]] inline Deadline resolved(const DatabaseManager& db, Deadline deadline) {
    return core::resolved(db.config(), deadline);
}

using core::refuse;

/// Runs an operation that fails with `cancelled`, saying what was, where Asio cancels it between two questions.
template <class T>
boost::asio::awaitable<T> run(boost::asio::awaitable<T> operation, const char* what) {
    try {
        T answer = co_await std::move(operation);
        co_return answer;
    } catch (const boost::system::system_error&) {
        throw Error(ErrorCode::cancelled, what);
    }
}

}  // namespace marketdb::analysis
