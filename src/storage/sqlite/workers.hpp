#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <marketdb/queries.hpp>

#include "storage/completion.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/file_identity.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {

/// What a job may use while it runs.
struct JobContext {
    Database& database;  ///< Only in the writer's lane.
    Store* store;        ///< Of the thread's own connection; null in the writer's lane while the database is not open.
    Connection* connection;  ///< The same.
    const Control& control;
};

/// One operation of the engine on a worker thread. It lies in the frame of the coroutine that waits for it, which stays
/// until the completion.
class Job {
 public:
    /// `work` must outlive the job; it is called with a `JobContext&`.
    template <class Work>
    Job(Deadline deadline, Work& work)
        : control_(deadline),
          work_(&work),
          call_([](void* callable, JobContext& context) { (*static_cast<Work*>(callable))(context); }) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    void set_completion(std::unique_ptr<Completion> completion) noexcept { completion_ = std::move(completion); }
    [[nodiscard]] Control& control() noexcept { return control_; }
    /// After completion. Errors: what the work threw; timeout or cancelled if it never ran.
    void rethrow_failure() const {
        if (failure_) std::rethrow_exception(failure_);
    }

    void run(JobContext& context) noexcept;
    void fail(std::exception_ptr failure) noexcept { failure_ = std::move(failure); }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
    /// The job must not be touched afterwards.
    void complete() noexcept;

 private:
    Control control_;
    void* work_;
    void (*call_)(void*, JobContext&);
    std::exception_ptr failure_;
    std::unique_ptr<Completion> completion_;
};

/// Starts a thread that takes none of the host program's signals.
/// Errors: resource_exhausted.
[[nodiscard]] std::thread start_service_thread(std::function<void()> function);

/// Which threads run a job.
enum class Lane : std::uint8_t { writer, readers };

/// The threads of one database: one that writes, and a pool whose members read, each on a connection of its own, opened at
/// its first job. A job that waits longer than its deadline, or is cancelled while it waits, ends at that moment and not
/// when its turn comes.
///
/// Threads: all functions from any thread, but `stop` not from one of its own.
class Workers {
 public:
    explicit Workers(Database& database) : database_(database) {}
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// Does nothing if they run.
    void start_writer();
    void start_readers(std::uint32_t count);
    /// A job that comes when they do not run (any more) fails with `closed`.
    void submit(Lane lane, Job& job);
    /// Ends a job: at once if it waits, at its next look if it runs.
    void cancel(Job& job);
    /// Of the connections that the jobs run on; while the database is open.
    [[nodiscard]] PoolStats stats();
    /// Lets all jobs end, those that have not by then are cancelled. Then no thread runs.
    void stop(std::chrono::steady_clock::time_point patience);

 private:
    using Moment = std::chrono::steady_clock::time_point;
    using Queue = std::deque<Job*>;

    void run_writer();
    void run_reader();
    void run_watch();
    [[nodiscard]] Job* next(Lane lane);
    void finish(Lane lane, Job& job);
    /// What a reading thread keeps.
    struct Reader {
        std::unique_ptr<Connection> connection;
        std::unique_ptr<Store> store;
        FileIdentity identity;
    };
    void read(Job& job, Reader& reader);
    void note_open_reader();
    [[nodiscard]] Queue& queue(Lane lane) noexcept { return lane == Lane::writer ? writer_queue_ : reader_queue_; }
    [[nodiscard]] std::size_t& busy(Lane lane) noexcept { return lane == Lane::writer ? busy_writers_ : busy_readers_; }
    [[nodiscard]] std::size_t threads_of(Lane lane) const noexcept { return lane == Lane::writer ? 1 : readers_; }
    std::vector<Job*> take_expired(Moment now);

    Database& database_;

    std::mutex mutex_;
    std::condition_variable writer_wakes_;
    std::condition_variable readers_wake_;
    std::condition_variable watch_wakes_;
    std::condition_variable idle_;
    // guarded by mutex_
    Queue writer_queue_;
    Queue reader_queue_;
    std::vector<Job*> running_;
    std::vector<std::thread> threads_;
    std::size_t busy_writers_ = 0;
    std::size_t busy_readers_ = 0;
    std::size_t readers_ = 0;       // threads
    std::size_t open_readers_ = 0;  // connections
    PoolStats counts_;              // what only grows
    Moment watch_until_ = Moment::max();
    bool has_writer_ = false;
    bool has_readers_ = false;
    bool stopping_ = false;
};

}  // namespace marketdb::storage::sqlite
