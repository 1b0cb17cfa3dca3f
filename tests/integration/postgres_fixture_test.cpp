#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/postgres_endpoint.hpp"
#include "support/temporary_folder.hpp"

/// The server that the tests of one ctest run share: each child process below stands for a ctest.
namespace marketdb::testing {
namespace {

/// Starts the server in its own name, and stops it when it is told to. Says with what code each ended.
class Starter {
 public:
    explicit Starter(const std::filesystem::path& file)
        : process_([file](LineChannel& parent) {
              parent.say(call("start", file));
              while (parent.hear(std::chrono::minutes(5)) == "stop") parent.say(call("stop", file));
              return 0;
          }) {}

    [[nodiscard]] std::string started() { return process_.hear(std::chrono::seconds(60)).value_or("nothing"); }
    [[nodiscard]] std::string stopped() {
        process_.say("stop");
        return process_.hear(std::chrono::seconds(60)).value_or("nothing");
    }
    void kill() { process_.kill(); }

 private:
    static std::string call(const std::string& command, const std::filesystem::path& file) {
        const std::filesystem::path bin = std::filesystem::path(std::getenv("MARKETDB_BIN")).parent_path();
        const std::string program = (bin / "postgres_fixture").string();
        const pid_t child = ::fork();
        if (child == 0) {
            ::execl(program.c_str(), program.c_str(), command.c_str(), file.c_str(), nullptr);
            ::_exit(127);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return std::to_string(WEXITSTATUS(status));
    }

    ChildProcess process_;
};

bool is_gone(const std::filesystem::path& folder) {
    return wait_until([&] { return !std::filesystem::exists(folder); }, std::chrono::seconds(30));
}

TEST(PostgresFixture, OneServerServesAllWhoStartedItAndStopsWithTheLast) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "state/postgres";
    Starter one(file);
    ASSERT_EQ(one.started(), "0");
    const auto server = PostgresEndpoint::read(file);
    ASSERT_NE(server, nullptr);
    EXPECT_EQ(server->query(kTestDatabase, "SELECT 1"), std::vector<std::string>{"1"});

    Starter other(file);
    ASSERT_EQ(other.started(), "0");
    EXPECT_EQ(PostgresEndpoint::read(file)->address().port, server->address().port) << "the same one";
    EXPECT_EQ(one.stopped(), "0");
    EXPECT_TRUE(server->answers()) << "the other uses it still";
    EXPECT_EQ(other.stopped(), "0");
    EXPECT_FALSE(server->answers()) << "and it is gone when stop returns";
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_TRUE(is_gone(server->address().socket_folder));
}

TEST(PostgresFixture, TheServerEndsWhenWhoeverStartedItIsKilled) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "postgres";
    Starter one(file);
    ASSERT_EQ(one.started(), "0");
    const auto server = PostgresEndpoint::read(file);
    ASSERT_NE(server, nullptr);
    one.kill();
    EXPECT_TRUE(is_gone(server->address().socket_folder));
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(PostgresFixture, AFileThatWasLeftBehindIsNoServer) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "postgres";
    PostgresEndpoint({folder.path(), 20'001, "secret"}).write(file);
    EXPECT_EQ(PostgresEndpoint::read(file), nullptr);
    Starter one(file);
    ASSERT_EQ(one.started(), "0");
    const auto server = PostgresEndpoint::read(file);
    ASSERT_NE(server, nullptr);
    EXPECT_EQ(one.stopped(), "0");
    EXPECT_TRUE(is_gone(server->address().socket_folder));
}

}  // namespace
}  // namespace marketdb::testing
