#pragma once

#include <string>

#include <marketdb/config.hpp>

#include "options.hpp"

namespace marketdb::cli {

/// The database that a command works on.
struct DatabaseChoice {
    Config config;
    std::string origin;  ///< `--db`, `--config FILE`, `$MARKETDB_URL`, `$MARKETDB_CONFIG`, `./config.yaml`, `default`.
    std::string file;    ///< The configuration file, if one was read.

    /// `sqlite:market.db (--db)`; no password.
    [[nodiscard]] std::string name() const;
};

/// `--db URL`; else `--config FILE`; else `$MARKETDB_URL`; else `$MARKETDB_CONFIG`; else `config.yaml` in the current folder
/// if it has `database:`; else `sqlite:marketdb.db` there. Notices of a configuration file go to standard error; the name
/// goes to the diagnostics.
///
/// Errors: UsageError  a URL or file that cannot be understood; names where it came from.
[[nodiscard]] DatabaseChoice choose_database(const GlobalOptions& options);

/// The database of a URL that was given as the argument `origin`. The same of notices; the diagnostics keep their name.
///
/// Errors: UsageError  as above.
[[nodiscard]] DatabaseChoice choose_database(const std::string& url, const std::string& origin, bool migrate);

/// Whether two choices are certainly one database: the same file, or the same words. One that has two names is not noticed.
[[nodiscard]] bool are_one_database(const DatabaseChoice& a, const DatabaseChoice& b);

}  // namespace marketdb::cli
