#include <marketdb/format.hpp>

#include <fmt/format.h>

#include "core/text.hpp"

namespace marketdb {
namespace {

/// Bytes of the longest well-formed UTF-8 character at the start of the text; 0 if there is none.
std::size_t character_length(std::string_view text) noexcept {
    for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
        if (text[0] != '\0' && core::is_clean_utf8(text.substr(0, length))) return length;
    }
    return 0;
}

void append_escape(std::string& out, char c) {
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    }
}

bool is_plain(char c) noexcept {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        std::size_t length = 1;
        if (is_plain(text[0])) {
            out += text[0];
        } else if (static_cast<unsigned char>(text[0]) < 0x80) {
            append_escape(out, text[0]);
        } else if (const std::size_t character = character_length(text); character > 0) {
            out += text.substr(0, character);
            length = character;
        } else {
            out += "\xEF\xBF\xBD";
        }
        text.remove_prefix(length);
    }
    out += '"';
}

void append_csv_field(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace marketdb
