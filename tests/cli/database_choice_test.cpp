#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class DatabaseChoice : public CliTest {
 protected:
    /// The database that a run with these arguments and variables works on.
    std::string chosen(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment = {}) {
        arguments.insert(arguments.end(), {"config", "show", "--json"});
        Surroundings surroundings;
        surroundings.environment = environment;
        const json settings = json::parse(answer(arguments, surroundings));
        return settings.at(0).at("value").get<std::string>() + " from " + settings.at(0).at("from").get<std::string>();
    }
};

TEST_F(DatabaseChoice, TheFirstThatIsThereOfSixPlacesIsTaken) {
    write_file("a.yaml", "database: {url: 'sqlite:a.db'}\n");
    write_file("b.yaml", "database: {url: 'sqlite:b.db'}\n");
    EXPECT_EQ(chosen({}), "sqlite:marketdb.db from default");
    write_file("config.yaml", "logging: {level: info}\n");
    EXPECT_EQ(chosen({}), "sqlite:marketdb.db from default");
    write_file("config.yaml", "logging: {level: info}\ndatabase:\n  url: sqlite:here.db\n");
    EXPECT_EQ(chosen({}), "sqlite:here.db from ./config.yaml");
    std::map<std::string, std::string> environment = {{"MARKETDB_CONFIG", "b.yaml"}};
    EXPECT_EQ(chosen({}, environment), "sqlite:b.db from $MARKETDB_CONFIG b.yaml");
    environment["MARKETDB_URL"] = "sqlite:url.db";
    EXPECT_EQ(chosen({}, environment), "sqlite:url.db from $MARKETDB_URL");
    EXPECT_EQ(chosen({"--config", "a.yaml"}, environment), "sqlite:a.db from --config a.yaml");
    EXPECT_EQ(chosen({"--config", "a.yaml", "--db", "sqlite:db.db"}, environment), "sqlite:db.db from --db");
    environment["MARKETDB_URL"] = "";
    EXPECT_EQ(chosen({}, environment), "sqlite:b.db from $MARKETDB_CONFIG b.yaml");
}

TEST_F(DatabaseChoice, AnEnvFileSetsVariablesThatAreNotSet) {
    write_file("a.yaml", "database: {url: 'sqlite:${NAME}-${OTHER}.db'}\n");
    write_file(".env", "# names\n\nexport MARKETDB_CONFIG = a.yaml  # of this desk\nNAME='a #b'\r\nOTHER=\"x\n");
    EXPECT_EQ(chosen({"--env-file", ".env"}), "sqlite:a #b-\"x.db from $MARKETDB_CONFIG a.yaml");
    EXPECT_EQ(chosen({"--env-file", ".env"}, {{"NAME", "mine"}}), "sqlite:mine-\"x.db from $MARKETDB_CONFIG a.yaml");

    write_file("bad.env", "NAME=x\nMY SECRET\n");
    const Outcome bad = run({"--env-file", "bad.env", "stats"});
    EXPECT_EQ(bad.code, 2);
    EXPECT_NE(bad.err.find("--env-file bad.env:2: expected NAME=VALUE"), std::string::npos) << bad.err;
    EXPECT_EQ(bad.err.find("SECRET"), std::string::npos) << bad.err;
    EXPECT_NE(run({"--env-file", "none.env", "stats"}).err.find("--env-file none.env: cannot be read"),
              std::string::npos);
}

TEST_F(DatabaseChoice, GlobalOptionsMayFollowTheCommand) {
    answer({"init", "--db", "sqlite:after.db"});
    EXPECT_TRUE(std::filesystem::exists(path("after.db")));
    EXPECT_FALSE(std::filesystem::exists(path("marketdb.db")));
}

TEST_F(DatabaseChoice, DiagnosticsNameTheOneChosen) {
    Surroundings surroundings;
    surroundings.environment["MARKETDB_URL"] = "sqlite:nowhere.db";
    const Outcome outcome = run({"stats"}, surroundings);
    EXPECT_EQ(outcome.code, 4);
    EXPECT_NE(outcome.err.find("[database sqlite:nowhere.db ($MARKETDB_URL)]"), std::string::npos) << outcome.err;
    surroundings.environment["MARKETDB_URL"] = "nonsense";
    EXPECT_NE(run({"stats"}, surroundings).err.find("(from $MARKETDB_URL)"), std::string::npos);
}

TEST_F(DatabaseChoice, ConfigShowTellsWhatTheFileSetAndWhatIsBuiltIn) {
    write_file(
        "config.yaml",
        "database:\n  url: sqlite:here.db\n  cache: {latest_ttl_seconds: 12.5}\n  sqlite: {reader_threads: 3}\n");
    std::map<std::string, std::string> values, origins;
    for (const json& setting : json::parse(answer({"config", "show", "--json"}))) {
        const std::string name = setting.at("setting");
        values[name] = setting.at("value").is_null() ? "" : setting.at("value").get<std::string>();
        origins[name] = setting.at("from");
    }
    EXPECT_EQ(values["cache.latest_ttl_seconds"], "12.5");
    EXPECT_EQ(origins["cache.latest_ttl_seconds"], "./config.yaml");
    EXPECT_EQ(values["sqlite.reader_threads"], "3");
    EXPECT_EQ(values["cache.reference_ttl_seconds"], "300");
    EXPECT_EQ(origins["cache.reference_ttl_seconds"], "built in");
    EXPECT_NE(answer({"config", "show"}).find("cache.latest_ttl_seconds"), std::string::npos);
}

TEST_F(DatabaseChoice, NoticesOfAConfigurationFileAreSaidOnceAndNotOnStandardOutput) {
    write_file("config.yaml", "database:\n  url: sqlite:here.db\n  performance: {enable_connection_logging: false}\n");
    answer({"init", "--quiet"});
    const Outcome outcome = run({"exchanges", "--json"});
    EXPECT_EQ(outcome.out, "[]\n");
    const std::string name = "enable_connection_logging";
    const std::size_t first = outcome.err.find(name);
    ASSERT_NE(first, std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find(name, first + 1), std::string::npos) << outcome.err;
    EXPECT_EQ(run({"exchanges", "--json", "--quiet"}).err, "");
}

TEST_F(DatabaseChoice, AReadOnlyDatabaseIsReadAndNotWritten) {
    import_samples();
    EXPECT_NE(answer({"--db", "sqlite:marketdb.db?mode=ro", "latest", "quotes", "--csv"}).find("61802"),
              std::string::npos);
    write_file("okex_quotes_2024-08-09_BTC-USDT.csv", many_quotes(3));
    const Outcome outcome =
        run({"--db", "sqlite:marketdb.db?mode=ro", "import", "okex_quotes_2024-08-09_BTC-USDT.csv"});
    EXPECT_EQ(outcome.code, 1) << outcome.err;
    EXPECT_EQ(answer({"exchanges", "--csv"}).find("OKX"), std::string::npos);
}

constexpr const char* kCanary = "c4n4ry-passw0rd";

TEST_F(DatabaseChoice, ASecretIsNeverShown) {
    const std::string url = std::string("postgresql://desk:") + kCanary + "@127.0.0.1:1/market";
    write_file(
        "secret.yaml",
        std::string("database:\n  host: 127.0.0.1\n  port: 1\n  database: market\n  username: desk\n  password: '") +
            kCanary + "'\n");
    write_file("wrong.yaml",
               std::string("database:\n  host: 127.0.0.1\n  database: market\n  username: desk\n  password: '") +
                   kCanary + "'\n  passwrd: '" + kCanary + "'\n");
    write_file(
        "variable.yaml",
        "database:\n  host: 127.0.0.1\n  port: 1\n  database: market\n  username: desk\n  password: '${CANARY}'\n");
    Surroundings surroundings;
    surroundings.environment = {{"CANARY", kCanary}, {"DB_PASSWORD", kCanary}, {"PGPASSWORD", kCanary}};
    const std::vector<std::vector<std::string>> places = {
        {"--db", url},
        {"--db", url + "?nonsense=1"},
        {"--db", std::string("postgresql://desk:p@") + kCanary + "@127.0.0.1:1/market"},
        {"--db", std::string("postgresql://desk:p/") + kCanary + "@127.0.0.1:1/market"},
        {"--db", std::string("postgresql://") + kCanary + ":p/p@127.0.0.1:1/market"},
        {"--db", std::string("postgresql://desk:") + kCanary + "@[::1/market"},
        {"--db", std::string("sqlite:x.db?password=") + kCanary},
        {"--config", "secret.yaml"},
        {"--config", "wrong.yaml"},
        {"--config", "variable.yaml"}};
    for (const auto& place : places) {
        for (const std::vector<std::string>& command :
             std::vector<std::vector<std::string>>{{"config", "show"},
                                                   {"config", "show", "--json"},
                                                   {"stats"},
                                                   {"init"},
                                                   {"latest", "quotes"},
                                                   {"migrate", "status"}}) {
            std::vector<std::string> arguments = place;
            arguments.push_back("--verbose");
            arguments.insert(arguments.end(), command.begin(), command.end());
            const Outcome outcome = run(arguments, surroundings);
            EXPECT_EQ(outcome.out.find(kCanary), std::string::npos) << place[1] << outcome.out;
            EXPECT_EQ(outcome.err.find(kCanary), std::string::npos) << place[1] << outcome.err;
        }
    }
    surroundings.environment["MARKETDB_URL"] = url;
    const Outcome outcome = run({"config", "show"}, surroundings);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("***"), std::string::npos) << outcome.out;
    EXPECT_EQ((outcome.out + outcome.err).find(kCanary), std::string::npos);
}

}  // namespace
}  // namespace marketdb::testing
