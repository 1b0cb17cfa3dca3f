#pragma once

#include <string>
#include <utility>

#include <marketdb/error.hpp>

namespace marketdb::transfer {

/// A fault of the file, not of the database: it ends in the report instead of being thrown.
class FileError : public Error {
 public:
    using Error::Error;
    explicit FileError(const Error& error) : Error(error) {}
};

/// Runs a job whose errors are the file's.
template <class Job>
[[nodiscard]] auto of_the_file(Job job) {
    return [job = std::move(job)] {
        try {
            job();
        } catch (const Error& error) {
            throw FileError(error);
        }
    };
}

}  // namespace marketdb::transfer
