#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "support/postgres_endpoint.hpp"
#include "support/watchdog.hpp"

namespace marketdb::testing {

/// The program pgbouncer before a server, in transaction mode: each transaction of a client may get another of its few
/// sessions. It listens on a socket only, for every role that the server has for tests, without a password. It ends with
/// the object, and also when this process is killed (see Watchdog).
///
/// Threads: as PostgresEndpoint. All failures throw std::runtime_error.
class PgBouncer : public PostgresEndpoint {
 public:
    /// Takes connections when it returns. `sessions`: how many it has with the server, for each database and role.
    PgBouncer(const PostgresEndpoint& server, int sessions);
    ~PgBouncer() override;

    /// Whether the program is there.
    [[nodiscard]] static bool is_installed();

    [[nodiscard]] std::string log() const;

 private:
    void write_settings(const PostgresEndpoint& server, int sessions) const;

    std::filesystem::path folder_;
    Watchdog watchdog_;
    pid_t owner_;
    pid_t program_ = -1;
};

}  // namespace marketdb::testing
