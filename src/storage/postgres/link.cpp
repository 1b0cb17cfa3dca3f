#include "storage/postgres/link.hpp"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/server_error.hpp"

namespace marketdb::storage::postgres {
namespace {

using std::chrono::steady_clock;

/// How often a thread that connects looks whether anybody still wants it to.
constexpr auto kLook = std::chrono::milliseconds(50);
/// Of one attempt, whatever the operation that wants it may wait.
constexpr auto kMaxConnecting = std::chrono::seconds(15);
/// Of one host, if there is another to go to.
constexpr auto kMaxConnectingToOneOfSeveral = std::chrono::seconds(5);

/// Blocks.
void send_stop(PGcancel* stop) noexcept {
    std::array<char, 256> words{};
    PQcancel(stop, words.data(), static_cast<int>(words.size()));
}

ErrorCode code_of_failed_connection(PGconn* connection) {
    // libpq does not hand out the SQLSTATE of a refused connection; its words are the server's, in the server's language,
    // but what asks for a password is a function.
    if (PQconnectionNeedsPassword(connection) == 1) return ErrorCode::unauthorized;
    const std::string_view words = PQerrorMessage(connection);
    for (const std::string_view sign :
         {"authentication failed", "no pg_hba.conf entry", "is not permitted to log in", "permission denied"}) {
        if (words.find(sign) != std::string_view::npos) return ErrorCode::unauthorized;
    }
    if (words.find("too many clients") != std::string_view::npos ||
        words.find("remaining connection slots") != std::string_view::npos) {
        return ErrorCode::resource_exhausted;
    }
    return ErrorCode::unavailable;
}

/// How long this host may take. libpq knows of `connect_timeout` and leaves it to whoever polls.
/// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNECT-CONNECT-TIMEOUT
std::chrono::seconds limit_of_host(PGconn* connection, bool is_one_of_several) {
    const ConnectOptions options(PQconninfo(connection));
    std::string_view hosts;
    int given = 0;
    for (const PQconninfoOption* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
        if (option->val == nullptr) continue;
        if (std::string_view(option->keyword) == "connect_timeout") given = std::atoi(option->val);
        if (std::string_view(option->keyword) == "host") hosts = option->val;
    }
    // libpq goes through a list that it has found itself within one attempt.
    if (given > 0 && hosts.find(',') == std::string_view::npos) return std::chrono::seconds(std::max(given, 2));
    return is_one_of_several ? kMaxConnectingToOneOfSeveral : kMaxConnecting;
}

struct FreeAddresses {
    void operator()(addrinfo* found) const noexcept { ::freeaddrinfo(found); }
};

/// In the order in which they are to be tried. libpq would look the name up by itself, but whoever polls cannot tell it to leave
/// an address that does not answer for the next. May block.
std::vector<std::string> addresses_of(const std::string& name) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failed = ::getaddrinfo(name.c_str(), nullptr, &wanted, &list);
    if (failed != 0) {
        throw Error(ErrorCode::unavailable,
                    fmt::format("could not translate host name \"{}\" to address: {}", name, ::gai_strerror(failed)));
    }
    const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
    std::vector<std::string> addresses;
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
            continue;
        }
        if (std::find(addresses.begin(), addresses.end(), text.data()) == addresses.end()) {
            addresses.emplace_back(text.data());
        }
    }
    return addresses;
}

std::vector<ConnectTarget> each_address(const ConnectTarget& host, const std::string& name) {
    std::vector<ConnectTarget> all;
    for (const std::string& address : addresses_of(name)) all.push_back(host.at(address));
    return all;
}

/// What there is to wait for, and for how long.
struct Patience {
    Deadline deadline;                   ///< Of all hosts.
    steady_clock::time_point host_ends;  ///< Of this one.
};

/// Waits for the socket as libpq asks.
void wait_for(PGconn* connection, PostgresPollingStatusType wanted, const Patience& patience, const Gate& gate) {
    const auto ends = std::min(patience.deadline.at, patience.host_ends);
    for (;;) {
        if (gate.is_shut()) throw Error(ErrorCode::closed, "the manager was closed");
        const auto now = steady_clock::now();
        if (now >= ends) {
            const ErrorCode code = now >= patience.deadline.at ? ErrorCode::timeout : ErrorCode::unavailable;
            throw Error(code,
                        fmt::format("{}, port {}, does not answer in time{}{}", PQhost(connection), PQport(connection),
                                    *PQerrorMessage(connection) == '\0' ? "" : ": ", PQerrorMessage(connection)));
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(ends - now);
        const auto length = std::min<std::chrono::milliseconds>(left, kLook);
        pollfd socket{PQsocket(connection), static_cast<short>(wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
        if (::poll(&socket, 1, static_cast<int>(length.count())) > 0) return;
    }
}

void require_usable_server(PGconn* connection) {
    constexpr int kOldestServer = 130000;
    const int version = PQserverVersion(connection);
    if (version < kOldestServer) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("the server is PostgreSQL {}; 13 or later is needed", version / 10000));
    }
    const char* encoding = PQparameterStatus(connection, "client_encoding");
    if (encoding == nullptr || std::string_view(encoding) != "UTF8") {
        throw Error(ErrorCode::unavailable, "the server does not speak UTF-8");
    }
    const char* integers = PQparameterStatus(connection, "integer_datetimes");
    if (integers != nullptr && std::string_view(integers) != "on") {
        throw Error(ErrorCode::schema_mismatch, "the server keeps times as floats");
    }
}

/// Errors: what the target's own words are to be put in front of.
Link connect_to(const ConnectTarget& host, bool is_one_of_several, Deadline deadline, const Gate& gate) {
    const auto keywords = host.keywords();
    const auto values = host.values();
    const auto begun = steady_clock::now();
    // Names that libpq itself has found are looked up in here, and may block.
    Link link(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (link == nullptr) throw Error(ErrorCode::resource_exhausted, "libpq has no memory for a connection");
    const Patience patience{deadline, begun + limit_of_host(link.get(), is_one_of_several)};
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    if (PQstatus(link.get()) == CONNECTION_BAD) status = PGRES_POLLING_FAILED;
    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        // The socket changes from address to address, often under the same number: it is asked for anew each time.
        wait_for(link.get(), status, patience, gate);
        status = PQconnectPoll(link.get());
    }
    if (status == PGRES_POLLING_FAILED) {
        throw Error(code_of_failed_connection(link.get()), PQerrorMessage(link.get()));
    }
    require_usable_server(link.get());
    if (PQsetnonblocking(link.get(), 1) != 0) throw Error(ErrorCode::unavailable, PQerrorMessage(link.get()));
    PQsetNoticeReceiver(
        link.get(), [](void*, const PGresult*) {}, nullptr);
    return link;
}

/// Why the hosts that were tried so far are of no use.
struct Failures {
    ErrorCode code = ErrorCode::unavailable;  ///< Of the last.
    std::string words;                        ///< Of all.

    /// libpq says the address and not the name that it belongs to.
    void add(const std::string& name, const Error& failure) {
        code = failure.code();
        const std::string_view said = failure.what();
        if (!words.empty()) words += "; ";
        if (said.find(name) == std::string_view::npos) words += name + ": ";
        words += said;
    }
};

/// Null: it cannot be reached, is not in the wanted state, or refuses.
Link try_host(const ConnectTarget& host, bool is_one_of_several, Deadline deadline, const Gate& gate,
              Failures& failures) {
    const std::string name = host.name();
    std::vector<ConnectTarget> addresses{host};
    try {
        if (!name.empty()) addresses = each_address(host, name);
    } catch (const Error& failure) {
        failures.add(name, failure);
        return nullptr;
    }
    for (const ConnectTarget& address : addresses) {
        try {
            return connect_to(address, is_one_of_several || addresses.size() > 1, deadline, gate);
        } catch (const Error& failure) {
            failures.add(name, failure);
        }
        if (failures.code != ErrorCode::unavailable) break;
    }
    return nullptr;
}

/// A host that cannot be reached, or is not in the wanted state, gives way to the next; one that refuses does not.
Link connect(const ConnectTarget& target, Deadline deadline, const Gate& gate) {
    const std::vector<ConnectTarget> hosts = target.each_host();
    Failures failures;
    for (const ConnectTarget& host : hosts) {
        Link link = try_host(host, hosts.size() > 1, deadline, gate, failures);
        if (link != nullptr) return link;
        if (failures.code != ErrorCode::unavailable) break;
    }
    // Of a URL whose password has an unknown end, its pieces are in the words too.
    const bool may_be_told = !target.shown().ends_with("://***");
    const std::string words = may_be_told
                                  ? target.scrubbed(failures.words)
                                  : "cannot be reached as it is read; if a user or password of it holds one of @ / "
                                    "? #, expected %40 %2F %3F %23; no more is said, as it may be a part of one";
    throw Error(failures.code, fmt::format("{}: {}", target.shown(), words));
}

}  // namespace

void FinishConnection::operator()(PGconn* connection) const noexcept {
    if (process.is_here()) PQfinish(connection);
}

Gate::~Gate() {
    for (Worker& worker : workers_) {
        if (worker.thread.joinable()) worker.thread.detach();
    }
}

bool Gate::post(std::function<void()> function) {
    const std::scoped_lock lock(mutex_);
    if (shut_) return false;
    boost::asio::post(executor_, std::move(function));
    return true;
}

void Gate::shut() noexcept {
    const std::scoped_lock lock(mutex_);
    shut_ = true;
    executor_ = {};
}

bool Gate::is_shut() const noexcept {
    const std::scoped_lock lock(mutex_);
    return shut_;
}

void Gate::start(std::function<void()> function) {
    const std::scoped_lock lock(mutex_);
    // Those that have ended are let go here, so that they do not pile up.
    for (auto worker = workers_.begin(); worker != workers_.end();) {
        if (!worker->has_ended) {
            ++worker;
            continue;
        }
        worker->thread.join();
        worker = workers_.erase(worker);
    }
    Worker& worker = workers_.emplace_back();
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        worker.thread = std::thread([self = shared_from_this(), &worker, function = std::move(function)]() mutable {
            std::exchange(function, nullptr)();
            const std::scoped_lock ending(self->mutex_);
            worker.has_ended = true;
            self->ended_.notify_all();
        });
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        workers_.pop_back();
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Gate::join(std::chrono::milliseconds patience) noexcept {
    std::unique_lock lock(mutex_);
    const auto all_ended = [this] {
        return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.has_ended; });
    };
    ended_.wait_for(lock, patience, all_ended);
    for (Worker& worker : workers_) {
        if (worker.has_ended) {
            worker.thread.join();
        } else {
            worker.thread.detach();
        }
    }
    std::erase_if(workers_, [](const Worker& worker) { return worker.has_ended; });
}

void start_connecting(std::shared_ptr<const ConnectTarget> target, Deadline deadline, std::shared_ptr<Gate> gate,
                      std::function<void(Connected)> done) {
    deadline.at = std::min(deadline.at, steady_clock::now() + kMaxConnecting);
    // The gate outlives its threads: whoever owns it joins them, and one that was left alone keeps it.
    Gate& threads = *gate;
    auto work = [target = std::move(target), deadline, gate = std::move(gate), done]() mutable {
        // Shared, because a function that is copied carries it.
        auto result = std::make_shared<Connected>();
        try {
            result->link = connect(*target, deadline, *gate);
        } catch (...) {
            result->failure = std::current_exception();
        }
        gate->post([result, done = std::move(done)] { done(std::move(*result)); });
    };
    try {
        threads.start(std::move(work));
    } catch (const std::system_error& error) {
        Connected result;
        result.failure = std::make_exception_ptr(
            Error(ErrorCode::resource_exhausted, fmt::format("no thread for a connection: {}", error.what())));
        done(std::move(result));
    }
}

void ask_to_stop(PGconn* link, Gate& gate) noexcept {
    try {
        const std::shared_ptr<PGcancel> stop(PQgetCancel(link), &PQfreeCancel);
        if (stop != nullptr) gate.start([stop] { send_stop(stop.get()); });
    } catch (...) {
        // Without a thread the server is not told, and goes on until it has an answer.
        return;
    }
}

void abandon_link(Link link, Gate& gate) noexcept {
    if (link == nullptr) return;
    if (PQstatus(link.get()) == CONNECTION_BAD || PQtransactionStatus(link.get()) != PQTRANS_ACTIVE) return;
    try {
        const std::shared_ptr<PGconn> kept(std::move(link));
        gate.start([kept] {
            const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> stop(PQgetCancel(kept.get()), &PQfreeCancel);
            if (stop != nullptr) send_stop(stop.get());
        });
    } catch (...) {
        // Without a thread the session just ends; the server notices when it next writes.
        return;
    }
}

}  // namespace marketdb::storage::postgres
