#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "bench.hpp"

/// Another program that does the same work in turn, so that its rounds lie between ours.
namespace marketdb::bench {

/// A shell command that reads one line for each piece of work and answers `WALL CPU COUNT`: seconds, and what it counted.
class Peer {
 public:
    explicit Peer(const std::string& command) : command_(command) {
        int to[2];
        int from[2];
        if (pipe(to) != 0 || pipe(from) != 0) throw std::runtime_error("no pipe");
        child_ = fork();
        if (child_ < 0) throw std::runtime_error("no process");
        if (child_ == 0) {
            dup2(to[0], STDIN_FILENO);
            dup2(from[1], STDOUT_FILENO);
            for (const int end : {to[0], to[1], from[0], from[1]}) close(end);
            execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
            _exit(127);
        }
        close(to[0]);
        close(from[1]);
        requests_ = fdopen(to[1], "w");
        answers_ = fdopen(from[0], "r");
    }
    ~Peer() {
        std::fclose(requests_);
        std::fclose(answers_);
        waitpid(child_, nullptr, 0);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    struct Answer {
        Taken taken;
        long long count = 0;
    };

    Answer ask(const std::string& work) {
        std::fprintf(requests_, "%s\n", work.c_str());
        std::fflush(requests_);
        char line[256] = "";
        Answer answer;
        if (std::fgets(line, sizeof line, answers_) == nullptr ||
            std::sscanf(line, "%lf %lf %lld", &answer.taken.wall, &answer.taken.cpu, &answer.count) != 3) {
            throw std::runtime_error("'" + command_ + "' could not do '" + work + "': " + line);
        }
        return answer;
    }

 private:
    std::string command_;
    pid_t child_ = -1;
    std::FILE* requests_ = nullptr;
    std::FILE* answers_ = nullptr;
};

}  // namespace marketdb::bench
