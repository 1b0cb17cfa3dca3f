#include "support/server_program.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace marketdb::testing {
namespace {

struct ServerUser {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// None: this process's own user will do.
const std::optional<ServerUser>& server_user() {
    static const std::optional<ServerUser> user = []() -> std::optional<ServerUser> {
        if (::geteuid() != 0) return std::nullopt;
        const passwd* entry = ::getpwnam("postgres");
        if (entry == nullptr)
            throw std::runtime_error("there is no user postgres: PostgreSQL's server is not installed");
        ServerUser found{entry->pw_uid, entry->pw_gid, std::vector<gid_t>(64)};
        int count = static_cast<int>(found.groups.size());
        if (::getgrouplist("postgres", entry->pw_gid, found.groups.data(), &count) < 0) count = 0;
        found.groups.resize(static_cast<std::size_t>(count));
        return found;
    }();
    return user;
}

std::string search_path() {
    const char* path = std::getenv("PATH");
    return path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
}

/// What a child needs between fork and exec, where nothing may be allocated.
struct Prepared {
    explicit Prepared(const ServerProgram& program)
        : arguments(program.arguments), folder(program.folder), announce_to(program.announce_to) {
        variables = {"PATH=" + search_path(), "LC_ALL=C.UTF-8", "HOME=/nonexistent"};
        for (std::string& each : arguments) argv.push_back(each.data());
        for (std::string& each : variables) envp.push_back(each.data());
        argv.push_back(nullptr);
        envp.push_back(nullptr);
        if (program.as_server_user && server_user()) user = &*server_user();
    }

    [[nodiscard]] bool take_user() const {
        return user == nullptr || (::setgroups(user->groups.size(), user->groups.data()) == 0 &&
                                   ::setgid(user->gid) == 0 && ::setuid(user->uid) == 0);
    }

    void announce() const {
        if (announce_to < 0) return;
        char line[24];
        char* at = line + sizeof line;
        *--at = '\n';
        for (pid_t rest = ::getpid(); rest > 0; rest /= 10) *--at = static_cast<char>('0' + rest % 10);
        static_cast<void>(!::write(announce_to, at, static_cast<std::size_t>(line + sizeof line - at)));
    }

    [[noreturn]] void execute(int output) const {
        ::setsid();  // A Ctrl-C at the terminal is for the tests.
        const int input = ::open("/dev/null", O_RDONLY);
        ::dup2(input, STDIN_FILENO);
        ::dup2(output, STDOUT_FILENO);
        ::dup2(output, STDERR_FILENO);
        if (::chdir(folder.c_str()) == 0 && take_user()) {
            announce();
            ::close_range(3, ~0U, 0);
            ::execvpe(argv[0], argv.data(), envp.data());
        }
        static constexpr std::string_view kSorry = "the program cannot be started\n";
        static_cast<void>(!::write(STDERR_FILENO, kSorry.data(), kSorry.size()));
        ::_exit(127);
    }

    std::vector<std::string> arguments;
    std::vector<std::string> variables;
    std::string folder;
    std::vector<char*> argv;
    std::vector<char*> envp;
    const ServerUser* user = nullptr;
    int announce_to;
};

pid_t start_with_output(const ServerProgram& program, int output) {
    const Prepared prepared(program);
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no fork");
    if (child == 0) prepared.execute(output);
    return child;
}

std::string text_of_file(int descriptor) {
    std::string text(static_cast<std::size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
    const ssize_t count = ::pread(descriptor, text.data(), text.size(), 0);
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
}

int version_of(const std::filesystem::path& installation) { return std::atoi(installation.filename().c_str()); }

/// The newest folder `/usr/lib/postgresql/<version>/bin` with a server in it, as Debian and Ubuntu have them.
std::filesystem::path newest_installation() {
    std::filesystem::path newest;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
        const bool has_server = std::filesystem::exists(entry.path() / "bin" / "initdb");
        if (has_server && version_of(entry.path()) > version_of(newest)) newest = entry.path();
    }
    return newest.empty() ? newest : newest / "bin";
}

bool is_in_path(const std::string& name) {
    const std::string path = search_path();
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find(':', begin), path.size());
        if (::access((path.substr(begin, end - begin) + "/" + name).c_str(), X_OK) == 0) return true;
        begin = end + 1;
    }
    return false;
}

}  // namespace

pid_t start_program(const ServerProgram& program, const std::filesystem::path& log) {
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (output < 0) throw std::runtime_error("cannot write " + log.string());
    const pid_t child = start_with_output(program, output);
    ::close(output);
    return child;
}

std::string run_program(const ServerProgram& program) {
    const int output = ::memfd_create("output", MFD_CLOEXEC);
    if (output < 0) throw std::runtime_error("no file in memory");
    const pid_t child = start_with_output(program, output);
    int status = 0;
    ::waitpid(child, &status, 0);
    std::string text = text_of_file(output);
    ::close(output);
    if (status != 0) throw std::runtime_error(program.arguments.front() + " failed: " + text);
    return text;
}

std::string postgres_program(const std::string& name) {
    static const std::filesystem::path installation = newest_installation();
    if (!installation.empty() && std::filesystem::exists(installation / name)) return (installation / name).string();
    if (is_in_path(name)) return name;
    throw std::runtime_error("no program " + name +
                             ": PostgreSQL's server is not installed (`scripts/install_deps.sh test` does it)");
}

void give_to_server_user(const std::filesystem::path& file) {
    if (!server_user()) return;
    if (::chown(file.c_str(), server_user()->uid, server_user()->gid) != 0) {
        throw std::runtime_error("cannot give " + file.string() + " to postgres");
    }
}

}  // namespace marketdb::testing
