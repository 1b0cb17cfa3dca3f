#include "support/fault_proxy.hpp"

#include <algorithm>
#include <exception>
#include <future>
#include <iterator>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace marketdb::testing {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

tcp::endpoint loopback(std::uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

bool fits(const Fault& fault, const SeenMessage& message) {
    return fault.direction == message.direction && (fault.type == 0 || fault.type == message.type) &&
           message.text.find(fault.containing) != std::string::npos;
}

/// A failure of the proxy itself ends the test program: nothing that it then says could be believed.
void rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

/// One connection through the proxy: two sockets and what stands between them.
class FaultProxy::Link {
 public:
    Link(FaultProxy& proxy, tcp::socket client, int number)
        : proxy_(proxy),
          number_(number),
          client_(std::move(client)),
          server_(proxy.context_),
          gate_(proxy.context_, asio::steady_timer::time_point::max()) {
        ++proxy_.open_links_;
    }
    ~Link() { --proxy_.open_links_; }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// Connects to the server; then both directions keep the link alive until they end.
    static asio::awaitable<void> run(std::shared_ptr<Link> self) {
        co_await self->connect();
        if (self->is_cut_) co_return;
        asio::co_spawn(self->proxy_.context_, pump(self, Direction::to_server), &rethrow);
        asio::co_spawn(self->proxy_.context_, pump(self, Direction::to_client), &rethrow);
    }

    /// Cuts or stalls it at once.
    void hit(FaultAction action) {
        boost::system::error_code ignored;
        if (action == FaultAction::stall) {
            is_stalled_ = true;
            return;
        }
        is_cut_ = true;
        if (action == FaultAction::reset) {
            // A socket that does not linger is closed by RST (socket(7)).
            client_.set_option(asio::socket_base::linger(true, 0), ignored);
            client_.close(ignored);
        } else {
            client_.shutdown(tcp::socket::shutdown_send, ignored);
        }
        server_.shutdown(tcp::socket::shutdown_send, ignored);
        resume();
    }

    void resume() {
        is_stalled_ = false;
        gate_.cancel();
    }

 private:
    asio::awaitable<void> connect() {
        boost::system::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await server_.async_connect(loopback(proxy_.server_port_), token);
        if (error) hit(FaultAction::reset);
        client_.set_option(tcp::no_delay(true), error);
        server_.set_option(tcp::no_delay(true), error);
    }

    [[nodiscard]] tcp::socket& source(Direction direction) {
        return direction == Direction::to_server ? client_ : server_;
    }
    [[nodiscard]] tcp::socket& target(Direction direction) {
        return direction == Direction::to_server ? server_ : client_;
    }

    /// Reads until the end. What comes when the link is cut already goes nowhere.
    static asio::awaitable<void> pump(std::shared_ptr<Link> self, Direction direction) {
        std::vector<char> chunk(65'536);
        for (;;) {
            co_await self->pass_gate();
            boost::system::error_code error;
            auto token = asio::redirect_error(asio::use_awaitable, error);
            const std::size_t count = co_await self->source(direction).async_read_some(asio::buffer(chunk), token);
            if (error) break;
            if (self->is_cut_) continue;
            self->wire_.feed(direction, std::string_view(chunk.data(), count));
            co_await self->deliver(direction);
        }
        boost::system::error_code ignored;
        self->target(direction).shutdown(tcp::socket::shutdown_send, ignored);
    }

    /// Forwards the messages that are complete, and lets happen what is to happen at them.
    asio::awaitable<void> deliver(Direction direction) {
        std::string out;
        while (std::optional<WireMessage> message = wire_.next(direction)) {
            const std::optional<Fault> fault = note(direction, *message);
            const bool is_answered_here = message->type == kTlsRequest && proxy_.tls_ == Tls::refused;
            if (fault) {
                if (fault->after && !is_answered_here) out += std::exchange(message->bytes, std::string());
                co_await send(direction, std::exchange(out, std::string()));
                co_await happen(*fault, message->bytes);
                if (is_cut_) co_return;
            }
            if (!is_answered_here) {
                out += message->bytes;
            } else if (!message->bytes.empty()) {
                wire_.refuse_tls();
                co_await send(Direction::to_client, "N");
            }
        }
        co_await send(direction, std::move(out));
    }

    /// `bytes` is the message; what is left of it is forwarded afterwards.
    asio::awaitable<void> happen(const Fault& fault, std::string& bytes) {
        ++proxy_.happened_;
        switch (fault.action) {
            case FaultAction::reset:
            case FaultAction::close:
            case FaultAction::stall: hit(fault.action); break;
            case FaultAction::corrupt: bytes.at(fault.byte) = static_cast<char>(~bytes.at(fault.byte)); break;
            case FaultAction::swallow: bytes.clear(); break;
            case FaultAction::delay: break;
        }
        co_await pause(fault.delay);
        co_await pass_gate();
    }

    asio::awaitable<void> send(Direction direction, std::string bytes) {
        const Pace pace = proxy_.paces_[static_cast<std::size_t>(direction)];
        const std::size_t step = pace.segment_bytes == 0 ? bytes.size() : pace.segment_bytes;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            co_await pass_gate();
            if (is_cut_) co_return;
            boost::system::error_code error;
            auto token = asio::redirect_error(asio::use_awaitable, error);
            const asio::const_buffer segment = asio::buffer(bytes.data() + at, std::min(step, bytes.size() - at));
            co_await asio::async_write(target(direction), segment, token);
            // The other side has gone; so does this link.
            if (error) is_cut_ = true;
            if (pace.segment_bytes != 0) co_await pause(pace.pause);
        }
    }

    asio::awaitable<void> pause(std::chrono::microseconds length) {
        asio::steady_timer timer(proxy_.context_, length);
        co_await timer.async_wait(asio::use_awaitable);
    }

    asio::awaitable<void> pass_gate() {
        while (is_stalled_) {
            boost::system::error_code ignored;
            auto token = asio::redirect_error(asio::use_awaitable, ignored);
            co_await gate_.async_wait(token);
        }
    }

    [[nodiscard]] std::optional<Fault> note(Direction direction, const WireMessage& message) {
        SeenMessage seen;
        seen.link = number_;
        seen.direction = direction;
        seen.type = message.type;
        seen.size = message.bytes.size();
        seen.text = message.text;
        return proxy_.note(seen);
    }

    FaultProxy& proxy_;
    const int number_;
    tcp::socket client_;
    tcp::socket server_;
    asio::steady_timer gate_;
    PostgresWire wire_;
    bool is_stalled_ = false;
    bool is_cut_ = false;
};

FaultProxy::FaultProxy(const PostgresEndpoint& server, Tls tls)
    : server_port_(server.address().port),
      address_(server.address()),
      tls_(tls),
      work_(context_.get_executor()),
      acceptor_(context_) {
    open_port();
    asio::co_spawn(context_, accept_links(), &rethrow);
    thread_ = std::thread([this] { context_.run(); });
}

FaultProxy::~FaultProxy() {
    context_.stop();
    thread_.join();
}

std::string FaultProxy::url(const std::string& parameters, std::string_view database) const {
    PostgresEndpoint::Address address = address_;
    address.port = port_;
    return PostgresEndpoint(address).tcp_url(parameters, database);
}

void FaultProxy::on_own_thread(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(context_, [&] {
        work();
        done.set_value();
    });
    done.get_future().get();
}

void FaultProxy::inject(Fault fault) {
    on_own_thread([&] { faults_.push_back(std::move(fault)); });
}

void FaultProxy::heal() {
    on_own_thread([this] {
        faults_.clear();
        for (const auto& each : links_) {
            if (const auto link = each.lock()) link->resume();
        }
    });
}

void FaultProxy::trickle(Direction direction, std::size_t segment_bytes, std::chrono::microseconds pause) {
    on_own_thread([&] {
        Pace pace;
        pace.segment_bytes = segment_bytes;
        pace.pause = pause;
        paces_[static_cast<std::size_t>(direction)] = pace;
    });
}

void FaultProxy::hit_all_links(FaultAction action) {
    on_own_thread([&] {
        for (const auto& each : links_) {
            if (const auto link = each.lock()) link->hit(action);
        }
    });
}

void FaultProxy::listen(bool on) {
    on_own_thread([&] {
        if (acceptor_.is_open() == on) return;
        if (on) {
            open_port();
            asio::co_spawn(context_, accept_links(), &rethrow);
        } else {
            acceptor_.close();
        }
    });
}

void FaultProxy::open_port() {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(loopback(port_));
    acceptor_.listen();
    // The same port each time.
    if (port_ == 0) port_ = acceptor_.local_endpoint().port();
}

asio::awaitable<void> FaultProxy::accept_links() {
    for (;;) {
        boost::system::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        tcp::socket client = co_await acceptor_.async_accept(token);
        if (error) co_return;
        const auto link = std::make_shared<Link>(*this, std::move(client), ++links_made_);
        std::erase_if(links_, [](const std::weak_ptr<Link>& each) { return each.expired(); });
        links_.push_back(link);
        asio::co_spawn(context_, Link::run(link), &rethrow);
    }
}

std::optional<Fault> FaultProxy::note(const SeenMessage& message) {
    {
        const std::lock_guard lock(messages_mutex_);
        messages_.push_back(message);
    }
    std::optional<Fault> due;
    for (auto fault = faults_.begin(); fault != faults_.end();) {
        const bool is_due = fits(*fault, message) && --fault->nth == 0;
        if (is_due && !due) due = *fault;
        fault = is_due ? faults_.erase(fault) : std::next(fault);
    }
    return due;
}

std::vector<SeenMessage> FaultProxy::messages() const {
    const std::lock_guard lock(messages_mutex_);
    return messages_;
}

void FaultProxy::forget_messages() {
    const std::lock_guard lock(messages_mutex_);
    messages_.clear();
}

}  // namespace marketdb::testing
