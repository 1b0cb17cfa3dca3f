#include "env_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_name(std::string_view text) {
    const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !text.empty() && !is_digit(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return is_letter(c) || is_digit(c); });
}

std::string_view value_of(std::string_view text) {
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) {
        return text.substr(1, text.size() - 2);
    }
    return trimmed(text.substr(0, text.find(" #")));
}

}  // namespace

void set_environment_from(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string text;
    for (int number = 1; std::getline(stream, text); ++number) {
        std::string_view line = trimmed(text);
        if (line.empty() || line.front() == '#') continue;
        if (line.starts_with("export ")) line = trimmed(line.substr(7));
        const std::size_t equals = line.find('=');
        const std::string name(trimmed(line.substr(0, equals)));
        if (equals == std::string_view::npos || !is_name(name)) {
            throw UsageError(fmt::format("--env-file {}:{}: expected NAME=VALUE", file.string(), number));
        }
        ::setenv(name.c_str(), std::string(value_of(trimmed(line.substr(equals + 1)))).c_str(), /*overwrite=*/0);
    }
    if (!stream.eof()) throw UsageError(fmt::format("--env-file {}: cannot be read", file.string()));
}

}  // namespace marketdb::cli
