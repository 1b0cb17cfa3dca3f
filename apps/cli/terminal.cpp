#include "terminal.hpp"

#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace marketdb::cli {
namespace {

constexpr std::size_t kUsualColumns = 80;
constexpr char32_t kInvalid = 0xFFFD;

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : std::string_view(value);
}

bool is_utf8_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const std::string_view value = environment(name);
        if (value.empty()) continue;
        for (const std::string_view spelling : {"UTF-8", "utf-8", "UTF8", "utf8"}) {
            if (value.find(spelling) != std::string_view::npos) return true;
        }
        return false;
    }
    return false;
}

std::size_t columns_of(int descriptor) {
    winsize size{};
    if (::isatty(descriptor) == 0) return 0;
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return kUsualColumns;
}

/// Takes one code point off the front; invalid bytes come one by one as U+FFFD.
char32_t take_code_point(std::string_view& text) noexcept {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (length == 1 || first < 0xC2 || first > 0xF4 || text.size() < length) {
        text.remove_prefix(1);
        return first < 0x80 ? first : kInvalid;
    }
    char32_t point = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xC0U) != 0x80U) {
            text.remove_prefix(1);
            return kInvalid;
        }
        point = (point << 6U) | (byte & 0x3FU);
    }
    text.remove_prefix(length);
    return point;
}

/// The ranges of Unicode's EastAsianWidth.txt that are wide, coarsely; combining marks take no column.
std::size_t width_of(char32_t point) noexcept {
    if (point >= 0x300 && point <= 0x36F) return 0;
    const bool wide = (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xA4CF) ||
                      (point >= 0xAC00 && point <= 0xD7A3) || (point >= 0xF900 && point <= 0xFAFF) ||
                      (point >= 0xFE30 && point <= 0xFE6F) || (point >= 0xFF00 && point <= 0xFF60) ||
                      (point >= 0x1F300 && point <= 0x1FAFF) || (point >= 0x20000 && point <= 0x3FFFD);
    return wide ? 2 : 1;
}

}  // namespace

const Terminal& terminal() {
    static const Terminal instance = [] {
        Terminal found;
        found.columns = columns_of(STDOUT_FILENO);
        found.error_columns = columns_of(STDERR_FILENO);
        found.output_is_terminal = found.columns > 0;
        found.error_is_terminal = found.error_columns > 0;
        found.utf8 = is_utf8_locale();
        found.color = found.error_is_terminal && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
        return found;
    }();
    return instance;
}

void guard_standard_streams() {
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(descriptor, F_GETFD) >= 0) continue;
        // So that reading a closed standard input and writing to a closed standard output are still errors. The lowest
        // free number is this one.
        const int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        [[maybe_unused]] const int opened = ::open("/dev/null", mode);
    }
}

std::size_t display_width(std::string_view text) noexcept {
    std::size_t width = 0;
    while (!text.empty()) width += width_of(take_code_point(text));
    return width;
}

std::string_view cut_to_width(std::string_view text, std::size_t columns) noexcept {
    std::string_view rest = text;
    std::size_t width = 0;
    while (!rest.empty()) {
        const std::string_view before = rest;
        width += width_of(take_code_point(rest));
        if (width > columns) return text.substr(0, text.size() - before.size());
    }
    return text;
}

std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const std::string_view before = text;
        const char32_t point = take_code_point(text);
        const bool is_control = point < 0x20 || (point >= 0x7F && point < 0xA0);
        const bool is_direction = (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
        if (is_control || is_direction || point == kInvalid) {
            shown += '?';
        } else {
            shown += before.substr(0, before.size() - text.size());
        }
    }
    return shown;
}

std::string with_commas(std::uint64_t number) {
    std::string digits = fmt::format("{}", number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return digits;
}

std::string counted(std::uint64_t number, std::string_view thing) {
    return fmt::format("{} {}{}", with_commas(number), thing, number == 1 ? "" : "s");
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    auto amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
        amount /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

}  // namespace marketdb::cli
