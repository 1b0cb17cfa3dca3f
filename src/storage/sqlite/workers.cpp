#include "storage/sqlite/workers.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

namespace marketdb::storage::sqlite {
namespace {

std::exception_ptr stopped(const Control& control) {
    try {
        control.check();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

}  // namespace

void Job::run(JobContext& context) noexcept {
    try {
        control_.check();
        call_(work_, context);
    } catch (...) {
        failure_ = std::current_exception();
    }
}

void Job::complete() noexcept {
    // The completion may destroy the frame that this job lies in.
    std::unique_ptr<Completion> completion = std::move(completion_);
    Completion& waiting = *completion;
    waiting.complete(std::move(completion));
}

Workers::~Workers() { stop(Moment::min()); }

std::thread start_service_thread(std::function<void()> function) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread started;
    try {
        started = std::thread(std::move(function));
    } catch (const std::system_error&) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw Error(ErrorCode::resource_exhausted, "no thread could be started");
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

void Workers::start_writer() {
    const std::scoped_lock lock(mutex_);
    if (has_writer_) return;
    stopping_ = false;
    threads_.push_back(start_service_thread([this] { run_writer(); }));
    has_writer_ = true;
    counts_ = {};
    counts_.made = 1;
    threads_.push_back(start_service_thread([this] { run_watch(); }));
}

void Workers::start_readers(std::uint32_t count) {
    const std::scoped_lock lock(mutex_);
    if (has_readers_ || stopping_) return;
    for (std::uint32_t i = 0; i < count; ++i) threads_.push_back(start_service_thread([this] { run_reader(); }));
    has_readers_ = true;
    readers_ = count;
}

void Workers::submit(Lane lane, Job& job) {
    const Moment deadline = job.control().deadline().at;
    bool wakes_watch = false;
    bool accepted = false;
    {
        const std::scoped_lock lock(mutex_);
        accepted = has_writer_ && !stopping_;
        // A memory database has no readers: its one connection does all.
        lane = has_readers_ ? lane : Lane::writer;
        if (accepted && busy(lane) + queue(lane).size() >= threads_of(lane)) ++counts_.waits;
        if (accepted) queue(lane).push_back(&job);
        // Deadlines mostly come in order, so this wakes the watch once in a while, not for every job.
        if (accepted && deadline < watch_until_) {
            watch_until_ = deadline;
            wakes_watch = true;
        }
    }
    if (!accepted) {
        job.fail(std::make_exception_ptr(Error(ErrorCode::closed, "the database is being closed")));
        job.complete();
        return;
    }
    (lane == Lane::writer ? writer_wakes_ : readers_wake_).notify_one();
    if (wakes_watch) watch_wakes_.notify_one();
}

void Workers::cancel(Job& job) {
    bool waited = false;
    {
        const std::scoped_lock lock(mutex_);
        job.control().cancel();
        for (Queue* each : {&writer_queue_, &reader_queue_}) waited = waited || std::erase(*each, &job) > 0;
    }
    if (!waited) return;
    job.fail(stopped(job.control()));
    job.complete();
}

void Workers::stop(Moment patience) {
    std::vector<Job*> never_run;
    std::vector<std::thread> threads;
    {
        std::unique_lock lock(mutex_);
        const auto is_idle = [this] { return writer_queue_.empty() && reader_queue_.empty() && running_.empty(); };
        if (patience == Moment::max()) {
            idle_.wait(lock, is_idle);
        } else {
            idle_.wait_until(lock, patience, is_idle);
        }
        for (Job* job : running_) job->control().cancel();
        for (Queue* each : {&writer_queue_, &reader_queue_}) {
            never_run.insert(never_run.end(), each->begin(), each->end());
            each->clear();
        }
        stopping_ = true;
        threads = std::exchange(threads_, {});
    }
    writer_wakes_.notify_all();
    readers_wake_.notify_all();
    watch_wakes_.notify_all();
    for (std::thread& thread : threads) thread.join();
    for (Job* job : never_run) {
        job->control().cancel();
        job->fail(stopped(job->control()));
        job->complete();
    }
    const std::scoped_lock lock(mutex_);
    has_writer_ = has_readers_ = false;
    readers_ = open_readers_ = 0;
    watch_until_ = Moment::max();
}

Job* Workers::next(Lane lane) {
    std::unique_lock lock(mutex_);
    Queue& waiting = queue(lane);
    (lane == Lane::writer ? writer_wakes_ : readers_wake_).wait(lock, [&] { return stopping_ || !waiting.empty(); });
    if (waiting.empty()) return nullptr;
    Job* job = waiting.front();
    waiting.pop_front();
    running_.push_back(job);
    ++busy(lane);
    ++counts_.acquired;
    return job;
}

PoolStats Workers::stats() {
    const std::scoped_lock lock(mutex_);
    PoolStats stats = counts_;
    stats.busy = busy_writers_ + busy_readers_;
    // A thread that reads for the first time is busy before it has its connection.
    stats.size = std::max<std::uint64_t>(1 + open_readers_, stats.busy);
    stats.idle = stats.size - stats.busy;
    stats.waiting = writer_queue_.size() + reader_queue_.size();
    stats.min_size = 1;
    stats.max_size = 1 + readers_;
    return stats;
}

void Workers::finish(Lane lane, Job& job) {
    bool is_idle = false;
    {
        const std::scoped_lock lock(mutex_);
        --busy(lane);
        std::erase(running_, &job);
        is_idle = writer_queue_.empty() && reader_queue_.empty() && running_.empty();
    }
    job.complete();
    if (is_idle) idle_.notify_all();
}

void Workers::run_writer() {
    while (Job* job = next(Lane::writer)) {
        const bool open = database_.is_open();
        JobContext context{database_, open ? &database_.store() : nullptr, open ? &database_.connection() : nullptr,
                           job->control()};
        job->run(context);
        finish(Lane::writer, *job);
        database_.tidy();
    }
}

void Workers::run_reader() {
    Reader reader;
    while (Job* job = next(Lane::readers)) {
        read(*job, reader);
        finish(Lane::readers, *job);
    }
}

void Workers::note_open_reader() {
    const std::scoped_lock lock(mutex_);
    ++open_readers_;
    ++counts_.made;
}

void Workers::read(Job& job, Reader& reader) {
    try {
        job.control().check();
        if (!reader.connection) {
            reader.connection = database_.open_reader(job.control());
            reader.store = std::make_unique<Store>(*reader.connection);
            reader.identity = database_.identity_of_readers();
            note_open_reader();
        }
        // An answer out of a file that was removed would be out of date for ever, and silently so.
        reader.identity.require_same();
        const Connection::Scope scope(*reader.connection, job.control());
        JobContext context{database_, reader.store.get(), reader.connection.get(), job.control()};
        job.run(context);
        job.rethrow_failure();
    } catch (const Error& error) {
        job.fail(std::current_exception());
        if (error.code() == ErrorCode::corrupt) database_.note_damage(error.what());
    } catch (...) {
        job.fail(std::current_exception());
    }
}

std::vector<Job*> Workers::take_expired(Moment now) {
    std::vector<Job*> expired;
    Moment earliest = Moment::max();
    for (Queue* each : {&writer_queue_, &reader_queue_}) {
        std::erase_if(*each, [&](Job* job) {
            const Moment deadline = job->control().deadline().at;
            if (deadline > now) {
                earliest = std::min(earliest, deadline);
                return false;
            }
            expired.push_back(job);
            ++counts_.timeouts;
            return true;
        });
    }
    watch_until_ = earliest;
    return expired;
}

void Workers::run_watch() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (watch_until_ == Moment::max()) {
            watch_wakes_.wait(lock);
        } else {
            watch_wakes_.wait_until(lock, watch_until_);
        }
        const std::vector<Job*> expired = take_expired(std::chrono::steady_clock::now());
        if (expired.empty()) continue;
        lock.unlock();
        for (Job* job : expired) {
            job->fail(stopped(job->control()));
            job->complete();
        }
        idle_.notify_all();
        lock.lock();
    }
}

}  // namespace marketdb::storage::sqlite
