#include "support/postgres_server.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "support/expect.hpp"
#include "support/postgres_session.hpp"
#include "support/server_program.hpp"

namespace marketdb::testing {
namespace {

constexpr auto kLimit = std::chrono::seconds(60);

/// Short, because the path of a socket has 107 bytes at most, and without links, because the watchdog compares it.
std::filesystem::path make_folder() {
    std::filesystem::path base = std::filesystem::temp_directory_path();
    if (base.string().size() > 60) base = "/tmp";
    std::string pattern = (std::filesystem::canonical(base) / "marketdb-pg-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder: " + pattern);
    give_to_server_user(pattern);
    return pattern;
}

std::string make_password() {
    static constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";
    std::random_device random;
    std::string password;
    for (int i = 0; i < 24; ++i) password += kLetters[random() % kLetters.size()];
    return password;
}

/// A port that nobody listens on, below those that the system gives to outgoing connections: it must stay free while the
/// server is down.
std::uint16_t find_free_port() {
    std::random_device random;
    for (int attempt = 0; attempt < 100; ++attempt) {
        const auto port = static_cast<std::uint16_t>(20'000 + random() % 12'000);
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool is_free = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(descriptor);
        if (is_free) return port;
    }
    throw std::runtime_error("no free port");
}

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::ofstream stream(file, std::ios::trunc);
    stream << text;
    if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
}

/// The processes that have this one as parent.
std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        std::ifstream stat(entry.path() / "stat");
        std::string line;
        if (pid <= 0 || !std::getline(stat, line)) continue;
        // `12 (name) S 1 ..`; the name may hold anything.
        std::istringstream fields(line.substr(line.rfind(')') + 2));
        std::string state;
        pid_t its_parent = 0;
        if (fields >> state >> its_parent && its_parent == parent) children.push_back(pid);
    }
    return children;
}

/// SIGKILL, and waits until each is gone: a server does not start while one of its old processes is attached.
void kill_all(const std::vector<pid_t>& pids) {
    std::vector<pollfd> ends;
    for (const pid_t pid : pids) {
        const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
        if (descriptor >= 0) ends.push_back({descriptor, POLLIN, 0});
    }
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    for (pollfd& end : ends) {
        ::poll(&end, 1, 10'000);
        ::close(end.fd);
    }
}

std::map<std::string, std::string> common_settings(const PostgresOptions& options) {
    const std::string fsync = options.fsync ? "on" : "off";
    std::map<std::string, std::string> settings{{"listen_addresses", "127.0.0.1"},
                                                {"fsync", fsync},
                                                {"full_page_writes", fsync},
                                                {"max_connections", "200"},
                                                {"checkpoint_timeout", "30min"},
                                                {"password_encryption", "scram-sha-256"},
                                                // Files in the folder: nothing is left in /dev/shm after a kill.
                                                {"dynamic_shared_memory_type", "mmap"},
                                                {"lc_messages", "C"},
                                                {"log_line_prefix", "%m [%p] %a "},
                                                {"log_timezone", "UTC"},
                                                {"timezone", "Asia/Kolkata"}};
    if (options.timescale) {
        settings["shared_preload_libraries"] = "timescaledb";
        settings["timescaledb.telemetry_level"] = "off";
    }
    for (const auto& [key, value] : options.settings) settings[key] = value;
    return settings;
}

constexpr const char* kAccess = R"(local all         all              trust
local replication all              trust
host  all         all 127.0.0.1/32 scram-sha-256
host  replication all 127.0.0.1/32 scram-sha-256
)";

std::string tail_of(const std::string& text) { return text.size() < 2000 ? text : text.substr(text.size() - 2000); }

int signal_of(PostgresServer::Stop how) {
    switch (how) {
        case PostgresServer::Stop::smart: return SIGTERM;
        case PostgresServer::Stop::fast: return SIGINT;
        case PostgresServer::Stop::immediate: break;
    }
    return SIGQUIT;
}

}  // namespace

bool tests_hypertables() { return std::getenv("MARKETDB_TEST_HYPERTABLES") != nullptr; }

PostgresServer::PostgresServer(const PostgresOptions& options)
    : PostgresEndpoint({}),
      folder_(make_folder()),
      watchdog_(folder_),
      owner_(::getpid()),
      settings_(common_settings(options)) {
    set_address({folder_, 0, make_password()});
    make_cluster();
    if (options.tls) {
        std::filesystem::create_directory(folder_ / "tls");
        give_to_server_user(folder_ / "tls");
        certificates_ = std::make_unique<Certificates>(Certificates::make(folder_ / "tls"));
        settings_["ssl"] = "on";
        show_certificate(certificates_->server);
    }
    start_on_a_free_port();
    make_test_database();
}

PostgresServer::PostgresServer(Copy, const PostgresServer& primary, const std::string& name)
    : PostgresEndpoint({}),
      folder_(make_folder()),
      watchdog_(folder_),
      owner_(::getpid()),
      settings_(primary.settings_) {
    set_address({folder_, 0, primary.address().password});
    run({postgres_program("pg_basebackup"), "-D", data().string(), "-d", primary.conninfo("postgres"), "-X", "stream",
         "-c", "fast", "--no-sync"});
    for (const char* own : {"ssl", "ssl_cert_file", "ssl_key_file", "synchronous_standby_names"}) settings_.erase(own);
    settings_["primary_conninfo"] = primary.conninfo("postgres") + " application_name=" + name;
    write_text(data() / "standby.signal", "");
    start_on_a_free_port();
}

PostgresServer::~PostgresServer() {
    if (owner_ != ::getpid()) return;  // A forked child has only a copy of what it must not touch.
    if (is_running()) stop(Stop::immediate);
    remove_shared_memory();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

const PostgresEndpoint& PostgresServer::shared() {
    static const std::unique_ptr<const PostgresEndpoint> endpoint = []() -> std::unique_ptr<const PostgresEndpoint> {
        const char* file = std::getenv("MARKETDB_TEST_POSTGRES");
        std::unique_ptr<PostgresEndpoint> running = file == nullptr ? nullptr : PostgresEndpoint::read(file);
        if (running != nullptr) return running;
        return std::make_unique<PostgresServer>();
    }();
    return *endpoint;
}

std::string PostgresServer::run(std::vector<std::string> arguments) const {
    ServerProgram program;
    program.arguments = std::move(arguments);
    program.folder = folder_;
    program.announce_to = watchdog_.announcements();
    return run_program(program);
}

void PostgresServer::make_cluster() {
    const std::filesystem::path password_file = folder_ / "password";
    write_text(password_file, address().password + "\n");
    give_to_server_user(password_file);
    run({postgres_program("initdb"), "-D", data().string(), "-U", "postgres", "--pwfile", password_file.string(), "-A",
         "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"});
    std::filesystem::remove(password_file);
    write_text(data() / "pg_hba.conf", kAccess);
    std::ofstream(data() / "postgresql.conf", std::ios::app) << "include = '../server.conf'\n";
}

void PostgresServer::make_test_database() const {
    const std::string role(kTestRole);
    const std::string database(kTestDatabase);
    run_sql("postgres", "CREATE ROLE " + role + " LOGIN PASSWORD " + quoted_text(address().password));
    run_sql("postgres", "CREATE DATABASE " + database + " OWNER " + role);
    if (settings_.contains("shared_preload_libraries")) run_sql(database, "CREATE EXTENSION timescaledb");
}

void PostgresServer::write_settings() const {
    std::string text;
    for (const auto& [key, value] : settings_) text += key + " = " + quoted_text(value) + "\n";
    write_text(folder_ / "server.conf", text);
}

void PostgresServer::start_on_a_free_port() {
    settings_["unix_socket_directories"] = folder_.string();
    for (int attempt = 1;; ++attempt) {
        set_address({folder_, find_free_port(), address().password});
        settings_["port"] = std::to_string(address().port);
        write_settings();
        try {
            launch();
            return;
        } catch (const std::runtime_error&) {
            // Between the look and the start somebody else may have taken the port.
            if (attempt == 5 || log().find("Address already in use") == std::string::npos) throw;
        }
    }
}

void PostgresServer::launch() {
    ServerProgram program;
    program.arguments = {postgres_program("postgres"), "-D", data().string()};
    program.folder = folder_;
    program.announce_to = watchdog_.announcements();
    postmaster_ = start_program(program, log_file());
    const auto has_ended = [this] {
        if (::waitpid(postmaster_, nullptr, WNOHANG) == postmaster_) postmaster_ = -1;
        return postmaster_ < 0;
    };
    if (wait_until([&] { return answers() || has_ended(); }, kLimit) && is_running()) return;
    throw std::runtime_error("the server does not start: " + tail_of(log()));
}

void PostgresServer::start() {
    if (is_running()) throw std::runtime_error("the server runs already");
    launch();
}

void PostgresServer::stop(Stop how) {
    if (!is_running()) throw std::runtime_error("the server does not run");
    ::kill(postmaster_, signal_of(how));
    wait_for_end();
}

void PostgresServer::restart(Stop how) {
    stop(how);
    start();
}

void PostgresServer::wait_for_end() {
    const auto has_ended = [this] { return ::waitpid(postmaster_, nullptr, WNOHANG) != 0; };
    const bool is_over = wait_until(has_ended, kLimit);
    if (!is_over) kill();
    postmaster_ = -1;
    if (!is_over) throw std::runtime_error("the server does not stop: " + tail_of(log()));
}

void PostgresServer::kill() {
    if (!is_running()) throw std::runtime_error("the server does not run");
    // Stopped, it makes no more processes while its children are counted.
    ::kill(postmaster_, SIGSTOP);
    int status = 0;
    ::waitpid(postmaster_, &status, WUNTRACED);
    std::vector<pid_t> pids = children_of(postmaster_);
    pids.push_back(postmaster_);
    kill_all(pids);
    if (WIFSTOPPED(status)) ::waitpid(postmaster_, nullptr, 0);
    postmaster_ = -1;
}

void PostgresServer::kill_backend(pid_t pid) { ::kill(pid, SIGKILL); }

void PostgresServer::configure(const std::string& key, const char* value) {
    if (value == nullptr) {
        settings_.erase(key);
    } else {
        settings_[key] = value;
    }
    write_settings();
    reload();
    // Until its checkpointer has seen this setting the server commits as before (syncrep.c, sync_standbys_defined).
    if (is_running() && key == "synchronous_standby_names") run_sql("postgres", "CHECKPOINT");
}

void PostgresServer::configure_access(const std::string& rules) {
    write_text(data() / "pg_hba.conf", rules);
    reload();
}

void PostgresServer::show_certificate(const Certificates::Pair& pair) {
    settings_["ssl_cert_file"] = pair.certificate.string();
    configure("ssl_key_file", pair.key.c_str());
}

void PostgresServer::reload() {
    if (!is_running()) return;
    const auto loaded_at = [this] { return query("postgres", "SELECT pg_conf_load_time()").at(0); };
    const std::string before = loaded_at();
    ::kill(postmaster_, SIGHUP);
    // A new connection has what the first process had read when it was made.
    if (!wait_until([&] { return loaded_at() != before; }, kLimit)) throw std::runtime_error("no reload");
}

std::unique_ptr<PostgresServer> PostgresServer::make_standby(const std::string& name) {
    std::unique_ptr<PostgresServer> standby(new PostgresServer(Copy{}, *this, name));
    const std::string follows =
        "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = " + quoted_text(name);
    if (wait_until([&] { return !query("postgres", follows).empty(); }, kLimit)) return standby;
    throw std::runtime_error("the standby does not follow: " + tail_of(standby->log()));
}

void PostgresServer::promote() {
    run_sql("postgres", "SELECT pg_promote(true, 60)");
    settings_.erase("primary_conninfo");
    write_settings();
}

std::string PostgresServer::log() const {
    std::ifstream file(log_file());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void PostgresServer::remove_shared_memory() const {
    // What a killed server leaves in the kernel is named in the seventh line: key and id.
    std::ifstream lines(data() / "postmaster.pid");
    std::string line;
    for (int i = 0; i < 7 && std::getline(lines, line); ++i) {
    }
    long key = 0;
    int id = 0;
    if (lines && std::istringstream(line) >> key >> id) ::shmctl(id, IPC_RMID, nullptr);
}

}  // namespace marketdb::testing
