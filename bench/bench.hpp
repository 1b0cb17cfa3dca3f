#pragma once

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

/// What the benchmarks share: where they ran, medians of alternating rounds, a folder that goes away.
namespace marketdb::bench {

using WallClock = std::chrono::steady_clock;

inline double seconds_since(WallClock::time_point start) {
    return std::chrono::duration<double>(WallClock::now() - start).count();
}

inline double cpu_seconds(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Processor seconds of the calling thread: what a look-up costs even when other programs run beside it.
inline double thread_cpu_seconds() { return cpu_seconds(CLOCK_THREAD_CPUTIME_ID); }

/// How long something took.
struct Taken {
    double wall = 0;
    double cpu = 0;  ///< Of all threads of this process.
};

template <class Work>
Taken time_of(Work&& work) {
    const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const auto start = WallClock::now();
    work();
    return {seconds_since(start), cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu};
}

inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Keeps the compiler from leaving out what makes `value`.
template <class Value>
void keep(const Value& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

inline std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "unknown processor";
}

inline void print_environment(int argc, char** argv, const std::filesystem::path& folder) {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
    utsname system{};
    uname(&system);
    std::string command;
    for (int i = 0; i < argc; ++i) command += std::string(i == 0 ? "" : " ") + argv[i];
    std::printf("date     %s\nmachine  %s, %u cores, Linux %s\ncompiler %s %s\nfolder   %s\ncommand  %s\n\n", date,
                processor_name().c_str(), std::thread::hardware_concurrency(), system.release,
#ifdef __clang__
                "Clang",
#else
                "GCC",
#endif
                __VERSION__, folder.c_str(), command.c_str());
}

/// A fresh folder inside `parent`, removed at the end.
class TemporaryFolder {
 public:
    explicit TemporaryFolder(const std::filesystem::path& parent) {
        std::string pattern = (parent / "marketdb-bench-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder in " + parent.string());
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
    std::filesystem::path path_;
};

/// One side's times, round by round.
struct Side {
    std::string name;
    std::vector<Taken> rounds;

    [[nodiscard]] std::vector<double> all(double Taken::*what) const {
        std::vector<double> times;
        for (const Taken& one : rounds) times.push_back(one.*what);
        return times;
    }
};

/// The first side's speed as a share of the second's: the median of the ratios of each round, for the rounds of one pair
/// share the machine's mood.
inline double speed_ratio(const Side& ours, const Side& bare, double Taken::*what = &Taken::wall) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < ours.rounds.size(); ++i) ratios.push_back(bare.rounds[i].*what / ours.rounds[i].*what);
    return median(ratios);
}

inline void print_side(const Side& side, double rows) {
    const std::vector<double> wall = side.all(&Taken::wall);
    const auto [fastest, slowest] = std::minmax_element(wall.begin(), wall.end());
    std::printf("  %-30s %8.3f s  (%.3f to %.3f), processor %.3f s  %9.0f rows/s\n", side.name.c_str(), median(wall),
                *fastest, *slowest, median(side.all(&Taken::cpu)), rows / median(wall));
}

inline void print_ratio(const char* what, double ratio) { std::printf("  %-30s %8.3f\n", what, ratio); }

/// @param wanted  The least (`at_least`) or the greatest ratio that is good enough.
inline void print_verdict(const char* what, double ratio, double wanted, bool at_least) {
    const bool good = at_least ? ratio >= wanted : ratio <= wanted;
    std::printf("  %-30s %8.3f    wanted: at %s %.2f  %s\n\n", what, ratio, at_least ? "least" : "most", wanted,
                good ? "ok" : "MISSED");
    std::fflush(stdout);
}

/// `--name value` as text.
inline std::string option(int argc, char** argv, std::string_view name, std::string fallback) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (argv[i] == name) return argv[i + 1];
    }
    return fallback;
}

inline std::size_t number_option(int argc, char** argv, std::string_view name, std::size_t fallback) {
    return std::stoul(option(argc, argv, name, std::to_string(fallback)));
}

/// What a main() does: an exception is said, and is a failure.
inline int run_program(int argc, char** argv, int (*run)(int, char**)) {
    try {
        return run(argc, argv);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}

}  // namespace marketdb::bench
