#include "io/listing.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <unordered_set>
#include <utility>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/table.hpp"

namespace marketdb::io {
namespace {

namespace json = boost::json;
using json::object;
using json::value;

[[noreturn]] void refuse(const std::string& reason) {
    throw Error(ErrorCode::invalid_argument, "the listing " + reason);
}

// --- values ------------------------------------------------------------------------------------------------------------

/// The text of a member; empty if there is none or it is no text.
std::string_view text_of(const object& entry, std::string_view name) {
    const value* found = entry.if_contains(name);
    const json::string* text = found == nullptr ? nullptr : found->if_string();
    return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

/// A number, given as one or as text; absent if it is neither.
double number_of(const object& entry, std::string_view name) {
    const value* found = entry.if_contains(name);
    if (found == nullptr) return kNoNumber;
    if (const json::string* text = found->if_string()) {
        return core::parse_double(std::string_view(text->data(), text->size())).value_or(kNoNumber);
    }
    return found->is_number() ? found->to_number<double>() : kNoNumber;
}

/// The same, where 0 and less mean that the exchange does not say.
double positive(const object& entry, std::string_view name) {
    const double number = number_of(entry, name);
    return number > 0 ? number : kNoNumber;
}

/// A number of decimals; 0 if it is not there.
std::int32_t decimals_of(const object& entry, std::string_view name) {
    const double number = number_of(entry, name);
    return number >= 0 && number <= 30 ? static_cast<std::int32_t>(number) : 0;
}

/// The step of so many decimals: 0.001 of 3, with the bits of the number as it is written.
double step_of_decimals(const object& entry, std::string_view name) {
    if (!is_present(number_of(entry, name))) return kNoNumber;
    return core::parse_double(fmt::format("1e-{}", decimals_of(entry, name))).value_or(kNoNumber);
}

/// Milliseconds since 1970; absent if 0 or not there.
Timestamp time_of(const object& entry, std::string_view name) {
    constexpr double kYear2200 = 7'258'118'400'000;
    const double number = number_of(entry, name);
    if (!(number > 0 && number < kYear2200)) return kNoTime;
    return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
}

const object& part_of(const object& entry, std::string_view name) {
    static const object kNothing;
    const value* found = entry.if_contains(name);
    const object* part = found == nullptr ? nullptr : found->if_object();
    return part == nullptr ? kNothing : *part;
}

/// Of Binance's filters the one of a type.
const object& filter_of(const object& entry, std::string_view type) {
    static const object kNothing;
    const value* found = entry.if_contains("filters");
    const json::array* filters = found == nullptr ? nullptr : found->if_array();
    if (filters == nullptr) return kNothing;
    for (const value& filter : *filters) {
        const object* one = filter.if_object();
        if (one != nullptr && text_of(*one, "filterType") == type) return *one;
    }
    return kNothing;
}

// --- what the exchanges say ----------------------------------------------------------------------------------------------

Symbol spot(std::string_view spelling, std::string_view base, std::string_view quote) {
    Symbol symbol;
    symbol.symbol_type = MarketType::spot;
    symbol.contract_type = ContractType::spot;
    symbol.quantity_unit = QuantityUnit::base;
    symbol.exchange_symbol = spelling;
    symbol.symbol_base = base;
    symbol.symbol_quote = quote;
    return symbol;
}

Symbol contract(std::string_view spelling, std::string_view base, std::string_view quote, QuantityUnit unit) {
    Symbol symbol = spot(spelling, base, quote);
    symbol.symbol_type = MarketType::futures;
    symbol.contract_type = ContractType::perpetual;
    symbol.quantity_unit = unit;
    return symbol;
}

std::pair<std::string_view, std::string_view> split_at(std::string_view text, char mark) {
    const std::size_t first = text.find(mark);
    if (first == std::string_view::npos) return {text, {}};
    const std::size_t second = text.find(mark, first + 1);
    return {text.substr(0, first),
            text.substr(first + 1, second == std::string_view::npos ? second : second - first - 1)};
}

void take_binance_filters(const object& entry, Symbol& symbol) {
    symbol.tick_size = positive(filter_of(entry, "PRICE_FILTER"), "tickSize");
    symbol.lot_size = positive(filter_of(entry, "LOT_SIZE"), "stepSize");
    symbol.min_quantity = positive(filter_of(entry, "LOT_SIZE"), "minQty");
    const object& notional = filter_of(entry, "MIN_NOTIONAL");
    const object& newer = filter_of(entry, "NOTIONAL");
    symbol.min_notional = positive(notional, "minNotional");
    if (!is_present(symbol.min_notional)) symbol.min_notional = positive(notional, "notional");
    if (!is_present(symbol.min_notional)) symbol.min_notional = positive(newer, "minNotional");
}

Symbol binance_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "symbol"), text_of(entry, "baseAsset"), text_of(entry, "quoteAsset"));
    take_binance_filters(entry, symbol);
    symbol.is_active = text_of(entry, "status") == "TRADING";
    return symbol;
}

Symbol binance_futures(const object& entry) {
    Symbol symbol = contract(text_of(entry, "symbol"), text_of(entry, "baseAsset"), text_of(entry, "quoteAsset"),
                             QuantityUnit::base);
    take_binance_filters(entry, symbol);
    const std::string_view type = text_of(entry, "contractType");
    if (!type.starts_with("PERPETUAL")) symbol.contract_type = ContractType::dated;
    // What is neither yet "delivers" in the year 2100, as their perpetuals do.
    if (symbol.contract_type == ContractType::dated && !type.empty()) {
        symbol.expires_at = time_of(entry, "deliveryDate");
    }
    symbol.settle_asset = text_of(entry, "marginAsset");
    symbol.precision_price = decimals_of(entry, "pricePrecision");
    symbol.precision_quantity = decimals_of(entry, "quantityPrecision");
    symbol.listed_at = time_of(entry, "onboardDate");
    symbol.is_active = text_of(entry, "status") == "TRADING";
    return symbol;
}

Symbol mexc_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "symbol"), text_of(entry, "baseAsset"), text_of(entry, "quoteAsset"));
    symbol.precision_price = decimals_of(entry, "quotePrecision");
    symbol.precision_quantity = decimals_of(entry, "baseAssetPrecision");
    symbol.tick_size = step_of_decimals(entry, "quotePrecision");
    symbol.lot_size = step_of_decimals(entry, "baseAssetPrecision");
    symbol.min_quantity = positive(entry, "baseSizePrecision");
    symbol.min_notional = positive(entry, "quoteAmountPrecision");
    const std::string_view status = text_of(entry, "status");
    symbol.is_active = status == "ENABLED" || status == "1";
    return symbol;
}

Symbol gateio_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "id"), text_of(entry, "base"), text_of(entry, "quote"));
    symbol.precision_price = decimals_of(entry, "precision");
    symbol.precision_quantity = decimals_of(entry, "amount_precision");
    symbol.tick_size = step_of_decimals(entry, "precision");
    symbol.lot_size = step_of_decimals(entry, "amount_precision");
    symbol.min_quantity = positive(entry, "min_base_amount");
    symbol.min_notional = positive(entry, "min_quote_amount");
    symbol.is_active = text_of(entry, "trade_status") == "tradable";
    return symbol;
}

Symbol gateio_futures(const object& entry) {
    const auto [base, quote] = split_at(text_of(entry, "name"), '_');
    Symbol symbol = contract(text_of(entry, "name"), base, quote, QuantityUnit::contracts);
    const bool is_inverse = text_of(entry, "type") == "inverse";
    if (is_inverse) symbol.contract_type = ContractType::inverse;
    symbol.settle_asset = is_inverse ? base : quote;
    symbol.contract_size = positive(entry, "quanto_multiplier");
    symbol.tick_size = positive(entry, "order_price_round");
    symbol.min_quantity = positive(entry, "order_size_min");
    symbol.lot_size = 1;  // whole contracts
    const value* in_delisting = entry.if_contains("in_delisting");
    symbol.is_active = in_delisting != nullptr && in_delisting->is_bool() && !in_delisting->get_bool();
    return symbol;
}

void take_bybit_filters(const object& entry, Symbol& symbol) {
    symbol.tick_size = positive(part_of(entry, "priceFilter"), "tickSize");
    symbol.min_quantity = positive(part_of(entry, "lotSizeFilter"), "minOrderQty");
    symbol.is_active = text_of(entry, "status") == "Trading";
}

Symbol bybit_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "symbol"), text_of(entry, "baseCoin"), text_of(entry, "quoteCoin"));
    take_bybit_filters(entry, symbol);
    symbol.lot_size = positive(part_of(entry, "lotSizeFilter"), "basePrecision");
    symbol.min_notional = positive(part_of(entry, "lotSizeFilter"), "minOrderAmt");
    return symbol;
}

Symbol bybit_futures(const object& entry) {
    const std::string_view type = text_of(entry, "contractType");
    const bool is_inverse = type.starts_with("Inverse");
    Symbol symbol = contract(text_of(entry, "symbol"), text_of(entry, "baseCoin"), text_of(entry, "quoteCoin"),
                             is_inverse ? QuantityUnit::quote : QuantityUnit::base);
    take_bybit_filters(entry, symbol);
    if (is_inverse) symbol.contract_type = ContractType::inverse;
    if (type.ends_with("Futures")) {
        symbol.contract_type = ContractType::dated;
        symbol.expires_at = time_of(entry, "deliveryTime");
    }
    symbol.settle_asset = text_of(entry, "settleCoin");
    symbol.precision_price = decimals_of(entry, "priceScale");
    symbol.lot_size = positive(part_of(entry, "lotSizeFilter"), "qtyStep");
    symbol.min_notional = positive(part_of(entry, "lotSizeFilter"), "minNotionalValue");
    symbol.listed_at = time_of(entry, "launchTime");
    return symbol;
}

void take_okx_sizes(const object& entry, Symbol& symbol) {
    symbol.tick_size = positive(entry, "tickSz");
    symbol.lot_size = positive(entry, "lotSz");
    symbol.min_quantity = positive(entry, "minSz");
    symbol.listed_at = time_of(entry, "listTime");
    symbol.is_active = text_of(entry, "state") == "live";
}

Symbol okx_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "instId"), text_of(entry, "baseCcy"), text_of(entry, "quoteCcy"));
    take_okx_sizes(entry, symbol);
    return symbol;
}

Symbol okx_futures(const object& entry) {
    const auto [base, quote] = split_at(text_of(entry, "instId"), '-');
    Symbol symbol = contract(text_of(entry, "instId"), base, quote, QuantityUnit::contracts);
    take_okx_sizes(entry, symbol);
    if (text_of(entry, "ctType") == "inverse") symbol.contract_type = ContractType::inverse;
    if (text_of(entry, "instType") == "FUTURES") {
        symbol.contract_type = ContractType::dated;
        symbol.expires_at = time_of(entry, "expTime");
    }
    symbol.settle_asset = text_of(entry, "settleCcy");
    const double multiplier = positive(entry, "ctMult");
    symbol.contract_size = positive(entry, "ctVal") * (is_present(multiplier) ? multiplier : 1);
    return symbol;
}

// --- shapes --------------------------------------------------------------------------------------------------------------

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
     binance_spot},
    {"MEXC_SPOT",
     [](const Frame& frame, const object& first) {
         return is_of_binance_spot(frame, first) && is_mexc_status(text_of(first, "status"));
     },
     mexc_spot},
    {"BINANCE_FUTURES",
     [](const Frame&, const object& first) {
         return has(first, "baseAsset") && has(first, "contractType") && !has(first, "contractSize");
     },
     binance_futures},
    {"GATEIO_SPOT", [](const Frame&, const object& first) { return has(first, "trade_status"); }, gateio_spot},
    {"GATEIO_FUTURES", [](const Frame&, const object& first) { return has(first, "quanto_multiplier"); },
     gateio_futures},
    {"BYBIT_SPOT",
     [](const Frame& frame, const object&) {
         return frame.around != nullptr && text_of(*frame.around, "category") == "spot";
     },
     bybit_spot},
    {"BYBIT_FUTURES",
     [](const Frame& frame, const object&) {
         const std::string_view category =
             frame.around == nullptr ? std::string_view() : text_of(*frame.around, "category");
         return category == "linear" || category == "inverse";
     },
     bybit_futures},
    {"OKX_SPOT", [](const Frame&, const object& first) { return text_of(first, "instType") == "SPOT"; }, okx_spot},
    {"OKX_FUTURES",
     [](const Frame&, const object& first) {
         const std::string_view type = text_of(first, "instType");
         return type == "SWAP" || type == "FUTURES";
     },
     okx_futures},
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

// --- the whole -----------------------------------------------------------------------------------------------------------

value parse(std::string_view text) {
    boost::system::error_code error;
    json::stream_parser parser;
    parser.write(text.data(), text.size(), error);
    if (!error) parser.finish(error);
    if (error == json::error::incomplete) refuse("ends in the middle; it was cut off");
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
