#include "support/postgres_endpoint.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "support/postgres_session.hpp"
#include "support/server_program.hpp"

namespace marketdb::testing {
namespace {

std::string with_parameters(std::string url, const std::string& parameters) {
    if (parameters.empty()) return url;
    url += url.find('?') == std::string::npos ? '?' : '&';
    return url + parameters;
}

}  // namespace

std::unique_ptr<PostgresEndpoint> PostgresEndpoint::read(const std::filesystem::path& file) {
    std::ifstream lines(file);
    std::string folder;
    Address address;
    if (!std::getline(lines, folder) || !(lines >> address.port >> address.password)) return nullptr;
    address.socket_folder = folder;
    auto endpoint = std::make_unique<PostgresEndpoint>(std::move(address));
    return endpoint->answers() ? std::move(endpoint) : nullptr;
}

void PostgresEndpoint::write(const std::filesystem::path& file) const {
    const std::string part = file.string() + ".part";
    const std::string text =
        address_.socket_folder.string() + "\n" + std::to_string(address_.port) + "\n" + address_.password + "\n";
    const int descriptor = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool is_written =
        descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(descriptor);
    if (!is_written) throw std::runtime_error("cannot write " + part);
    std::filesystem::rename(part, file);
}

std::string PostgresEndpoint::url(const std::string& parameters, std::string_view database) const {
    const std::string url = "postgresql://" + std::string(kTestRole) + "@/" + std::string(database) +
                            "?host=" + address_.socket_folder.string() + "&port=" + std::to_string(address_.port);
    return with_parameters(url, parameters);
}

std::string PostgresEndpoint::tcp_url(const std::string& parameters, std::string_view database) const {
    const std::string url = "postgresql://" + std::string(kTestRole) + ":" + address_.password +
                            "@127.0.0.1:" + std::to_string(address_.port) + "/" + std::string(database);
    return with_parameters(url, parameters);
}

std::string PostgresEndpoint::conninfo(std::string_view database, std::string_view role) const {
    return "host=" + address_.socket_folder.string() + " port=" + std::to_string(address_.port) +
           " dbname=" + std::string(database) + " user=" + std::string(role) + " connect_timeout=10";
}

bool PostgresEndpoint::answers() const { return PQping(conninfo("postgres").c_str()) == PQPING_OK; }

void PostgresEndpoint::run_sql(std::string_view database, const std::string& sql) const {
    PostgresSession(conninfo(database)).run(sql);
}

std::vector<std::string> PostgresEndpoint::query(std::string_view database, const std::string& sql) const {
    return PostgresSession(conninfo(database)).rows(sql);
}

std::string PostgresEndpoint::psql(std::string_view database, const std::string& sql) const {
    ServerProgram program;
    program.arguments = {postgres_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
                         conninfo(database),       "-c",    sql};
    program.folder = "/";
    return run_program(program);
}

std::vector<pid_t> PostgresEndpoint::backend_pids(const std::string& application) const {
    std::vector<pid_t> pids;
    for (const std::string& pid :
         query("postgres",
               "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
               "AND application_name LIKE " +
                   quoted_text(application) + " ORDER BY pid")) {
        pids.push_back(std::stoi(pid));
    }
    return pids;
}

}  // namespace marketdb::testing
