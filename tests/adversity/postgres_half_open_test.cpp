#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "support/child_process.hpp"

/// A cable that is pulled: no end, no reset, nothing comes any more, and neither side is told.
namespace marketdb::testing {
namespace {

constexpr auto kNoticedWithin = std::chrono::seconds(6);
/// For a machine that does other things too.
constexpr auto kSlack = std::chrono::seconds(4);

bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

/// Two network devices with a cable between. One end goes into the namespace of another process.
class Cable {
 public:
    Cable() : number_(std::to_string(::getpid())) {
        is_made_ = run("ip link add " + outer() + " type veth peer name " + inner()) &&
                   run("ip addr add " + server() + "/30 dev " + outer()) && run("ip link set " + outer() + " up");
    }
    ~Cable() { static_cast<void>(run("ip link del " + outer())); }
    Cable(const Cable&) = delete;
    Cable& operator=(const Cable&) = delete;

    [[nodiscard]] bool is_made() const noexcept { return is_made_; }
    [[nodiscard]] std::string server() const { return network() + ".1"; }
    /// Of this process, by the one to whose namespace the end goes.
    [[nodiscard]] bool give_end_to(const std::string& process) const {
        return run("ip link set " + inner() + " netns " + process);
    }
    /// By that process.
    [[nodiscard]] bool take_end() const {
        return run("ip addr add " + network() + ".2/30 dev " + inner()) && run("ip link set " + inner() + " up");
    }
    void pull() const { static_cast<void>(run("ip link set " + outer() + " down")); }
    void plug() const { static_cast<void>(run("ip link set " + outer() + " up")); }

 private:
    [[nodiscard]] std::string outer() const { return "mdbo" + number_; }
    [[nodiscard]] std::string inner() const { return "mdbi" + number_; }
    [[nodiscard]] std::string network() const { return "10.199." + std::to_string(std::stoi(number_) % 250); }

    std::string number_;
    bool is_made_ = false;
};

/// An operation's code and the milliseconds until it had it.
std::string ending_of(DatabaseManager& db, const std::vector<BookTicker>& rows,
                      std::chrono::steady_clock::time_point begin) {
    std::string code = "none";
    try {
        db.wait(db.insert_book_ticker_snapshots(rows));
    } catch (const Error& error) {
        code = to_string(error.code());
    }
    return code + " " + std::to_string((std::chrono::steady_clock::now() - begin) / 1ms);
}

/// The program at the other end: one of its inserts waits for an answer when the cable is pulled, one begins after it.
int write_over(const Cable& cable, const Config& config, LineChannel& parent) {
    parent.say(::unshare(CLONE_NEWNET) == 0 ? std::to_string(::getpid()) : "");
    static_cast<void>(parent.hear());
    if (!cable.take_end()) return 1;
    const auto one = PostgresDesk::open(config);
    const auto other = PostgresDesk::open(config);
    const SymbolId symbol = PostgresDesk::make_symbol(*one).id;
    // Later ones are just written: the partition is known.
    for (DatabaseManager* db : {one.get(), other.get()}) {
        db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    }
    parent.say(std::to_string(static_cast<int>(symbol)));
    static_cast<void>(parent.hear());

    std::string waiting;
    const auto begin = std::chrono::steady_clock::now();
    std::thread waits([&] { waiting = ending_of(*one, PostgresDesk::quotes(symbol, 3, 1), begin); });
    static_cast<void>(parent.hear());
    const std::string begun = ending_of(*other, PostgresDesk::quotes(symbol, 3, 2), std::chrono::steady_clock::now());
    waits.join();
    parent.say(waiting);
    parent.say(begun);
    static_cast<void>(parent.hear());
    for (DatabaseManager* db : {one.get(), other.get()}) {
        const auto rows = PostgresDesk::quotes(symbol, 3, db == one.get() ? 1 : 2);
        while (!ending_of(*db, rows, begin).starts_with("none")) {
        }
    }
    parent.say("stored");
    return 0;
}

void expect_noticed(const std::string& ending, std::chrono::milliseconds before) {
    std::istringstream words(ending);
    std::string code;
    long milliseconds = 0;
    words >> code >> milliseconds;
    EXPECT_EQ(code, "in_doubt") << "few rows travel together with their COMMIT";
    EXPECT_LT(std::chrono::milliseconds(milliseconds) - before, kNoticedWithin + kSlack) << ending;
}

TEST(PostgresHalfOpen, ACableThatIsPulledIsNoticedByBothSides) {
    const Cable cable;
    if (!cable.is_made()) GTEST_SKIP() << "no network devices can be made here (root and the program ip are needed)";
    PostgresOptions options;
    options.settings = {{"listen_addresses", "*"}};
    PostgresServer server(options);
    server.configure_access("local all all trust\nhost all all 10.199.0.0/16 trust\n");
    const PostgresDesk desk(server);
    const Config config =
        desk.config("postgresql://marketdb@" + cable.server() + ":" + std::to_string(server.address().port) + "/" +
                    std::string(kTestDatabase) + "?" + desk.parameters());
    ChildProcess writer([&](LineChannel& parent) { return write_over(cable, config, parent); });
    const std::string process = writer.hear().value();
    if (process.empty()) GTEST_SKIP() << "no network namespace can be made here";
    ASSERT_TRUE(cable.give_end_to(process));
    writer.say("the end is there");
    const auto symbol = static_cast<SymbolId>(std::stoi(writer.hear(std::chrono::seconds(60)).value()));

    PostgresSession lock(server.conninfo(kTestDatabase, kTestRole));
    lock.run("SET search_path TO " + desk.schema() + "; BEGIN; LOCK TABLE book_ticker_snapshots");
    const auto begin = std::chrono::steady_clock::now();
    writer.say("locked");
    ASSERT_TRUE(wait_until(
        [&] { return desk.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"; }));
    cable.pull();
    const auto pulled = std::chrono::steady_clock::now();
    writer.say("pulled");
    expect_noticed(writer.hear(std::chrono::seconds(60)).value(),
                   std::chrono::duration_cast<std::chrono::milliseconds>(pulled - begin));
    expect_noticed(writer.hear(std::chrono::seconds(60)).value(), 0ms);

    // The session that goes on alone now has stored rows, and would keep them locked.
    lock.run("ROLLBACK");
    cable.plug();
    writer.say("plugged");
    EXPECT_EQ(writer.hear(std::chrono::seconds(90)), "stored");
    EXPECT_EQ(writer.wait(), 0);
    EXPECT_EQ(desk.stored_quotes(symbol), "9|9|9");
}

}  // namespace
}  // namespace marketdb::testing
