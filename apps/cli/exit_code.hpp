#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <marketdb/error.hpp>

namespace marketdb::cli {

/// What the program tells the shell.
enum ExitCode : int {
    kOk = 0,
    kFailure = 1,
    kUsage = 2,
    kQuarantined = 3,  ///< Done, but some rows of a file were not stored.
    kUnavailable = 4,  ///< The database cannot be reached or does not exist.
    kInterrupted = 130,
    kBrokenPipe = 141,  ///< The reader of standard output went away (`| head`).
};

/// Ends a command: a message for people and the code for the shell.
class Failure : public std::runtime_error {
 public:
    Failure(ExitCode exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
    [[nodiscard]] ExitCode exit_code() const noexcept { return exit_code_; }

 private:
    ExitCode exit_code_;
};

/// What was typed makes no sense; the message says what was expected.
class UsageError : public Failure {
 public:
    explicit UsageError(const std::string& message) : Failure(kUsage, message) {}
};

/// The command that helps, where there is one.
inline std::string_view advice(ErrorCode code) {
    switch (code) {
        case ErrorCode::unknown_exchange: return "`marketdb exchanges` lists those that are known";
        case ErrorCode::unknown_symbol: return "`marketdb symbols` lists those that are known";
        case ErrorCode::schema_mismatch: return "`marketdb migrate status` says more";
        default: return "";
    }
}

/// Of commands that end with 1 where they found something: a name that fits nothing, or several, is wrong usage there.
template <class Ask>
auto with_known_names(Ask&& ask) {
    try {
        return ask();
    } catch (const Error& error) {
        switch (error.code()) {
            case ErrorCode::unknown_exchange:
            case ErrorCode::unknown_symbol:
            case ErrorCode::ambiguous:
            case ErrorCode::invalid_argument: break;
            default: throw;
        }
        const std::string_view help = advice(error.code());
        throw UsageError(std::string(error.what()).append(help.empty() ? "" : "; ").append(help));
    }
}

/// The user asked to stop.
struct Interrupted {};

/// Nobody reads standard output any more.
struct BrokenPipe {};

}  // namespace marketdb::cli
