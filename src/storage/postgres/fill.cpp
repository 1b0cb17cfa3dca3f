#include "storage/postgres/fill.hpp"

#include <algorithm>

namespace marketdb::storage::postgres {
namespace {

/// The placeholder with which the text begins; null if it begins with none.
const Placeholder* first_of(std::string_view text, std::span<const Placeholder> placeholders) {
    const auto begins_text = [text](const Placeholder& one) {
        const std::string_view rest = text.substr(1);
        return rest.starts_with(one.name) && rest.substr(one.name.size()).starts_with('}');
    };
    const auto found = std::find_if(placeholders.begin(), placeholders.end(), begins_text);
    return found == placeholders.end() ? nullptr : &*found;
}

}  // namespace

std::string fill(std::string_view text, std::span<const Placeholder> placeholders) {
    std::string filled;
    for (std::size_t brace = text.find('{'); brace != std::string_view::npos; brace = text.find('{')) {
        filled += text.substr(0, brace);
        text.remove_prefix(brace);
        const Placeholder* placeholder = first_of(text, placeholders);
        filled += placeholder == nullptr ? std::string_view("{") : std::string_view(placeholder->value);
        text.remove_prefix(placeholder == nullptr ? 1 : placeholder->name.size() + 2);
    }
    return filled += text;
}

}  // namespace marketdb::storage::postgres
