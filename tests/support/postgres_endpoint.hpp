#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace marketdb::testing {

/// The database that every server has for tests, and the role, no superuser, that owns it.
inline constexpr std::string_view kTestDatabase = "marketdb_test";
inline constexpr std::string_view kTestRole = "marketdb";

/// Where a server listens, and what other programs do there. The socket is open to everybody who reaches its folder (which
/// is this user alone); TCP on 127.0.0.1 wants the password (scram-sha-256).
///
/// So that what relies on a comfortable default is noticed, the server's time zone is Asia/Kolkata and its databases sort
/// text as people do (ICU), not byte by byte.
///
/// Threads: any; each call has a connection of its own.
class PostgresEndpoint {
 public:
    struct Address {
        std::filesystem::path socket_folder;
        std::uint16_t port = 0;
        std::string password;  ///< Of `marketdb` and `postgres`.
    };

    explicit PostgresEndpoint(Address address) : address_(std::move(address)) {}
    virtual ~PostgresEndpoint() = default;
    PostgresEndpoint(const PostgresEndpoint&) = delete;
    PostgresEndpoint& operator=(const PostgresEndpoint&) = delete;

    /// The endpoint that a file names, if a server answers there; else null.
    [[nodiscard]] static std::unique_ptr<PostgresEndpoint> read(const std::filesystem::path& file);
    /// Makes such a file, readable by this user only, whole or not at all.
    void write(const std::filesystem::path& file) const;

    [[nodiscard]] const Address& address() const noexcept { return address_; }

    /// URLs for marketdb and for libpq. `parameters`: `schema=desk&connect_timeout=3`.
    [[nodiscard]] std::string url(const std::string& parameters = {}, std::string_view database = kTestDatabase) const;
    [[nodiscard]] std::string tcp_url(const std::string& parameters = {},
                                      std::string_view database = kTestDatabase) const;
    /// A keyword string for libpq over the socket; the superuser's unless another role is named.
    [[nodiscard]] std::string conninfo(std::string_view database = kTestDatabase,
                                       std::string_view role = "postgres") const;

    /// Whether it takes connections.
    [[nodiscard]] bool answers() const;

    // As the superuser.
    void run_sql(std::string_view database, const std::string& sql) const;
    /// All rows, the columns joined by `|`.
    [[nodiscard]] std::vector<std::string> query(std::string_view database, const std::string& sql) const;
    /// The same through the program psql: what somebody sees who has none of our code.
    [[nodiscard]] std::string psql(std::string_view database, const std::string& sql) const;

    /// The processes of other clients' connections. `application`: a pattern of LIKE for their application_name.
    [[nodiscard]] std::vector<pid_t> backend_pids(const std::string& application = "%") const;

 protected:
    void set_address(Address address) { address_ = std::move(address); }

 private:
    Address address_;
};

}  // namespace marketdb::testing
