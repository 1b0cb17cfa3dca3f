#include "core/environment.hpp"

#include <algorithm>
#include <cstdlib>

namespace marketdb::core {
namespace {

bool is_variable_name(std::string_view name) noexcept {
    const auto is_name_character = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !name.empty() && (name.front() < '0' || name.front() > '9') &&
           std::all_of(name.begin(), name.end(), is_name_character);
}

/// Appends what `NAME`, `NAME:default` or `NAME:-default` gives.
void append_variable(Expanded& expanded, std::string_view form) {
    const std::size_t colon = form.find(':');
    const std::string name(form.substr(0, colon));
    const bool has_default = colon != std::string_view::npos;
    const bool dash = has_default && form.substr(colon + 1).starts_with('-');
    const auto value = environment_variable(name);

    expanded.variables.push_back(name);
    if (value && !(dash && value->empty())) {
        expanded.text += *value;
    } else if (has_default) {
        expanded.text += form.substr(colon + (dash ? 2 : 1));
        if (dash) expanded.dash_defaults.push_back(name);
    } else {
        expanded.unset.push_back(name);
    }
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
    const char* value =
        std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): a program reads its settings first.
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

Expanded expand_variables(std::string_view text) {
    Expanded expanded;
    while (!text.empty()) {
        const std::size_t start = std::min(text.find("${"), text.size());
        expanded.text += text.substr(0, start);
        text.remove_prefix(start);
        if (text.empty()) break;

        const std::size_t end = text.find('}');
        const std::string_view form = text.substr(2, end == std::string_view::npos ? 0 : end - 2);
        if (is_variable_name(form.substr(0, form.find(':')))) {
            append_variable(expanded, form);
            text.remove_prefix(end + 1);
        } else {
            expanded.text += "${";
            text.remove_prefix(2);
        }
    }
    return expanded;
}

}  // namespace marketdb::core
