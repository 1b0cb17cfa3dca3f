#include "io/listing.hpp"

#include <array>
#include <unordered_set>
#include <utility>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/listing_entry.hpp"
#include "storage/table.hpp"

namespace marketdb::io {
namespace {

namespace json = boost::json;
using json::object;
using json::value;

[[noreturn]] void refuse(const std::string& reason) {
    throw Error(ErrorCode::invalid_argument, "the listing " + reason);
}

/// The entries of a listing, and what its frame says.
struct Frame {
    const json::array* entries = nullptr;
    const object* around = nullptr;  ///< What holds them; null: nothing does.
};

Frame frame_of(const value& root) {
    if (const json::array* entries = root.if_array()) return {entries, nullptr};
    const object* whole = root.if_object();
    if (whole == nullptr) return {};
    const object& result = part_of(*whole, "result");
    const std::array<std::pair<const object*, std::string_view>, 3> places{
        {{whole, "symbols"}, {&result, "list"}, {whole, "data"}}};
    for (const auto& [holder, name] : places) {
        const value* found = holder->if_contains(name);
        if (found != nullptr && found->is_array()) return {&found->get_array(), holder};
    }
    return {};
}

/// How a listing of an exchange looks, and how an entry of it is read.
struct Shape {
    std::string_view exchange;
    bool (*fits)(const Frame& frame, const object& first);
    Symbol (*read)(const object& entry);
};

bool has(const object& entry, std::string_view name) { return entry.if_contains(name) != nullptr; }

bool is_mexc_status(std::string_view status) noexcept {
    const bool is_number = !status.empty() && status.find_first_not_of("0123456789") == std::string_view::npos;
    return status == "ENABLED" || status == "DISABLED" || is_number;
}

/// MEXC took over the shape of Binance, but not the words.
bool is_of_binance_spot(const Frame& frame, const object& first) {
    return frame.around != nullptr && has(first, "baseAsset") && !has(first, "contractType") &&
           !has(first, "contractSize");
}

constexpr std::array<Shape, 9> kShapes{{
    {"BINANCE_SPOT",
     [](const Frame& frame, const object& first) {
         return is_of_binance_spot(frame, first) && !is_mexc_status(text_of(first, "status"));
     },
     read_binance_spot},
    {"MEXC_SPOT",
     [](const Frame& frame, const object& first) {
         return is_of_binance_spot(frame, first) && is_mexc_status(text_of(first, "status"));
     },
     read_mexc_spot},
    {"BINANCE_FUTURES",
     [](const Frame&, const object& first) {
         return has(first, "baseAsset") && has(first, "contractType") && !has(first, "contractSize");
     },
     read_binance_futures},
    {"GATEIO_SPOT", [](const Frame&, const object& first) { return has(first, "trade_status"); }, read_gateio_spot},
    {"GATEIO_FUTURES", [](const Frame&, const object& first) { return has(first, "quanto_multiplier"); },
     read_gateio_futures},
    {"BYBIT_SPOT",
     [](const Frame& frame, const object&) {
         return frame.around != nullptr && text_of(*frame.around, "category") == "spot";
     },
     read_bybit_spot},
    {"BYBIT_FUTURES",
     [](const Frame& frame, const object&) {
         const std::string_view category =
             frame.around == nullptr ? std::string_view() : text_of(*frame.around, "category");
         return category == "linear" || category == "inverse";
     },
     read_bybit_futures},
    {"OKX_SPOT", [](const Frame&, const object& first) { return text_of(first, "instType") == "SPOT"; }, read_okx_spot},
    {"OKX_FUTURES",
     [](const Frame&, const object& first) {
         const std::string_view type = text_of(first, "instType");
         return type == "SWAP" || type == "FUTURES";
     },
     read_okx_futures},
}};

std::string known_exchanges() {
    std::string names;
    for (const Shape& shape : kShapes) names += (names.empty() ? "" : ", ") + std::string(shape.exchange);
    return names;
}

const Shape& shape_for(std::string_view exchange, const Frame& frame, const object& first) {
    const Shape* wanted = nullptr;
    const Shape* found = nullptr;
    for (const Shape& shape : kShapes) {
        if (shape.exchange == exchange) wanted = &shape;
        if (shape.fits(frame, first)) found = &shape;
    }
    if (wanted == nullptr) {
        throw Error(ErrorCode::invalid_argument, fmt::format("listings of {} cannot be read; those of these can: {}",
                                                             core::printable(exchange), known_exchanges()));
    }
    if (found == nullptr) refuse(fmt::format("has not the shape of one of {}", exchange));
    if (found != wanted) refuse(fmt::format("is one of {}, not of {}", found->exchange, exchange));
    return *wanted;
}

ListingScope scope_of(std::string_view exchange, const Frame& frame, const object& first) {
    if (exchange == "BYBIT_FUTURES") {
        return text_of(*frame.around, "category") == "linear" ? ListingScope::linear : ListingScope::inverse;
    }
    if (exchange != "OKX_FUTURES") return ListingScope::all;
    return text_of(first, "instType") == "SWAP" ? ListingScope::swaps : ListingScope::dated;
}

value parse(std::string_view text) {
    boost::system::error_code error;
    json::stream_parser parser;
    parser.write(text.data(), text.size(), error);
    if (!error) parser.finish(error);
    const bool is_empty = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (error == json::error::incomplete) refuse(is_empty ? "is empty" : "ends in the middle; it was cut off");
    if (error) refuse("is no JSON: " + error.message());
    return parser.release();
}

/// Answers that are errors come in the frame of a listing.
void refuse_error_answer(const value& root) {
    const object* whole = root.if_object();
    if (whole == nullptr) return;
    const double bybit = number_of(*whole, "retCode");
    const double okx = number_of(*whole, "code");
    const bool is_error = (is_present(bybit) && bybit != 0) || (is_present(okx) && okx != 0);
    if (!is_error) return;
    const std::string_view said = text_of(*whole, has(*whole, "retMsg") ? "retMsg" : "msg");
    refuse(fmt::format("is an error that the exchange answered: {}", core::printable(said)));
}

void refuse_part(const Frame& frame) {
    if (frame.around == nullptr) return;
    const std::string_view cursor = text_of(*frame.around, "nextPageCursor");
    if (cursor.empty()) return;
    refuse(fmt::format("is not the whole: its nextPageCursor `{}` says that more instruments are on another page",
                       core::printable(cursor, 40)));
}

ListedSymbol listed(const Shape& shape, const object& entry) {
    ListedSymbol one;
    one.symbol = shape.read(entry);
    Symbol& symbol = one.symbol;
    if (symbol.contract_type == ContractType::dated && !is_present(symbol.expires_at)) {
        one.problem = "it says neither that it is perpetual nor when it expires";
        return one;
    }
    const auto problem = storage::prepare_row(storage::table_of<Symbol>(), reinterpret_cast<std::byte*>(&symbol));
    if (problem) one.problem = fmt::format("column {}: {}", problem->column, problem->reason);
    return one;
}

}  // namespace

Listing read_listing(std::string_view exchange, std::string_view text) {
    const value root = parse(text);
    refuse_error_answer(root);
    const Frame frame = frame_of(root);
    if (frame.entries == nullptr) refuse(fmt::format("has not the shape of one of {}", exchange));
    if (frame.entries->empty()) refuse("has no instrument");
    const object* first = frame.entries->front().if_object();
    if (first == nullptr) refuse(fmt::format("has not the shape of one of {}", exchange));
    const Shape& shape = shape_for(exchange, frame, *first);
    refuse_part(frame);

    Listing listing;
    listing.scope = scope_of(exchange, frame, *first);
    std::unordered_set<std::string> spellings;
    for (const value& entry : *frame.entries) {
        const object* one = entry.if_object();
        if (one == nullptr || !shape.fits(frame, *one)) {
            refuse(
                fmt::format("has an entry that is none of {}: entry {}", exchange, &entry - frame.entries->data() + 1));
        }
        ListedSymbol symbol = listed(shape, *one);
        if (!spellings.insert(symbol.symbol.exchange_symbol.str()).second) {
            ++listing.repeated;
            continue;
        }
        listing.symbols.push_back(std::move(symbol));
    }
    return listing;
}

bool covers(ListingScope scope, const Symbol& symbol) noexcept {
    // A contract of which nobody knows in what it is settled is taken for what its quote says.
    const bool is_inverse =
        symbol.contract_type == ContractType::inverse ||
        (symbol.settle_asset.empty() ? symbol.symbol_quote == "USD" : symbol.settle_asset == symbol.symbol_base);
    switch (scope) {
        case ListingScope::all: return true;
        case ListingScope::linear: return !is_inverse;
        case ListingScope::inverse: return is_inverse;
        case ListingScope::swaps: return symbol.contract_type != ContractType::dated;
        case ListingScope::dated: return symbol.contract_type == ContractType::dated;
    }
    return true;
}

}  // namespace marketdb::io
