#include "support/pgbouncer.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/expect.hpp"
#include "support/server_program.hpp"

namespace marketdb::testing {
namespace {

constexpr auto kLimit = std::chrono::seconds(60);
/// Only a part of the socket's name: nothing listens on TCP.
constexpr std::uint16_t kPort = 6432;

std::filesystem::path make_folder() {
    std::string pattern = (std::filesystem::canonical("/tmp") / "marketdb-bouncer-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder: " + pattern);
    give_to_server_user(pattern);
    return pattern;
}

std::filesystem::path find_program() {
    for (const char* folder : {"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"}) {
        const std::filesystem::path program = std::filesystem::path(folder) / "pgbouncer";
        if (::access(program.c_str(), X_OK) == 0) return program;
    }
    return {};
}

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::ofstream stream(file, std::ios::trunc);
    stream << text;
    if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
    give_to_server_user(file);
}

}  // namespace

bool PgBouncer::is_installed() { return !find_program().empty(); }

PgBouncer::PgBouncer(const PostgresEndpoint& server, int sessions)
    : PostgresEndpoint({}), folder_(make_folder()), watchdog_(folder_), owner_(::getpid()) {
    set_address({folder_, kPort, {}});
    write_settings(server, sessions);
    ServerProgram program;
    program.arguments = {find_program().string(), (folder_ / "pgbouncer.ini").string()};
    program.folder = folder_;
    program.announce_to = watchdog_.announcements();
    program_ = start_program(program, folder_ / "log");
    const auto has_ended = [this] {
        if (::waitpid(program_, nullptr, WNOHANG) == program_) program_ = -1;
        return program_ < 0;
    };
    if (wait_until([&] { return answers() || has_ended(); }, kLimit) && program_ > 0) return;
    throw std::runtime_error("pgbouncer does not start: " + log());
}

PgBouncer::~PgBouncer() {
    if (owner_ != ::getpid()) return;  // A forked child has only a copy of what it must not touch.
    if (program_ > 0) {
        ::kill(program_, SIGQUIT);
        ::waitpid(program_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void PgBouncer::write_settings(const PostgresEndpoint& server, int sessions) const {
    write_text(folder_ / "users", "\"" + std::string(kTestRole) + "\" \"\"\n\"postgres\" \"\"\n");
    std::ostringstream text;
    text << "[databases]\n* = host=" << server.address().socket_folder.string() << " port=" << server.address().port
         << "\n[pgbouncer]\nlisten_port = " << kPort << "\nunix_socket_dir = " << folder_.string()
         << "\nauth_type = trust\nauth_file = " << (folder_ / "users").string()
         << "\npool_mode = transaction\ndefault_pool_size = " << sessions << "\nmax_client_conn = 100\n";
    write_text(folder_ / "pgbouncer.ini", text.str());
}

std::string PgBouncer::log() const {
    std::ifstream file(folder_ / "log");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace marketdb::testing
