#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/certificates.hpp"
#include "support/postgres_endpoint.hpp"
#include "support/watchdog.hpp"

namespace marketdb::testing {

/// Whether the shared server has TimescaleDB and the suites' own tables are hypertables: $MARKETDB_TEST_HYPERTABLES is set.
[[nodiscard]] bool tests_hypertables();

/// How a private server is made.
struct PostgresOptions {
    /// Loads TimescaleDB, which has to be installed on this machine, and makes it part of the test database.
    bool timescale = tests_hypertables();
    /// Off, a commit survives every kill of processes, but not of the machine.
    bool fsync = false;
    /// Makes certificates (see `certificates()`) and takes TLS connections beside the others.
    bool tls = false;
    /// As in postgresql.conf, on top of those that tests have in common.
    std::map<std::string, std::string> settings = {};
};

/// A PostgreSQL server that belongs to one test: its own data in a temporary folder, its own port. It runs as the user
/// `postgres` where this process is root. It is stopped and its folder removed with the object, and also when this
/// process is killed (see Watchdog).
///
/// Threads: one at a time, but for what PostgresEndpoint has. All failures throw std::runtime_error.
class PostgresServer : public PostgresEndpoint {
 public:
    /// Running when it returns. About two seconds.
    explicit PostgresServer(const PostgresOptions& options = {});
    ~PostgresServer() override;

    /// A server for tests that only need one. That which `$MARKETDB_TEST_POSTGRES` (a file, see PostgresEndpoint::read)
    /// names, if it runs; else one of this process. Nobody may stop or configure it: tests run on it at the same time.
    [[nodiscard]] static const PostgresEndpoint& shared();

    enum class Stop { smart, fast, immediate };

    /// Returns when it takes connections. On the same port as before.
    void start();
    void stop(Stop how = Stop::fast);
    void restart(Stop how = Stop::fast);
    /// SIGKILL to every process of the server at once, as when the machine's kernel ran out of memory. `start()` then
    /// recovers.
    void kill();
    /// SIGKILL to one backend (see `backend_pids`); the server then ends all others and recovers by itself.
    static void kill_backend(pid_t pid);
    [[nodiscard]] bool is_running() const noexcept { return postmaster_ > 0; }
    /// The first process of the server, for SIGSTOP and SIGCONT.
    [[nodiscard]] pid_t postmaster() const noexcept { return postmaster_; }

    /// Sets one setting, or takes it back if `value` is null, and waits until new connections see it; what needs a
    /// restart is seen after one.
    void configure(const std::string& key, const char* value);
    /// Replaces the rules of pg_hba.conf; new connections see them.
    void configure_access(const std::string& rules);

    /// A copy of this server that runs and follows it. `name` is its application_name, which
    /// `configure("synchronous_standby_names", name)` on this one then makes synchronous.
    [[nodiscard]] std::unique_ptr<PostgresServer> make_standby(const std::string& name);
    /// Ends following: from now on it writes.
    void promote();

    /// Only with `PostgresOptions::tls`.
    [[nodiscard]] const Certificates& certificates() const { return *certificates_; }
    /// Which certificate the server shows to new connections, one of `certificates()`.
    void show_certificate(const Certificates::Pair& pair);

    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
    [[nodiscard]] std::filesystem::path log_file() const { return folder_ / "log"; }
    [[nodiscard]] std::string log() const;

 private:
    struct Copy {};
    PostgresServer(Copy, const PostgresServer& primary, const std::string& name);

    [[nodiscard]] std::filesystem::path data() const { return folder_ / "data"; }
    std::string run(std::vector<std::string> arguments) const;
    void make_cluster();
    void make_test_database() const;
    void write_settings() const;
    void start_on_a_free_port();
    void launch();
    void reload();
    void wait_for_end();
    void remove_shared_memory() const;

    std::filesystem::path folder_;
    Watchdog watchdog_;
    pid_t owner_;
    std::map<std::string, std::string> settings_;
    std::unique_ptr<Certificates> certificates_;
    pid_t postmaster_ = -1;
};

}  // namespace marketdb::testing
