#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include <boost/asio/any_io_executor.hpp>

#include <libpq-fe.h>

#include <marketdb/deadline.hpp>

#include "core/process.hpp"
#include "storage/postgres/connect_target.hpp"

/// The parts of libpq that may block (names, files, connecting, asking the server to stop) run on threads of their own.
namespace marketdb::storage::postgres {

/// Ends a session. In a child after fork() it does nothing: the session is the parent's.
struct FinishConnection {
    core::ProcessMark process;
    void operator()(PGconn* connection) const noexcept;
};
/// A session with a server.
using Link = std::unique_ptr<PGconn, FinishConnection>;

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
/// Keywords and values, ended by one without a keyword.
using ConnectOptions = std::unique_ptr<PQconninfoOption, FreeOptions>;

/// The threads of one pool, and what stands between them and the executor that they report to, which may go before they end.
///
/// Threads: all functions from any thread, but `join` not from one of its own.
class Gate : public std::enable_shared_from_this<Gate> {
 public:
    explicit Gate(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    /// Nobody waited for those that end last.
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    /// Runs the function on the executor; after `shut` it is dropped. Returns whether it was taken.
    bool post(std::function<void()> function);
    /// Nothing is posted any more.
    void shut() noexcept;
    [[nodiscard]] bool is_shut() const noexcept;

    /// Runs the function on a thread of its own, which takes none of the host program's signals.
    /// Errors: std::system_error  no thread can be started.
    void start(std::function<void()> function);
    /// Waits until the threads have ended, so that none is inside a library whose program goes; those that a name server holds
    /// up for longer are left alone.
    void join(std::chrono::milliseconds patience) noexcept;

 private:
    struct Worker {
        std::thread thread;
        bool has_ended = false;
    };

    mutable std::mutex mutex_;
    std::condition_variable ended_;
    // guarded by mutex_
    boost::asio::any_io_executor executor_;
    std::list<Worker> workers_;
    bool shut_ = false;
};

/// What connecting came to: a link, or why not.
struct Connected {
    Link link;
    std::exception_ptr failure;
};

/// Connects on a thread of its own, then calls `done` through the gate. Tries the hosts in their order, and each address of a
/// host's name, each for `connect_timeout` or, if there are several, 5 s, so that one which does not answer keeps nobody from
/// the next; the error names each one's. Names are looked up anew each time. A link is ready to be used without blocking.
///
/// Errors (in `Connected`): unavailable, unauthorized, timeout; resource_exhausted  no thread can be started.
void start_connecting(std::shared_ptr<const ConnectTarget> target, Deadline deadline, std::shared_ptr<Gate> gate,
                      std::function<void(Connected)> done);

/// Asks the server, on a thread of its own, to stop what a link does. It may hear of it late: no more can be done with the link
/// than to read its answer.
void ask_to_stop(PGconn* link, Gate& gate) noexcept;

/// Lets go of a link whose state is not known: the server is asked to stop what it does, then the session ends.
void abandon_link(Link link, Gate& gate) noexcept;

}  // namespace marketdb::storage::postgres
