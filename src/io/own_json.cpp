#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>

#include <array>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/own_row.hpp"

namespace marketdb::io {
namespace {

/// A member of the object; its texts are parts of the handler's text.
struct Member {
    std::size_t key_begin = 0;
    std::size_t key_end = 0;
    std::size_t value_end = 0;  ///< The value begins at key_end.
    Cell::Type type = Cell::Type::absent;
};

/// Collects the members of one flat object. Numbers stay text: Boost.JSON 1.81 rounds some wrongly in the last bit.
struct FlatObjectHandler {
    using ErrorCode = boost::system::error_code;
    // NOLINTBEGIN(readability-identifier-naming): the names that basic_parser asks for.
    static constexpr std::size_t max_object_size = Columns::kMaxColumns;
    static constexpr std::size_t max_array_size = 0;
    static constexpr std::size_t max_key_size = 64;
    static constexpr std::size_t max_string_size = std::size_t{1} << 20;
    // NOLINTEND(readability-identifier-naming)

    std::string text;
    std::vector<Member> members;
    bool inside = false;
    bool in_key = false;
    std::string_view problem;

    void clear() {
        text.clear();
        members.clear();
        inside = in_key = false;
        problem = {};
    }
    bool refuse(std::string_view reason, ErrorCode& error) {
        problem = reason;
        error = boost::json::error::not_object;
        return false;
    }
    void begin_key() {
        if (!in_key) members.push_back({text.size(), 0, 0, Cell::Type::absent});
        in_key = true;
    }
    bool append(std::string_view part) {
        text += part;
        return true;
    }
    bool finish(Cell::Type type, std::string_view part, ErrorCode& error) {
        if (!inside) return refuse("it is no object", error);
        text += part;
        members.back().value_end = text.size();
        members.back().type = type;
        return true;
    }

    bool on_document_begin(ErrorCode&) { return true; }
    bool on_document_end(ErrorCode&) { return true; }
    bool on_object_begin(ErrorCode& error) {
        if (inside) return refuse("it holds an object", error);
        return inside = true;
    }
    bool on_object_end(std::size_t, ErrorCode&) { return true; }
    bool on_array_begin(ErrorCode& error) { return refuse(inside ? "it holds an array" : "it is an array", error); }
    bool on_array_end(std::size_t, ErrorCode&) { return true; }
    bool on_key_part(std::string_view part, std::size_t, ErrorCode&) {
        begin_key();
        return append(part);
    }
    bool on_key(std::string_view part, std::size_t, ErrorCode&) {
        begin_key();
        text += part;
        members.back().key_end = text.size();
        in_key = false;
        return true;
    }
    bool on_string_part(std::string_view part, std::size_t, ErrorCode&) { return append(part); }
    bool on_string(std::string_view part, std::size_t, ErrorCode& error) {
        return finish(Cell::Type::text, part, error);
    }
    bool on_number_part(std::string_view part, ErrorCode&) { return append(part); }
    bool on_int64(std::int64_t, std::string_view part, ErrorCode& error) {
        return finish(Cell::Type::number, part, error);
    }
    bool on_uint64(std::uint64_t, std::string_view part, ErrorCode& error) {
        return finish(Cell::Type::number, part, error);
    }
    bool on_double(double, std::string_view part, ErrorCode& error) { return finish(Cell::Type::number, part, error); }
    bool on_bool(bool value, ErrorCode& error) { return finish(Cell::Type::boolean, value ? "true" : "false", error); }
    bool on_null(ErrorCode& error) { return finish(Cell::Type::absent, {}, error); }
    bool on_comment_part(std::string_view, ErrorCode&) { return true; }
    bool on_comment(std::string_view, ErrorCode&) { return true; }
};

class ObjectReader {
 public:
    /// Errors: invalid_argument  no JSON object, or a nested one.
    void read(std::string_view record) {
        parser_.reset();
        parser_.handler().clear();
        boost::system::error_code error;
        const std::size_t used = parser_.write_some(false, record.data(), record.size(), error);
        if (!error && used == record.size()) return;
        const std::string_view problem = parser_.handler().problem;
        throw Error(ErrorCode::invalid_argument, problem.empty()
                                                     ? fmt::format("the line is no JSON object: {} at byte {}",
                                                                   error ? error.message() : "more text", used)
                                                     : fmt::format("the line is no flat JSON object: {}", problem));
    }
    [[nodiscard]] const std::vector<Member>& members() const noexcept { return parser_.handler().members; }
    [[nodiscard]] std::string_view key(const Member& member) const noexcept {
        return std::string_view(parser_.handler().text).substr(member.key_begin, member.key_end - member.key_begin);
    }
    [[nodiscard]] std::string_view value(const Member& member) const noexcept {
        return std::string_view(parser_.handler().text).substr(member.key_end, member.value_end - member.key_end);
    }

 private:
    boost::json::basic_parser<FlatObjectHandler> parser_{boost::json::parse_options{}};
};

template <class Row>
class OwnJson final : public RowFormat<Row> {
 public:
    OwnJson(const Layout& layout, FileContext& context) : layout_(layout), own_row_(layout, context) {}

    bool read(std::string_view record, Row& row) override {
        object_.read(record);
        const auto cells = std::span<Cell>(cells_).first(layout_.columns.size());
        std::fill(cells.begin(), cells.end(), Cell{});
        std::array<bool, Columns::kMaxColumns> seen{};
        std::size_t guess = 0;
        for (const Member& member : object_.members()) {
            const std::size_t place = place_of(object_.key(member), guess);
            if (seen[place]) refuse("doubled", object_.key(member));
            seen[place] = true;
            cells[place] = {member.type, object_.value(member)};
            guess = place + 1;
        }
        own_row_.fill(std::span<const Cell>(cells), row);
        return true;
    }

 private:
    /// Keys mostly come in the layout's order.
    std::size_t place_of(std::string_view key, std::size_t guess) const {
        const auto& columns = layout_.columns;
        for (std::size_t step = 0; step < columns.size(); ++step) {
            const std::size_t place = (guess + step) % columns.size();
            if (columns[place].name == key) return place;
        }
        refuse("unknown", key);
    }
    [[noreturn]] void refuse(std::string_view what, std::string_view key) const {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{} column `{}` in a row of {}", what, core::printable(key), layout_.name));
    }

    const Layout& layout_;
    ObjectReader object_;
    std::array<Cell, Columns::kMaxColumns> cells_{};
    OwnRow own_row_;
};

}  // namespace

std::vector<std::string> json_keys(std::string_view record) {
    ObjectReader object;
    object.read(record);
    std::vector<std::string> keys;
    for (const Member& member : object.members()) keys.emplace_back(object.key(member));
    return keys;
}

template <class Row>
std::unique_ptr<RowFormat<Row>> own_json(const Layout& layout, FileContext& context) {
    return std::make_unique<OwnJson<Row>>(layout, context);
}

template std::unique_ptr<RowFormat<BookTicker>> own_json(const Layout&, FileContext&);
template std::unique_ptr<RowFormat<Trade>> own_json(const Layout&, FileContext&);
template std::unique_ptr<RowFormat<FundingRate>> own_json(const Layout&, FileContext&);
template std::unique_ptr<RowFormat<Balance>> own_json(const Layout&, FileContext&);

}  // namespace marketdb::io
