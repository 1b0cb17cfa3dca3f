#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace marketdb::testing {

/// Programs of a PostgreSQL installation, and `openssl`, run as a user who may run a server: `postgres` where this process
/// is root (whom the server refuses), else this process's own. Their environment is bare: no PG* variable reaches them.
///
/// Threads: any.
struct ServerProgram {
    std::vector<std::string> arguments;  ///< The first is the program; without a slash it is looked for in PATH.
    std::filesystem::path folder;        ///< Where it works.
    int announce_to = -1;                ///< See Watchdog.
    bool as_server_user = true;
};

/// Starts it, its output going to the end of `log`. Returns its process id; the caller waits for it.
[[nodiscard]] pid_t start_program(const ServerProgram& program, const std::filesystem::path& log);

/// Runs it to its end. Returns what it wrote on both outputs. Throws std::runtime_error with that if it failed.
std::string run_program(const ServerProgram& program);

/// The path of a program of the newest PostgreSQL installation: `/usr/lib/postgresql/15/bin/initdb`, or its name alone
/// where PATH has to find it. Throws std::runtime_error if it is nowhere.
[[nodiscard]] std::string postgres_program(const std::string& name);

/// Gives the file to the user who runs servers.
void give_to_server_user(const std::filesystem::path& file);

}  // namespace marketdb::testing
