#include "storage/postgres/connect_target.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/environment.hpp"
#include "core/text.hpp"
#include "storage/postgres/link.hpp"

namespace marketdb::storage::postgres {
namespace {

/// Session settings that travel with the start-up packet, so that they cost no round trip.
std::string session_options(const Config& config) {
    // The server, too, notices a link that is half open, and lets go of the rows that its transaction had locked.
    std::string options =
        "-c jit=off -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3 -c "
        "tcp_user_timeout=6000";
    if (config.command_timeout.count() > 0) {
        options += fmt::format(" -c statement_timeout={}",
                               std::chrono::ceil<std::chrono::milliseconds>(config.command_timeout).count());
    }
    if (config.open_mode == OpenMode::read_only) options += " -c default_transaction_read_only=on";
    return options;
}

/// The parts of `a,,c`; none of an empty text.
std::vector<std::string> parts_of(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty() || !parts.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        parts.emplace_back(list.substr(0, end));
        if (end == list.size()) break;
        list.remove_prefix(end + 1);
    }
    return parts;
}

bool is_set(const char* variable) { return !core::environment_variable(variable).value_or("").empty(); }

}  // namespace

ConnectTarget::ConnectTarget(const Config& config) : shown_(config.redacted_url()) {
    const PostgresConfig& postgres = config.postgres;
    if (!postgres.conninfo.empty()) {
        parse(postgres.conninfo);
    } else {
        if (!postgres.host.empty()) set("host", postgres.host);
        if (postgres.port != 0) set("port", fmt::format("{}", postgres.port));
        if (!postgres.database.empty()) set("dbname", postgres.database);
        if (!postgres.username.empty()) set("user", postgres.username);
        if (!postgres.password.empty()) set("password", postgres.password);
    }
    set("client_encoding", "UTF8");
    set_default("fallback_application_name", fmt::format("marketdb/{}", version()));
    // Unacknowledged data: tcp_user_timeout; nothing in flight: 2 + 3 * 1 s.
    set_default("keepalives_idle", "2");
    set_default("keepalives_interval", "1");
    set_default("keepalives_count", "3");
    set_default("tcp_user_timeout", "4000");
    // A pooler between refuses settings at start-up; there they go with each transaction.
    if (!postgres.transaction_pooler) {
        const std::string* given = find("options");
        const std::string users = given == nullptr ? std::string() : " " + *given;
        set("options", session_options(config) + users + " -c TimeZone=UTC");
    }
    const std::string* hosts = find("host");
    const bool several = hosts != nullptr && hosts->find(',') != std::string::npos;
    if (several && config.open_mode != OpenMode::read_only) set_default("target_session_attrs", "read-write");
}

void ConnectTarget::parse(const std::string& conninfo) {
    char* words = nullptr;
    const ConnectOptions options(PQconninfoParse(conninfo.c_str(), &words));
    if (options == nullptr) {
        // The parser's words may quote the URL, and so a password.
        PQfreemem(words);
        throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is not understood by libpq", shown_));
    }
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) set(option->keyword, option->val);
    }
    for (const std::string& host : parts_of(value_of("host"))) {
        // Only a socket of the abstract namespace begins with one.
        if (host.find('@', 1) == std::string::npos) continue;
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("'{}': an @ within a host; of a user or password expected %40 for it", shown_));
    }
}

std::string* ConnectTarget::find(std::string_view keyword) {
    const auto found =
        std::find_if(settings_.begin(), settings_.end(), [&](const auto& setting) { return setting.first == keyword; });
    return found == settings_.end() ? nullptr : &found->second;
}

std::string_view ConnectTarget::value_of(std::string_view keyword) const {
    const auto found =
        std::find_if(settings_.begin(), settings_.end(), [&](const auto& setting) { return setting.first == keyword; });
    return found == settings_.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<ConnectTarget> ConnectTarget::each_host() const {
    const std::vector<std::string> names = parts_of(value_of("host"));
    const std::vector<std::string> addresses = parts_of(value_of("hostaddr"));
    const std::vector<std::string> ports = parts_of(value_of("port"));
    const std::size_t count = std::max(names.size(), addresses.size());
    const auto fits = [count](const std::vector<std::string>& list) { return list.empty() || list.size() == count; };
    // Of lists that do not match libpq itself has to complain.
    if (count < 2 || !fits(names) || !fits(addresses) || (ports.size() != 1 && !fits(ports))) return {*this};
    std::vector<ConnectTarget> all;
    const bool prefers_standby = value_of("target_session_attrs") == "prefer-standby";
    for (int round = 0; round < (prefers_standby ? 2 : 1); ++round) {
        for (std::size_t i = 0; i < count; ++i) {
            ConnectTarget one = *this;
            if (!names.empty()) one.set("host", names[i]);
            if (!addresses.empty()) one.set("hostaddr", addresses[i]);
            if (ports.size() > 1) one.set("port", ports[i]);
            if (prefers_standby) one.set("target_session_attrs", round == 0 ? "standby" : "any");
            all.push_back(std::move(one));
        }
    }
    return all;
}

std::string ConnectTarget::name() const {
    const std::string_view host = value_of("host");
    const bool is_folder = host.starts_with('/') || host.starts_with('@');
    if (is_folder || host.find(',') != std::string_view::npos) return {};
    const bool may_have_address =
        !value_of("hostaddr").empty() || !value_of("service").empty() || is_set("PGHOSTADDR") || is_set("PGSERVICE");
    return may_have_address ? std::string() : std::string(host);
}

ConnectTarget ConnectTarget::at(const std::string& address) const {
    ConnectTarget one = *this;
    one.set("hostaddr", address);
    return one;
}

void ConnectTarget::set(std::string_view keyword, std::string value) {
    if (std::string* present = find(keyword)) {
        *present = std::move(value);
    } else {
        settings_.emplace_back(keyword, std::move(value));
    }
}

void ConnectTarget::set_default(std::string_view keyword, std::string value) {
    if (find(keyword) == nullptr) set(keyword, std::move(value));
}

std::vector<const char*> ConnectTarget::keywords() const {
    std::vector<const char*> all;
    for (const auto& [keyword, value] : settings_) all.push_back(keyword.c_str());
    all.push_back(nullptr);
    return all;
}

std::vector<const char*> ConnectTarget::values() const {
    std::vector<const char*> all;
    for (const auto& [keyword, value] : settings_) all.push_back(value.c_str());
    all.push_back(nullptr);
    return all;
}

std::string ConnectTarget::scrubbed(std::string_view text) const {
    // libpq's words for a person at a terminal come in lines.
    std::string shown;
    for (const char c : text) {
        const bool is_space = c == '\n' || c == '\t' || c == ' ';
        if (!is_space) shown += c;
        if (is_space && !shown.empty() && shown.back() != ' ') shown += ' ';
    }
    while (!shown.empty() && shown.back() == ' ') shown.pop_back();
    for (const auto& [keyword, value] : settings_) {
        if (value.empty() || (keyword != "password" && keyword != "sslpassword")) continue;
        for (std::size_t at = shown.find(value); at != std::string::npos; at = shown.find(value, at + 3)) {
            shown.replace(at, value.size(), "***");
        }
    }
    return core::printable(shown, 4096);
}

}  // namespace marketdb::storage::postgres
