#include "transfer/source_record.hpp"

#include "core/text.hpp"

#include <cstddef>

namespace marketdb::transfer {
namespace {

/// The beginning of a UTF-8 text that fits.
template <std::size_t Capacity>
[[nodiscard]] InlineString<Capacity> cut(std::string_view text) noexcept {
    if (text.size() <= Capacity) return text;
    const auto is_continuation = [&](std::size_t at) {
        return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
    };
    std::size_t length = Capacity;
    while (length > 0 && is_continuation(length)) --length;
    return text.substr(0, length);
}

}  // namespace

Source make_import_source(const std::filesystem::path& file, const std::string& sha256) {
    Source source;
    source.kind = kImportKind;
    // A name need not be text; what is shown of it is.
    source.name = cut<254>(core::printable(file.filename().string(), 254));
    source.sha256 = sha256;
    return source;
}

Source make_copy_source(std::string_view url) {
    Source source;
    source.kind = kCopyKind;
    source.name = cut<254>(core::printable(url, 254));
    return source;
}

QuarantinedRow make_quarantined_row(SourceId source, std::string_view dataset, const io::RowError& error) {
    QuarantinedRow row;
    row.source_id = source;
    row.line = error.line;
    row.dataset = dataset;
    row.reason = cut<254>(error.reason);
    row.text = cut<510>(error.text);
    return row;
}

}  // namespace marketdb::transfer
