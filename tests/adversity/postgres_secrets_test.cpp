#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"
#include "support/temporary_folder.hpp"

/// A password reaches the server in every way that libpq knows, and nobody else.
namespace marketdb::testing {
namespace {

/// Variables of this process, as they were before when it goes.
class Environment {
 public:
    explicit Environment(const std::map<std::string, std::string>& variables) {
        for (const auto& [name, value] : variables) {
            const char* before = std::getenv(name.c_str());
            if (before != nullptr) before_[name] = before;
            names_.push_back(name);
            ::setenv(name.c_str(), value.c_str(), 1);
        }
    }
    ~Environment() {
        for (const std::string& name : names_) {
            if (before_.contains(name)) {
                ::setenv(name.c_str(), before_[name].c_str(), 1);
            } else {
                ::unsetenv(name.c_str());
            }
        }
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

 private:
    std::vector<std::string> names_;
    std::map<std::string, std::string> before_;
};

/// One way to say where the database is and what the password is.
struct Way {
    std::string name;
    std::map<std::string, std::string> variables = {};
    std::string url = {};
    std::function<void(Config&)> configure = {};
};

class PostgresSecrets : public ::testing::Test {
 protected:
    PostgresSecrets() : desk_(PostgresServer::shared()), proxy_(PostgresServer::shared()) {}

    [[nodiscard]] std::string write_file(const std::string& name, const std::string& text) const {
        const std::filesystem::path file = folder_ / name;
        std::ofstream(file) << text;
        ::chmod(file.c_str(), 0600);
        return file.string();
    }

    [[nodiscard]] std::vector<Way> ways(const std::string& database, const std::string& password) const {
        const std::string port = std::to_string(proxy_.port());
        const std::string role(kTestRole);
        const std::string plain = "postgresql://" + role + "@127.0.0.1:" + port + "/" + database + "?sslmode=disable";
        const std::string words =
            "host=127.0.0.1 port=" + port + " dbname=" + database + " user=" + role + " password='" + password + "'";
        const std::string pass_file =
            write_file("passwords", "127.0.0.1:" + port + ":*:" + role + ":" + password + "\n");
        const std::string service = "[desk]\nhost=127.0.0.1\nsslmode=disable\nport=" + port + "\ndbname=" + database +
                                    "\nuser=" + role + "\npassword=" + password + "\n";
        const std::string service_file = write_file("services", service);
        const std::string before_host = "postgresql://" + role + ":" + password + "@";
        return {
            {"URL", {}, before_host + "127.0.0.1:" + port + "/" + database + "?sslmode=disable"},
            {"parameter of a URL", {}, plain + "&password=" + password},
            {"keyword string", {}, {}, [=](Config& settings) { settings.postgres.conninfo = words; }},
            {"parts",
             {},
             {},
             [=, this](Config& settings) {
                 settings.postgres.host = "127.0.0.1";
                 settings.postgres.port = proxy_.port();
                 settings.postgres.database = database;
                 settings.postgres.username = role;
                 settings.postgres.password = password;
             }},
            {"PGPASSWORD", {{"PGPASSWORD", password}}, plain},
            {"PGPASSFILE", {{"PGPASSFILE", pass_file}}, plain},
            {"passfile", {}, plain + "&passfile=" + pass_file},
            {"PGSERVICE", {{"PGSERVICEFILE", service_file}, {"PGSERVICE", "desk"}}, "postgresql:///"},
            {"service", {{"PGSERVICEFILE", service_file}}, "postgresql:///?service=desk"},
            {"variables",
             {{"PGHOST", "127.0.0.1"},
              {"PGPORT", port},
              {"PGDATABASE", database},
              {"PGUSER", role},
              {"PGSSLMODE", "disable"},
              {"PGPASSWORD", password}},
             "postgresql:///"},
        };
    }

    [[nodiscard]] Config config(const Way& way) {
        Config settings = way.url.empty() ? desk_.config() : desk_.config(way.url);
        if (way.configure) {
            settings.postgres.conninfo.clear();
            way.configure(settings);
        }
        settings.postgres.schema = desk_.schema();
        settings.log = [this](LogLevel, std::string_view text) { hear(text); };
        hear(settings.redacted_url());
        for (const std::string& notice : settings.notices) hear(notice);
        return settings;
    }

    void hear(std::string_view text) {
        const std::scoped_lock lock(mutex_);
        heard_ += std::string(text) + "\n";
    }
    template <class Call>
    std::string code_of(Call&& call) {
        try {
            call();
            return "none";
        } catch (const Error& error) {
            hear(error.what());
            return std::string(to_string(error.code()));
        }
    }
    void expect_not_heard(std::string_view secret) {
        const std::scoped_lock lock(mutex_);
        EXPECT_EQ(heard_.find(secret), std::string::npos) << heard_;
        EXPECT_NE(heard_, "");
    }

    const PostgresDesk desk_;
    FaultProxy proxy_;
    const TemporaryFolder folder_;
    std::mutex mutex_;
    std::string heard_;  // guarded by mutex_
};

TEST_F(PostgresSecrets, APasswordIsTakenFromEveryPlaceAndToldToNobody) {
    const std::string password = PostgresServer::shared().address().password;
    for (const Way& way : ways(std::string(kTestDatabase), password)) {
        SCOPED_TRACE(way.name);
        const Environment environment(way.variables);
        DatabaseManager db(config(way));
        ASSERT_EQ(code_of([&] { db.wait(db.initialize()); }), "none") << heard_;
        const SymbolId symbol = PostgresDesk::make_symbol(db).id;
        db.wait(db.insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
        EXPECT_EQ(desk_.stored_quotes(symbol), "3|3|3");
        proxy_.hit_all_links(FaultAction::reset);
        proxy_.listen(false);
        EXPECT_EQ(code_of([&] { db.wait(db.get_book_ticker_history()); }), "unavailable");
        proxy_.listen(true);
        expect_not_heard(password);
    }
}

TEST_F(PostgresSecrets, APasswordThatIsRefusedIsNotTold) {
    const std::string canary = "canary-7f3a";
    for (const Way& way : ways(std::string(kTestDatabase), canary)) {
        SCOPED_TRACE(way.name);
        const Environment environment(way.variables);
        DatabaseManager db(config(way));
        EXPECT_EQ(code_of([&] { db.wait(db.initialize()); }), "unauthorized");
        expect_not_heard(canary);
    }
    for (const Way& way : ways("nowhere", PostgresServer::shared().address().password)) {
        SCOPED_TRACE(way.name);
        const Environment environment(way.variables);
        DatabaseManager db(config(way));
        EXPECT_EQ(code_of([&] { db.wait(db.initialize()); }), "unavailable");
        expect_not_heard(PostgresServer::shared().address().password);
    }
}

TEST_F(PostgresSecrets, AUrlThatIsNotUnderstoodIsNotShownWithItsPassword) {
    for (const char* url :
         {"postgresql://desk:canary-7f3a@127.0.0.1:port/market", "postgresql://desk:canary-7f3a%zz@127.0.0.1/market",
          "postgresql://desk:canary-7f3a@[::1/market", "postgresql://desk:canary-7f3a@127.0.0.1/market?pooler=nonsense",
          "postgresql://desk@127.0.0.1/market?password=canary-7f3a&nonsense=1",
          "postgresql://desk:canary-7f3a@127.0.0.1/market?mode=nonsense", "postgres:desk:canary-7f3a@127.0.0.1",
          "postgresql://desk:p@canary-7f3a@127.0.0.1/market?nonsense=1", "host=127.0.0.1 password=canary-7f3a",
          "postgresql://desk:canary-7f3a@127.0.0.1/market?sslmode=nonsense"}) {
        SCOPED_TRACE(url);
        EXPECT_NE(code_of([&] {
                      Config config = Config::from_url(url);
                      hear(config.redacted_url());
                      DatabaseManager db(std::move(config));
                      db.wait(db.initialize());
                  }),
                  "none");
        expect_not_heard("canary");
    }
}

}  // namespace
}  // namespace marketdb::testing
