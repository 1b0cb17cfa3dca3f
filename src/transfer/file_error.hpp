#pragma once

#include <string>

#include <marketdb/error.hpp>

namespace marketdb::transfer {

/// A fault of the file, not of the database: it ends in the report instead of being thrown.
class FileError : public Error {
 public:
    using Error::Error;
    explicit FileError(const Error& error) : Error(error) {}
};

}  // namespace marketdb::transfer
