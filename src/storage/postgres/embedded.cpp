#include "storage/postgres/embedded.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::storage::postgres {

std::string_view embedded_text(std::string_view name) {
    const auto files = embedded_files();
    const auto is_it = [name](const EmbeddedFile& file) { return file.name == name; };
    const auto found = std::find_if(files.begin(), files.end(), is_it);
    if (found != files.end()) return found->text;
    throw Error(ErrorCode::internal, fmt::format("this program was built without the file {}", name));
}

}  // namespace marketdb::storage::postgres
