#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <marketdb/config.hpp>

namespace marketdb::storage::postgres {

/// How connections are made: libpq's keywords, taken from the configuration once. What it leaves open (`PG*` variables,
/// service file, .pgpass) libpq fills in itself.
/// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS
class ConnectTarget {
 public:
    /// Adds what the engine relies on: UTF-8, UTC, `jit=off`, an application name, keepalives by which both
    /// sides notice a half-open link within 6 s. A setting that the user gave stays, but for encoding and time zone.
    ///
    /// Errors: invalid_argument  libpq does not understand the URL.
    explicit ConnectTarget(const Config& config);

    /// As PQconnectStartParams takes them, ended by null pointers. Valid as long as this object.
    [[nodiscard]] std::vector<const char*> keywords() const;
    [[nodiscard]] std::vector<const char*> values() const;

    /// This target for each of its hosts alone, in the order in which they are to be tried; of a target with one host, and where
    /// libpq itself finds the hosts (`PGHOST`, service file), a copy.
    [[nodiscard]] std::vector<ConnectTarget> each_host() const;

    /// The name that has to be looked up, of a target with one host; empty: there is none (a socket's folder, an address that is
    /// given beside the name), or libpq may find host or address elsewhere (`PG*` variables, service file).
    [[nodiscard]] std::string name() const;
    /// This target at one of the name's addresses. Certificates and .pgpass are looked at by the name still.
    [[nodiscard]] ConnectTarget at(const std::string& address) const;

    /// The database as it may be shown.
    [[nodiscard]] const std::string& shown() const noexcept { return shown_; }
    /// A text of libpq with the password, should it ever stand in it, as `***`.
    [[nodiscard]] std::string scrubbed(std::string_view text) const;

 private:
    void parse(const std::string& conninfo);
    void set(std::string_view keyword, std::string value);
    void set_default(std::string_view keyword, std::string value);
    [[nodiscard]] std::string* find(std::string_view keyword);
    [[nodiscard]] std::string_view value_of(std::string_view keyword) const;

    std::vector<std::pair<std::string, std::string>> settings_;
    std::string shown_;
};

}  // namespace marketdb::storage::postgres
