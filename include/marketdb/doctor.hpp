#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>

/// Looks for what is wrong with a database and with how it is used, before it hurts.
namespace marketdb {

class DatabaseManager;

/// How much a finding matters.
enum class Severity : std::uint8_t {
    fine,      ///< Looked at, and as it should be.
    note,      ///< Worth knowing; or a check that could not be made, with the reason.
    warning,   ///< Will hurt, or makes something slow or uncertain.
    critical,  ///< Rows are wrong or may be lost.
};

/// `fine`, `note`, `warning`, `critical`.
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// What one check came to. Texts are for people; `check` stays the same from version to version.
struct Finding {
    Severity severity = Severity::fine;
    /// `schema`, `memory`, `lookups`, `hit ratio`, `settings`, `version`, `durability`, `disk`, `tables`, `orphans`; on PostgreSQL
    /// also `connections`, `clock`, `triggers`, `indexes`, `partitions`, `jobs`.
    std::string check;
    std::string where;   ///< A table, a setting, a file; empty: the whole database.
    std::string what;    ///< What was found, with the figures.
    std::string remedy;  ///< What to do about it; empty: nothing.
};

/// Makes every check that the database allows, one after another, by what each is about. Changes nothing, and stores nothing;
/// a role that may only read can use it. Takes no lock that a writer waits for.
///
/// A check that fails (no right, not the engine for it, ten seconds are up) is a finding of its own, a `note`.
///
/// Errors: closed, unavailable  the database itself cannot be asked. timeout  the deadline passed.
/// Cost:   reads the catalogue, all exchanges and symbols, and of each dataset some index entries, never its rows. Makes 10,000
///         look-ups in memory, which count as such.
boost::asio::awaitable<std::vector<Finding>> diagnose(DatabaseManager& db, Deadline deadline = {});

}  // namespace marketdb
