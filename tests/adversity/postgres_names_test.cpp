#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "adversity/postgres_desk.hpp"
#include "adversity/scripted_name.hpp"
#include "support/started.hpp"

/// Host names that take their time, change what they stand for, or stand for several addresses.
namespace marketdb::testing {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

/// Half of what a manager gives a thread to end: who is held up by one is held up for longer.
constexpr auto kNotHeldUp = 1s;
/// For a machine that does other things too.
constexpr auto kSlack = 8s;

/// Beats on a context, and knows the longest time in which it could not.
class Pulse {
 public:
    explicit Pulse(asio::io_context& context) : timer_(context) { beat(); }

    [[nodiscard]] steady_clock::duration longest_pause() const noexcept { return longest_; }

 private:
    void beat() {
        const auto now = steady_clock::now();
        longest_ = std::max(longest_, now - last_);
        last_ = now;
        timer_.expires_after(5ms);
        timer_.async_wait([this](const boost::system::error_code& failed) {
            if (!failed) beat();
        });
    }

    asio::steady_timer timer_;
    steady_clock::time_point last_ = steady_clock::now();
    steady_clock::duration longest_{0};
};

/// A program with one thread, this one, that runs everything.
class OneThread {
 public:
    [[nodiscard]] asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] asio::any_io_executor executor() { return context_.get_executor(); }
    [[nodiscard]] const Pulse& pulse() const noexcept { return pulse_; }

    /// Runs until the condition holds. Returns whether it did within `limit`.
    template <class Condition>
    [[nodiscard]] bool run_until(Condition&& holds, std::chrono::milliseconds limit = 30s) {
        const auto until = steady_clock::now() + limit;
        while (!holds()) {
            if (steady_clock::now() >= until) return false;
            context_.run_one_for(10ms);
        }
        return true;
    }
    /// Empty: it succeeded.
    template <class T>
    [[nodiscard]] std::string failure_of(asio::awaitable<T> operation) {
        const Started started(context_, std::move(operation));
        if (!run_until([&] { return started.is_done(); })) return "it does not end";
        return started.what();
    }

 private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
    Pulse pulse_{context_};
};

/// An address of this machine on which only this process listens, although others use the same port.
std::string own_address(int number) {
    const int process = ::getpid();
    return "127." + std::to_string(1 + process % 200) + "." + std::to_string(process / 200 % 250) + "." +
           std::to_string(number);
}

/// A port that takes connections and says nothing.
class SilentListener {
 public:
    SilentListener(const std::string& address, std::uint16_t port)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &name.sin_addr), 1);
        const int yes = 1;
        EXPECT_EQ(::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
        EXPECT_EQ(::listen(socket_, 8), 0);
    }
    ~SilentListener() { ::close(socket_); }
    SilentListener(const SilentListener&) = delete;
    SilentListener& operator=(const SilentListener&) = delete;

 private:
    int socket_;
};

/// Names of this process in /proc: its threads, or its descriptors.
std::ptrdiff_t count_of(const char* what) {
    const std::filesystem::directory_iterator all(std::string("/proc/self/") + what);
    return std::distance(begin(all), end(all));
}

class PostgresNames : public ::testing::Test {
 protected:
    PostgresNames() : server_(PostgresServer::shared()), desk_(server_) {}

    [[nodiscard]] Config config(const std::string& more = {}) const {
        std::string url = server_.tcp_url(desk_.parameters() + more);
        url.replace(url.find("127.0.0.1"), 9, name_.text());
        return desk_.config(url);
    }
    /// Opens, stores a row, and closes.
    void use(const Config& config) const {
        const auto db = PostgresDesk::open(config);
        const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
        db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1)));
        EXPECT_EQ(desk_.stored_quotes(symbol), "1|1|1");
        db->wait(db->close());
    }

    const PostgresEndpoint& server_;
    PostgresDesk desk_;
    ScriptedName name_{"desk.market.test"};
};

TEST_F(PostgresNames, OneThatIsNotAnsweredHoldsUpNobodyOnTheCallersThread) {
    OneThread program;
    DatabaseManager other(desk_.config(), program.executor());
    ASSERT_EQ(program.failure_of(other.initialize()), "");
    DatabaseManager db(config(), program.executor());
    const auto begin = steady_clock::now();
    const Started opening(program.context(), db.initialize(Deadline::in(4s)));
    ASSERT_TRUE(program.run_until([&] { return name_.waiting() == 1; }));
    EXPECT_EQ(program.failure_of(other.get_book_ticker_history()), "");
    EXPECT_FALSE(opening.is_done());

    ASSERT_TRUE(program.run_until([&] { return opening.is_done(); }));
    EXPECT_EQ(opening.code(), ErrorCode::timeout) << opening.what();
    EXPECT_GE(steady_clock::now() - begin, 4s);
    EXPECT_LT(steady_clock::now() - begin, 4s + kNotHeldUp);
    EXPECT_EQ(name_.waiting(), 1) << "and its thread waits still";
    EXPECT_FALSE(db.is_initialized());

    name_.answer({"127.0.0.1"});
    EXPECT_EQ(program.failure_of(db.initialize()), "");
    EXPECT_TRUE(db.is_initialized());
    EXPECT_LT(program.pulse().longest_pause(), kNotHeldUp);
    EXPECT_EQ(program.failure_of(db.close()), "");
    EXPECT_EQ(program.failure_of(other.close()), "");
}

TEST_F(PostgresNames, WhoeverWaitsForOneCanBeCancelledAtOnce) {
    OneThread program;
    DatabaseManager db(config(), program.executor());
    Started opening(program.context(), db.initialize());
    ASSERT_TRUE(program.run_until([&] { return name_.waiting() == 1; }));
    opening.cancel(asio::cancellation_type::terminal);
    ASSERT_TRUE(program.run_until([&] { return opening.is_done(); }, kNotHeldUp));
    EXPECT_EQ(opening.code(), ErrorCode::cancelled) << opening.what();

    Started asking(program.context(), db.migrate_status());
    ASSERT_TRUE(program.run_until([&] { return name_.waiting() == 2; }));
    asking.cancel(asio::cancellation_type::terminal);
    ASSERT_TRUE(program.run_until([&] { return asking.is_done(); }, kNotHeldUp));
    EXPECT_EQ(asking.code(), ErrorCode::cancelled) << asking.what();

    EXPECT_EQ(program.failure_of(db.close()), "");
    EXPECT_LT(program.pulse().longest_pause(), kNotHeldUp);
}

TEST_F(PostgresNames, AManagerThatGoesMeanwhileLeavesNothingBehindForLong) {
    name_.answer({"127.0.0.1"});
    use(config());
    name_.hang();
    const std::ptrdiff_t threads = count_of("task");
    const std::ptrdiff_t descriptors = count_of("fd");
    for (int i = 1; i <= 3; ++i) {
        auto db = std::make_unique<DatabaseManager>(config());
        expect_error(ErrorCode::timeout, [&] { db->wait(db->initialize(Deadline::in(100ms))); });
        EXPECT_TRUE(wait_until([&] { return name_.waiting() == i; }));
        auto begin = steady_clock::now();
        db->wait(db->close());
        EXPECT_LT(steady_clock::now() - begin, kNotHeldUp);
        begin = steady_clock::now();
        db.reset();
        EXPECT_LT(steady_clock::now() - begin, 2s + kSlack) << "it gives the thread two seconds";
    }
    name_.answer({"127.0.0.1"});
    EXPECT_TRUE(wait_until([&] { return name_.waiting() == 0; }));
    EXPECT_TRUE(wait_until([&] { return count_of("task") == threads && count_of("fd") == descriptors; }));
    EXPECT_TRUE(wait_until([&] { return desk_.sessions() == 0; }));
}

TEST_F(PostgresNames, OneThatDoesNotExistIsUnavailableAndNamed) {
    name_.answer({});
    DatabaseManager db(config());
    expect_error(ErrorCode::unavailable, [&] { db.wait(db.initialize()); }, {"translate", "desk.market.test"});
}

TEST_F(PostgresNames, AnAddressThatRefusesGivesWayToTheNext) {
    name_.answer({own_address(2), "127.0.0.1"});
    const auto begin = steady_clock::now();
    use(config());
    EXPECT_LT(steady_clock::now() - begin, kSlack);
}

TEST_F(PostgresNames, AnAddressThatAcceptsAndNeverAnswersGivesWayToTheNext) {
    const SilentListener silent(own_address(2), server_.address().port);
    name_.answer({own_address(2), "127.0.0.1"});
    const auto begin = steady_clock::now();
    use(config("&connect_timeout=2"));
    EXPECT_GE(steady_clock::now() - begin, 2s);
    EXPECT_LT(steady_clock::now() - begin, 2s + kSlack);
}

TEST_F(PostgresNames, WhereNoAddressIsOfUseEachIsNamed) {
    const SilentListener silent(own_address(3), server_.address().port);
    name_.answer({own_address(2), own_address(3)});
    DatabaseManager db(config("&connect_timeout=2"));
    expect_error(ErrorCode::unavailable, [&] { db.wait(db.initialize()); },
                 {"desk.market.test: connection to server at \"" + own_address(2) + "\"", "refused",
                  "desk.market.test, port", "does not answer", "\"" + own_address(3) + "\""});
}

TEST_F(PostgresNames, OneThatLibpqFindsByItselfIsTriedAtAllItsAddressesToo) {
    name_.answer({own_address(2), own_address(3), "127.0.0.1"});
    std::string url = server_.tcp_url(desk_.parameters());
    const std::string port = std::to_string(server_.address().port);
    url.erase(url.find("127.0.0.1"), std::string("127.0.0.1:" + port).size());
    ASSERT_EQ(::setenv("PGHOST", name_.text().c_str(), 1), 0);
    // One connect of libpq's, which replaces its socket by another of the same number on its way.
    use(desk_.config(url + "&port=" + port));
    ::unsetenv("PGHOST");
    EXPECT_GE(name_.asked(), 1);
}

TEST(PostgresNamesOfTheirOwnServer, OneWhoseAddressChangedIsAskedForAnewWhenTheLinkIsLost) {
    PostgresServer server;
    server.configure_access("local all all trust\nhost all all 127.0.0.0/8 trust\n");
    const PostgresDesk desk(server);
    ScriptedName name("desk.market.test");
    name.answer({"127.0.0.1"});
    std::string url = server.tcp_url(desk.parameters());
    url.replace(url.find("127.0.0.1"), 9, name.text());

    OneThread program;
    DatabaseManager db(desk.config(url), program.executor());
    ASSERT_EQ(program.failure_of(db.initialize()), "");
    EXPECT_EQ(program.failure_of(db.ensure_exchange("ALPHA_SPOT")), "");

    name.hang();
    server.configure("listen_addresses", "127.0.0.2");
    server.restart();
    const auto begin = steady_clock::now();
    const Started late(program.context(), db.ensure_exchange("BETA_SPOT", Deadline::in(500ms)));
    ASSERT_TRUE(program.run_until([&] { return late.is_done(); }));
    EXPECT_EQ(late.code(), ErrorCode::timeout) << late.what();
    EXPECT_LT(steady_clock::now() - begin, 500ms + kNotHeldUp);
    EXPECT_EQ(name.waiting(), 1);

    name.answer({"127.0.0.2"});
    EXPECT_EQ(program.failure_of(db.ensure_exchange("BETA_SPOT")), "");
    EXPECT_EQ(desk.ask("SELECT string_agg(enum_value, ',' ORDER BY id) FROM exchanges"), "ALPHA_SPOT,BETA_SPOT");
    EXPECT_EQ(program.failure_of(db.close()), "");
}

}  // namespace
}  // namespace marketdb::testing
