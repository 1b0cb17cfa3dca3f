#include "cli/program.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/sample_files.hpp"

extern char** environ;

namespace marketdb::testing {
namespace {

constexpr auto kLimit = std::chrono::seconds(120);

std::string binary() {
    const char* path = std::getenv("MARKETDB_BIN");
    if (path == nullptr) throw std::runtime_error("MARKETDB_BIN is not set");
    return path;
}

/// This process's variables without those that the program looks at.
std::vector<std::string> environment_of(const Surroundings& surroundings) {
    std::vector<std::string> variables;
    for (char** each = environ; *each != nullptr; ++each) {
        const std::string_view variable = *each;
        const std::string_view name = variable.substr(0, variable.find('='));
        const bool matters = name.starts_with("MARKETDB_") || name.starts_with("LC_") || name == "LANG" ||
                             name == "NO_COLOR" || name == "TERM" || name == "DB_PASSWORD";
        if (!matters) variables.emplace_back(variable);
    }
    std::map<std::string, std::string> added = surroundings.environment;
    added.emplace("LC_ALL", "C.UTF-8");
    added.emplace("TERM", "xterm");
    for (const auto& [name, value] : added) variables.push_back(name + "=" + value);
    return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

struct Pipe {
    int read_end = -1, write_end = -1;
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        read_end = ends[0];
        write_end = ends[1];
    }
};

/// A file that holds the input, so that nobody has to feed the program.
int input_descriptor(const std::string& text) {
    if (text.empty()) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int descriptor = static_cast<int>(::memfd_create("input", MFD_CLOEXEC));
    if (::write(descriptor, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("no input");
    }
    ::lseek(descriptor, 0, SEEK_SET);
    return descriptor;
}

}  // namespace

Program::Program(const std::filesystem::path& folder, std::vector<std::string> arguments,
                 const Surroundings& surroundings)
    : until_(std::chrono::steady_clock::now() + kLimit) {
    arguments.insert(arguments.begin(), binary());
    std::vector<std::string> variables = environment_of(surroundings);
    const std::vector<char*> argv = pointers(arguments), envp = pointers(variables);
    const int input = input_descriptor(surroundings.input);
    const bool on_terminal = surroundings.terminal_columns > 0;
    Pipe out, err;
    winsize size{};
    size.ws_col = static_cast<unsigned short>(surroundings.terminal_columns);
    size.ws_row = 50;

    pid_ = on_terminal ? ::forkpty(&output_, nullptr, nullptr, &size) : ::fork();
    if (pid_ < 0) throw std::runtime_error("no fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(input, STDIN_FILENO);
        if (!on_terminal) {
            ::dup2(out.write_end, STDOUT_FILENO);
            ::dup2(err.write_end, STDERR_FILENO);
        }
        if (surroundings.close_output) ::close(STDOUT_FILENO);
        if (::chdir(folder.c_str()) == 0) ::execve(argv[0], argv.data(), envp.data());
        ::_exit(127);
    }
    ::close(input);
    ::close(out.write_end);
    ::close(err.write_end);
    if (on_terminal) {
        ::close(out.read_end);
        ::close(err.read_end);
        return;
    }
    output_ = out.read_end;
    error_ = err.read_end;
}

Program::~Program() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        wait();
    }
}

void Program::send_signal(int signal) const { ::kill(pid_, signal); }

void Program::close_output() {
    ::close(output_);
    output_ = -1;
}

void Program::read_from(int& descriptor, std::string& into) {
    char bytes[65'536];
    const ssize_t count = ::read(descriptor, bytes, sizeof bytes);
    if (count > 0) {
        into.append(bytes, static_cast<std::size_t>(count));
        return;
    }
    ::close(descriptor);  // A terminal's end is the error EIO.
    descriptor = -1;
}

bool Program::read_more() {
    pollfd ready[2] = {{output_, POLLIN, 0}, {error_, POLLIN, 0}};
    if (output_ < 0 && error_ < 0) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - std::chrono::steady_clock::now());
    if (left.count() <= 0 || ::poll(ready, 2, static_cast<int>(left.count())) <= 0) {
        ::kill(pid_, SIGKILL);
        ADD_FAILURE() << "the program did not end in time\n" << outcome_.out << outcome_.err;
        return false;
    }
    if (output_ >= 0 && ready[0].revents != 0) read_from(output_, outcome_.out);
    if (error_ >= 0 && ready[1].revents != 0) read_from(error_, outcome_.err);
    return true;
}

bool Program::wait_for_output(std::string_view text) {
    while (outcome_.out.find(text) == std::string::npos) {
        if (!read_more()) return false;
    }
    return true;
}

bool Program::wait_for_error(std::string_view text) {
    while (outcome_.err.find(text) == std::string::npos) {
        if (!read_more()) return false;
    }
    return true;
}

Outcome Program::wait() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    for (int* descriptor : {&output_, &error_}) {
        if (*descriptor >= 0) ::close(*descriptor);
        *descriptor = -1;
    }
    outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return outcome_;
}

std::string CliTest::answer(std::vector<std::string> arguments, const Surroundings& surroundings) {
    const Outcome outcome = run(std::move(arguments), surroundings);
    EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
    return outcome.out;
}

Outcome CliTest::run_in_shell(const std::string& line) {
    const std::filesystem::path bin = std::filesystem::path(binary()).parent_path();
    const std::string script = "cd '" + folder().string() + "' && unset MARKETDB_URL MARKETDB_CONFIG NO_COLOR; PATH='" +
                               bin.string() + "':\"$PATH\"; { " + line + "\n} > '" + path("shell.out").string() +
                               "' 2> '" + path("shell.err").string() + "'";
    ::setenv("MARKETDB_TEST_SCRIPT", script.c_str(), 1);
    const int code = std::system("bash -c \"$MARKETDB_TEST_SCRIPT\"");
    Outcome outcome{WEXITSTATUS(code), read_file("shell.out"), read_file("shell.err")};
    std::filesystem::remove(path("shell.out"));
    std::filesystem::remove(path("shell.err"));
    return outcome;
}

void CliTest::write_file(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = folder() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
}

std::string CliTest::read_file(const std::string& name) const {
    std::ifstream file(folder() / name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> CliTest::file_names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

void CliTest::import_samples() {
    write_file(kQuotesName, kQuotes);
    write_file(kTradesName, kTrades);
    answer({"import", kQuotesName, kTradesName});
}

}  // namespace marketdb::testing
