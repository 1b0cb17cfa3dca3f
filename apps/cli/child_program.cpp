#include "child_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "exit_code.hpp"
#include "interrupt.hpp"

namespace marketdb::cli {
namespace {

std::vector<std::string> environment_of(const ChildProgram& program) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : program.environment) lines.push_back(fmt::format("{}={}", name, value));
    for (char** line = environ; line != nullptr && *line != nullptr; ++line) {
        const std::string text = *line;
        const std::string name = text.substr(0, text.find('='));
        const bool is_replaced = std::any_of(program.environment.begin(), program.environment.end(),
                                             [&name](const auto& variable) { return variable.first == name; });
        if (!is_replaced) lines.push_back(text);
    }
    return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::string read_all(int descriptor) {
    std::string text;
    std::array<char, 4096> bytes{};
    for (;;) {
        const ssize_t count = ::read(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        text.append(bytes.data(), static_cast<std::size_t>(count));
    }
}

/// Starts it with its standard output into a pipe. Zero, or what went wrong.
int start(const ChildProgram& program, int pipe_end, pid_t& pid) {
    std::vector<std::string> arguments = program.arguments;
    std::vector<std::string> environment = environment_of(program);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pipe_end, STDOUT_FILENO);
    const int error = ::posix_spawnp(&pid, arguments.front().c_str(), &actions, nullptr, pointers_to(arguments).data(),
                                     pointers_to(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    return error;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace

std::string run_program(const ChildProgram& program) {
    const std::string& name = program.arguments.front();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw Failure(kFailure, fmt::format("{} was not started: {}", name, std::generic_category().message(errno)));
    }
    pid_t pid = -1;
    const int error = start(program, ends[1], pid);
    ::close(ends[1]);
    if (error != 0) {
        ::close(ends[0]);
        const char* advice = error == ENOENT ? "; it comes with PostgreSQL's client programs" : "";
        throw Failure(kFailure,
                      fmt::format("{} was not started: {}{}", name, std::generic_category().message(error), advice));
    }
    std::string text = read_all(ends[0]);
    ::close(ends[0]);
    const int status = wait_for(pid);
    throw_if_interrupted();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
    const std::string how = WIFEXITED(status) ? fmt::format("with status {}", WEXITSTATUS(status))
                                              : fmt::format("by signal {}", WTERMSIG(status));
    throw Failure(kFailure, fmt::format("{} ended {}", name, how));
}

}  // namespace marketdb::cli
