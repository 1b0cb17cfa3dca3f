#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "storage/postgres/connection.hpp"
#include "storage/postgres/transaction.hpp"
#include "support/expect.hpp"

/// Answers that a real server gives once in a year, by a server that gives nothing else.
namespace marketdb::testing {
namespace {

namespace asio = boost::asio;
using storage::postgres::Connected;
using storage::postgres::Connection;
using storage::postgres::ConnectTarget;
using storage::postgres::Gate;
using storage::postgres::Result;
using storage::postgres::Step;

void append_int32(std::string& bytes, std::size_t value) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xFF);
}

/// https://www.postgresql.org/docs/15/protocol-message-formats.html
std::string message(char type, std::string_view body) {
    std::string bytes(1, type);
    append_int32(bytes, body.size() + 4);
    return bytes.append(body);
}

std::string with_zero(std::string_view text) { return std::string(text) + '\0'; }

std::string parameter(std::string_view name, std::string_view value) {
    return message('S', with_zero(name) + with_zero(value));
}

std::string error(std::string_view severity, std::string_view sqlstate, std::string_view text) {
    using Field = std::pair<char, std::string_view>;
    std::string body;
    for (const auto& [field, value] :
         {Field('S', severity), Field('V', severity), Field('C', sqlstate), Field('M', text)}) {
        body += field + with_zero(value);
    }
    return message('E', body + '\0');
}

const std::string kReady = message('Z', "I");
/// Of a statement that was parsed, bound and described.
const std::string kBegun = message('1', "") + message('2', "") + message('n', "");

/// Welcomes one client, and answers the first Sync or Query with what it was made with. Then it hangs up, or waits.
class FakeServer {
 public:
    enum class Then : std::uint8_t { waits, hangs_up };

    explicit FakeServer(std::string answer, Then then = Then::waits) : answer_(std::move(answer)), then_(then) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 4), 0);
        EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() {
        ::shutdown(listener_, SHUT_RDWR);
        ::shutdown(client_, SHUT_RDWR);
        thread_.join();
        ::close(client_);
        ::close(listener_);
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    [[nodiscard]] std::string url() const {
        return "postgresql://desk@127.0.0.1:" + std::to_string(port_) + "/market?sslmode=disable&gssencmode=disable";
    }

 private:
    static bool read(int client, std::string& bytes, std::size_t count) {
        bytes.resize(count);
        return count == 0 || ::recv(client, bytes.data(), count, MSG_WAITALL) == static_cast<ssize_t>(count);
    }
    static void write(int client, const std::string& bytes) {
        static_cast<void>(!::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
    /// A message without its type. False: the client has gone.
    static bool skip_body(int client) {
        std::string bytes;
        if (!read(client, bytes, 4)) return false;
        std::size_t length = 0;
        for (const char byte : bytes) length = length << 8 | static_cast<unsigned char>(byte);
        return read(client, bytes, length - 4);
    }

    void serve() {
        const int client = ::accept(listener_, nullptr, nullptr);
        client_ = client;
        if (client < 0) return;
        if (skip_body(client)) {
            write(client, message('R', std::string(4, '\0')) + parameter("server_version", "15.0") +
                              parameter("client_encoding", "UTF8") + parameter("integer_datetimes", "on") +
                              message('K', std::string(8, '\1')) + kReady);
        }
        std::string type;
        bool is_answered = false;
        while (read(client, type, 1) && skip_body(client)) {
            if (is_answered || (type != "S" && type != "Q")) continue;
            write(client, answer_);
            is_answered = true;
            if (then_ == Then::hangs_up) break;
        }
        ::shutdown(client, SHUT_RDWR);
    }

    const std::string answer_;
    const Then then_;
    int listener_ = -1;
    std::atomic<int> client_{-1};
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// A connection to it, and the context in which it is used.
class PostgresFakeServer : public ::testing::Test {
 protected:
    ~PostgresFakeServer() override { disconnect(); }

    void disconnect() {
        connection_.reset();
        if (!gate_) return;
        gate_->shut();
        gate_->join(std::chrono::seconds(10));
        gate_.reset();
    }

    void connect(const FakeServer& server) {
        const auto target = std::make_shared<const ConnectTarget>(Config::from_url(server.url()));
        gate_ = std::make_shared<Gate>(context_.get_executor());
        Connected made;
        bool is_done = false;
        storage::postgres::start_connecting(target, Deadline::in(std::chrono::seconds(30)), gate_,
                                            [&](Connected connected) {
                                                made = std::move(connected);
                                                is_done = true;
                                            });
        auto work = asio::make_work_guard(context_);
        context_.restart();
        while (!is_done) context_.run_one();
        if (made.failure) std::rethrow_exception(made.failure);
        connection_ = std::make_unique<Connection>(std::move(made.link), target, gate_, context_.get_executor(), 0);
    }
    template <class T>
    T run(asio::awaitable<T> operation) {
        std::future<T> result = asio::co_spawn(context_, std::move(operation), asio::use_future);
        context_.restart();
        while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context_.run_one();
        return result.get();
    }
    void commit(Deadline deadline = Deadline::in(std::chrono::seconds(30))) {
        run(storage::postgres::commit(*connection_, deadline));
    }
    void run_one() { run(connection_->run_one(Step{"SELECT 1"}, Deadline::in(std::chrono::seconds(30)))); }

    asio::io_context context_;
    std::shared_ptr<Gate> gate_;
    std::unique_ptr<Connection> connection_;
};

TEST_F(PostgresFakeServer, ACommitThatIsAnsweredByRollbackIsNoSuccess) {
    const FakeServer server(kBegun + message('C', with_zero("ROLLBACK")) + kReady);
    connect(server);
    expect_error(ErrorCode::internal, [&] { commit(); }, {"ROLLBACK"});
    EXPECT_TRUE(connection_->is_usable());
}

TEST_F(PostgresFakeServer, OfTwoErrorsTheFirstIsTheReason) {
    const FakeServer server(kBegun + error("ERROR", "40P01", "deadlock detected") +
                            error("ERROR", "XX000", "and another one") + kReady);
    connect(server);
    expect_error(ErrorCode::timeout, [&] { run_one(); }, {"deadlock detected"});
}

TEST_F(PostgresFakeServer, AnErrorAndTheEndOfTheSessionAreNoHang) {
    const FakeServer server(
        kBegun + error("ERROR", "23514", "refused") + error("FATAL", "57P01", "terminating connection"),
        FakeServer::Then::hangs_up);
    connect(server);
    expect_error(ErrorCode::constraint, [&] { run_one(); }, {"refused"});
    EXPECT_FALSE(connection_->is_usable());
}

TEST_F(PostgresFakeServer, AnAnswerThatIsCutInTheMiddleIsALostConnection) {
    const std::string whole = kBegun + message('C', with_zero("SELECT 1")) + kReady;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const FakeServer server(whole.substr(0, length), FakeServer::Then::hangs_up);
        connect(server);
        expect_error(ErrorCode::unavailable, [&] { run_one(); });
        EXPECT_FALSE(connection_->is_usable());
        disconnect();
    }
}

TEST_F(PostgresFakeServer, ACommitWhoseSessionIsEndedMeanwhileIsInDoubt) {
    const FakeServer server(kBegun + error("FATAL", "57P01", "terminating connection"), FakeServer::Then::hangs_up);
    connect(server);
    expect_error(ErrorCode::in_doubt, [&] { commit(); }, {"terminating connection"});
}

TEST_F(PostgresFakeServer, ACommitForWhichItIsTooLateIsNotSent) {
    const FakeServer server(kBegun + message('C', with_zero("COMMIT")) + kReady);
    connect(server);
    expect_error(ErrorCode::timeout, [&] { commit(Deadline::in(std::chrono::seconds(-1))); }, {"the deadline passed"});
    EXPECT_TRUE(connection_->is_usable());
    commit();
}

TEST_F(PostgresFakeServer, WhatIsNoAnswerAtAllIsALostConnection) {
    const FakeServer server(std::string("HTTP/1.1 400 Bad Request\r\n\r\n"));
    connect(server);
    expect_error(ErrorCode::unavailable, [&] { run_one(); });
    EXPECT_FALSE(connection_->is_usable());
}

}  // namespace
}  // namespace marketdb::testing
