#include "core/redact.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/text.hpp"

namespace marketdb::core {
namespace {

constexpr std::string_view kHidden = "***";

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Whether a name or a whole `name=value` speaks of a secret.
bool speaks_of_secret(std::string_view text) {
    constexpr std::array<std::string_view, 4> kWords{"pass", "pwd", "secret", "token"};
    const std::string lower = to_lower(percent_decoded(text));
    return std::any_of(kWords.begin(), kWords.end(),
                       [&lower](std::string_view word) { return lower.find(word) != std::string::npos; });
}

std::string redact_query(std::string_view query) {
    std::string shown;
    while (true) {
        const std::size_t end = query.find('&');
        const std::string_view parameter = query.substr(0, end);
        const std::size_t equals = parameter.find('=');
        if (!speaks_of_secret(parameter)) {
            shown += parameter;
        } else {
            if (equals != std::string_view::npos) shown.append(parameter.substr(0, equals)).append("=");
            shown += kHidden;
        }
        if (end == std::string_view::npos) return shown;
        shown += '&';
        query.remove_prefix(end + 1);
    }
}

/// Whether every host of `h1:5432,[::1]:5433` has a port of digits. If not, the text behind the colon may be a password.
bool is_plain_host_list(std::string_view hosts) noexcept {
    while (true) {
        const std::size_t end = hosts.find(',');
        const std::string_view host = hosts.substr(0, end);
        const std::size_t colon = host.rfind(':');
        const bool is_bracketed = !host.empty() && host.back() == ']';
        if (colon != std::string_view::npos && !is_bracketed &&
            host.find_first_not_of("0123456789", colon + 1) != std::string_view::npos) {
            return false;
        }
        if (end == std::string_view::npos) return true;
        hosts.remove_prefix(end + 1);
    }
}

/// `user:***@` of `user:password@`.
std::string redact_user(std::string_view user_and_password) {
    const std::size_t colon = user_and_password.find(':');
    const std::string_view user = user_and_password.substr(0, colon);
    if (percent_decoded(user).find(':') != std::string::npos) return std::string(kHidden) + "@";
    if (colon == std::string_view::npos) return std::string(user) + "@";
    return std::string(user) + ":" + std::string(kHidden) + "@";
}

std::string redact_url(std::string_view scheme, std::string_view rest) {
    const std::string start = std::string(scheme) + "://";
    const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
    const std::string_view authority = rest.substr(0, authority_end);
    const std::string_view tail = rest.substr(authority_end);

    // An @ in a second place means a password that was not percent-encoded, and nobody knows where it ends.
    const std::size_t at = authority.find('@');
    const bool at_again = at != std::string_view::npos && authority.find('@', at + 1) != std::string_view::npos;
    const std::string_view hosts = at == std::string_view::npos ? authority : authority.substr(at + 1);
    if (at_again || tail.find('@') != std::string_view::npos || !is_plain_host_list(hosts)) {
        return start + std::string(kHidden);
    }
    std::string shown = start;
    if (at != std::string_view::npos) shown += redact_user(authority.substr(0, at));
    shown += hosts;
    const std::size_t query = tail.find('?');
    shown += tail.substr(0, query);
    if (query != std::string_view::npos) shown += "?" + redact_query(tail.substr(query + 1));
    return shown;
}

/// One `name = value` or `name='va\'lue'` off the front of a libpq keyword string (manual, "Connection Strings").
struct Keyword {
    std::string_view name;
    std::string_view value;
};

std::string_view take_value(std::string_view& rest) {
    const bool quoted = !rest.empty() && rest.front() == '\'';
    std::size_t end = quoted ? 1 : 0;
    const char closing = quoted ? '\'' : ' ';
    while (end < rest.size() && rest[end] != closing) end += rest[end] == '\\' ? 2 : 1;
    end = std::min(end + (quoted ? 1 : 0), rest.size());
    const std::string_view value = rest.substr(0, end);
    rest.remove_prefix(end);
    return value;
}

void skip_blanks(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
}

std::optional<Keyword> take_keyword(std::string_view& rest) {
    const std::size_t name_end = rest.find_first_of("= \t\r\n");
    if (name_end == std::string_view::npos || name_end == 0) return std::nullopt;
    Keyword keyword{.name = rest.substr(0, name_end), .value = {}};
    rest.remove_prefix(name_end);
    skip_blanks(rest);
    if (rest.empty() || rest.front() != '=') return std::nullopt;
    rest.remove_prefix(1);
    skip_blanks(rest);
    keyword.value = take_value(rest);
    skip_blanks(rest);
    return keyword;
}

std::string redact_keywords(std::string_view text) {
    constexpr std::array<std::string_view, 8> kShown{"host", "hostaddr", "port",   "dbname",
                                                     "user", "sslmode",  "schema", "application_name"};
    std::string shown;
    skip_blanks(text);
    while (!text.empty()) {
        const auto keyword = take_keyword(text);
        if (!keyword) return std::string(kHidden);
        const bool known = std::find(kShown.begin(), kShown.end(), keyword->name) != kShown.end();
        if (!shown.empty()) shown += ' ';
        // A password that was not quoted may go on in what looks like the next keyword; only known names are shown.
        shown += known ? keyword->name : speaks_of_secret(keyword->name) ? "password" : kHidden;
        shown += '=';
        shown += known && !speaks_of_secret(keyword->value) ? keyword->value : kHidden;
    }
    return shown;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t index = 0; index < text.size(); ++index) {
        const bool escape = text[index] == '%' && index + 2 < text.size();
        const int high = escape ? hex_digit(text[index + 1]) : -1;
        const int low = escape ? hex_digit(text[index + 2]) : -1;
        if (high < 0 || low < 0) {
            decoded += text[index];
            continue;
        }
        decoded += static_cast<char>(high * 16 + low);
        index += 2;
    }
    return decoded;
}

std::string redact_target(std::string_view target) {
    constexpr std::size_t kLongest = 1000;
    const std::size_t scheme_end = target.find("://");
    if (scheme_end != std::string_view::npos && target.find_first_of("=@ ") > scheme_end) {
        return printable(redact_url(target.substr(0, scheme_end), target.substr(scheme_end + 3)), kLongest);
    }
    if (target.find('@') != std::string_view::npos) return std::string(kHidden);
    if (target.find('=') != std::string_view::npos) return printable(redact_keywords(target), kLongest);
    return speaks_of_secret(target) ? std::string(kHidden) : printable(target, kLongest);
}

}  // namespace marketdb::core
