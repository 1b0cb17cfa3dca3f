#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/temporary_folder.hpp"

namespace marketdb::testing {

/// What a run of the program left.
struct Outcome {
    int code = -1;  ///< Minus the signal that ended it.
    std::string out;
    std::string err;
};

/// How a run is set up beside its arguments.
struct Surroundings {
    std::map<std::string, std::string> environment = {};
    std::string input = {};
    int terminal_columns =
        0;  ///< > 0: standard output and error are one terminal of that width; what is shown is in `out`.
    bool close_output = false;  ///< Standard output is closed before the program starts.
};

/// For a program that will be killed: it may just then be writing which of its lines ran, into files that all others use.
inline Surroundings to_be_killed(const std::filesystem::path& folder) {
    Surroundings surroundings;
    surroundings.environment["GCOV_PREFIX"] = folder / "counts";
    return surroundings;
}

/// The real binary ($MARKETDB_BIN), started and not yet waited for.
class Program {
 public:
    Program(const std::filesystem::path& folder, std::vector<std::string> arguments,
            const Surroundings& surroundings = {});
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void send_signal(int signal) const;
    /// Reads on until standard output (or error) holds the text. False: the program ended before.
    bool wait_for_output(std::string_view text);
    bool wait_for_error(std::string_view text);
    /// Stops reading standard output, as `head` does when it has enough.
    void close_output();
    Outcome wait();

 private:
    /// Reads what is there. False: nothing more will come.
    bool read_more();
    void read_from(int& descriptor, std::string& into);

    int pid_ = -1;
    int output_ = -1;
    int error_ = -1;
    std::chrono::steady_clock::time_point until_;
    Outcome outcome_;
};

/// A test in an empty folder, in which the program runs without any MARKETDB_ variable.
class CliTest : public ::testing::Test {
 protected:
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_ / name; }

    Outcome run(std::vector<std::string> arguments, const Surroundings& surroundings = {}) {
        return Program(folder(), std::move(arguments), surroundings).wait();
    }
    /// Runs and expects success.
    std::string answer(std::vector<std::string> arguments, const Surroundings& surroundings = {});
    /// Runs a line in a shell whose PATH finds `marketdb`.
    Outcome run_in_shell(const std::string& line);

    void write_file(const std::string& name, std::string_view text) const;
    [[nodiscard]] std::string read_file(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> file_names() const;

    /// Imports `kQuotes` and `kTrades` (see sample_files.hpp) into marketdb.db.
    void import_samples();

 private:
    TemporaryFolder folder_;
};

}  // namespace marketdb::testing
