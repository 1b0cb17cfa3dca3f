#include <string>
#include <vector>

#include "cli/program.hpp"
#include "support/postgres_server.hpp"

/// Passwords do not reach what the program prints.
namespace marketdb::testing {
namespace {

constexpr const char* kCanary = "canary-7f3a";

class SecretsPostgres : public CliTest {
 protected:
    void expect_secret(const Outcome& outcome, const std::string& secret) {
        EXPECT_EQ(outcome.out.find(secret), std::string::npos) << outcome.out;
        EXPECT_EQ(outcome.err.find(secret), std::string::npos) << outcome.err;
    }
    /// A run that connects, and is refused.
    void expect_refused_and_secret(const Outcome& outcome, const std::vector<std::string>& command) {
        expect_secret(outcome, kCanary);
        if (command.front() == "config") return;
        EXPECT_NE(outcome.err.find("password authentication failed"), std::string::npos) << outcome.err;
    }
    static std::string refused_url() {
        PostgresEndpoint::Address address = PostgresServer::shared().address();
        address.password = kCanary;
        return PostgresEndpoint(address).tcp_url("sslmode=disable");
    }
    const std::vector<std::vector<std::string>> commands_{{"init", "-v"},
                                                          {"stats", "-v"},
                                                          {"stats", "--json"},
                                                          {"config", "show"},
                                                          {"config", "show", "--json"},
                                                          {"exchanges", "-v"},
                                                          {"migrate", "status"},
                                                          {"checksum", "-v"}};
};

TEST_F(SecretsPostgres, InAUrlOrAVariableAreNotPrinted) {
    for (const std::vector<std::string>& command : commands_) {
        SCOPED_TRACE(command.front());
        Surroundings surroundings;
        surroundings.environment["MARKETDB_URL"] = refused_url();
        expect_refused_and_secret(run(command, surroundings), command);
        surroundings.environment["MARKETDB_URL"] =
            "postgresql://marketdb@127.0.0.1:" + std::to_string(PostgresServer::shared().address().port) +
            "/marketdb_test?sslmode=disable";
        surroundings.environment["PGPASSWORD"] = kCanary;
        expect_refused_and_secret(run(command, surroundings), command);
        std::vector<std::string> with_url = command;
        with_url.insert(with_url.begin(), {"--db", refused_url()});
        expect_refused_and_secret(run(with_url), command);
    }
}

TEST_F(SecretsPostgres, InAFileAreNotPrinted) {
    const std::string port = std::to_string(PostgresServer::shared().address().port);
    const std::string parts = "database:\n  host: 127.0.0.1\n  port: " + port +
                              "\n  database: marketdb_test\n  username: marketdb\n  password: " + kCanary + "\n";
    for (const std::string& text :
         {parts, "database: {url: '" + refused_url() + "'}\n", parts + "  passwort: " + kCanary + "\n",
          parts + "  port: " + kCanary + "\n", parts + "  pool: {min_size: " + kCanary + "}\n"}) {
        SCOPED_TRACE(text);
        write_file("config.yaml", text);
        for (const std::vector<std::string>& command : commands_) expect_secret(run(command), kCanary);
    }
}

TEST_F(SecretsPostgres, OfADatabaseThatOpensAreNotPrintedEither) {
    const std::string password = PostgresServer::shared().address().password;
    const std::string schema = "secrets_" + folder().filename().string().substr(15);
    PostgresServer::shared().run_sql(kTestDatabase, "CREATE SCHEMA \"" + schema + "\" AUTHORIZATION marketdb");
    const std::string url = PostgresServer::shared().tcp_url("sslmode=disable&schema=" + schema);
    for (std::vector<std::string> command : commands_) {
        SCOPED_TRACE(command.front());
        command.insert(command.begin(), {"--db", url});
        const Outcome outcome = run(command);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        expect_secret(outcome, password);
    }
    expect_secret(run({"copy", url, "sqlite:copy.db"}), password);
    expect_secret(run({"copy", url, refused_url()}), kCanary);
    PostgresServer::shared().run_sql(kTestDatabase, "DROP SCHEMA \"" + schema + "\" CASCADE");
}

}  // namespace
}  // namespace marketdb::testing
