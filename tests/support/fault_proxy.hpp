#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "support/postgres_endpoint.hpp"
#include "support/postgres_wire.hpp"

namespace marketdb::testing {

/// What goes wrong on a link.
enum class FaultAction : std::uint8_t {
    reset,    ///< The client sees RST; the server sees an orderly end behind all that was forwarded.
    close,    ///< The same, but the client sees an orderly end too.
    stall,    ///< Nothing goes through any more, in either direction; both sides stay open. See `FaultProxy::heal`.
    delay,    ///< The message, and what follows it in its direction, comes later.
    corrupt,  ///< One byte of the message is inverted.
    swallow,  ///< The message does not arrive; all others do.
};

/// One fault, which happens once: at the n-th of the messages, seen from now on, that fit.
struct Fault {
    FaultAction action = FaultAction::reset;
    Direction direction = Direction::to_server;
    char type = 0;                ///< As WireMessage::type; 0: any.
    std::string containing = {};  ///< The message's text holds this.
    int nth = 1;
    bool after = false;  ///< The message is forwarded before it happens (reset, close, stall).
    std::chrono::milliseconds delay{0};
    std::size_t byte = 0;  ///< corrupt: which, from the first of the message (its type) on.
};

/// A message that came through, or was about to when a fault happened.
struct SeenMessage {
    int link = 0;  ///< 1 is the first connection that was made through the proxy.
    Direction direction{};
    char type = 0;
    std::size_t size = 0;
    std::string text;
};

/// A TCP proxy before a PostgreSQL server that knows where messages begin and end. It listens on 127.0.0.1.
///
/// Threads: any. It works on a thread of its own; a fault that was injected holds for every message that arrives later.
class FaultProxy {
 public:
    /// How a request for TLS is answered: by the proxy itself with no, so that it can read on, or by the server. Then all
    /// that follows are TLS records.
    enum class Tls : std::uint8_t { refused, passed };

    explicit FaultProxy(const PostgresEndpoint& server, Tls tls = Tls::refused);
    ~FaultProxy();
    FaultProxy(const FaultProxy&) = delete;
    FaultProxy& operator=(const FaultProxy&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// As PostgresEndpoint::tcp_url, through the proxy.
    [[nodiscard]] std::string url(const std::string& parameters = {}, std::string_view database = kTestDatabase) const;

    /// The last messages of a link that its client has closed may still come: see `open_links`.
    void inject(Fault fault);
    /// Forgets faults that did not happen yet, and lets stalled links go on.
    void heal();
    /// How many faults have happened.
    [[nodiscard]] int happened() const noexcept { return happened_.load(); }

    /// From now on bytes leave in segments of this size, with a pause behind each. 0: as they come.
    void trickle(Direction direction, std::size_t segment_bytes, std::chrono::microseconds pause = {});

    /// Every open link at once; `action`: reset, close or stall.
    void hit_all_links(FaultAction action);
    /// Those of which an end is open still. 0: all that was ever sent has been seen.
    [[nodiscard]] std::size_t open_links() const noexcept { return open_links_.load(); }

    /// While it does not listen, connections are refused, as by a machine without a server. Open links stay.
    void listen(bool on);

    [[nodiscard]] std::vector<SeenMessage> messages() const;
    void forget_messages();

 private:
    class Link;
    struct Pace {
        std::size_t segment_bytes = 0;
        std::chrono::microseconds pause{0};
    };

    void on_own_thread(const std::function<void()>& work);
    void open_port();
    boost::asio::awaitable<void> accept_links();
    [[nodiscard]] std::optional<Fault> note(const SeenMessage& message);

    const std::uint16_t server_port_;
    const PostgresEndpoint::Address address_;
    const Tls tls_;
    std::uint16_t port_ = 0;
    std::atomic<int> happened_{0};
    std::atomic<std::size_t> open_links_{0};

    mutable std::mutex messages_mutex_;
    std::vector<SeenMessage> messages_;  ///< Guarded by messages_mutex_.

    // Touched by the own thread only.
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::list<Fault> faults_;
    Pace paces_[2];
    std::list<std::weak_ptr<Link>> links_;
    int links_made_ = 0;

    std::thread thread_;
};

}  // namespace marketdb::testing
