#include "io/listing_entry.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/json.hpp>

#include <fmt/format.h>

#include "core/text.hpp"

namespace marketdb::io {

namespace json = boost::json;
using json::object;
using json::value;

std::string_view text_of(const object& entry, std::string_view name) {
    const value* found = entry.if_contains(name);
    const json::string* text = found == nullptr ? nullptr : found->if_string();
    return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

double number_of(const object& entry, std::string_view name) {
    const value* found = entry.if_contains(name);
    if (found == nullptr) return kNoNumber;
    if (const json::string* text = found->if_string()) {
        return core::parse_double(std::string_view(text->data(), text->size())).value_or(kNoNumber);
    }
    return found->is_number() ? found->to_number<double>() : kNoNumber;
}

const object& part_of(const object& entry, std::string_view name) {
    static const object kNothing;
    const value* found = entry.if_contains(name);
    const object* part = found == nullptr ? nullptr : found->if_object();
    return part == nullptr ? kNothing : *part;
}

namespace {

/// A number, where 0 and less mean that the exchange does not say.
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
    // Also not if it is no number.
    const bool is_time = number > 0 && number < kYear2200;
    if (!is_time) return kNoTime;
    return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
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

void take_bybit_filters(const object& entry, Symbol& symbol) {
    symbol.tick_size = positive(part_of(entry, "priceFilter"), "tickSize");
    symbol.min_quantity = positive(part_of(entry, "lotSizeFilter"), "minOrderQty");
    symbol.is_active = text_of(entry, "status") == "Trading";
}

void take_okx_sizes(const object& entry, Symbol& symbol) {
    symbol.tick_size = positive(entry, "tickSz");
    symbol.lot_size = positive(entry, "lotSz");
    symbol.min_quantity = positive(entry, "minSz");
    symbol.listed_at = time_of(entry, "listTime");
    symbol.is_active = text_of(entry, "state") == "live";
}

/// Where steps are given as digits behind the point.
void take_decimals(const object& entry, Symbol& symbol, std::string_view price, std::string_view quantity) {
    symbol.precision_price = decimals_of(entry, price);
    symbol.precision_quantity = decimals_of(entry, quantity);
    symbol.tick_size = step_of_decimals(entry, price);
    symbol.lot_size = step_of_decimals(entry, quantity);
}

}  // namespace

Symbol read_binance_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "symbol"), text_of(entry, "baseAsset"), text_of(entry, "quoteAsset"));
    take_binance_filters(entry, symbol);
    symbol.is_active = text_of(entry, "status") == "TRADING";
    return symbol;
}

Symbol read_binance_futures(const object& entry) {
    Symbol symbol = contract(text_of(entry, "symbol"), text_of(entry, "baseAsset"), text_of(entry, "quoteAsset"),
                             QuantityUnit::base);
    take_binance_filters(entry, symbol);
    const std::string_view type = text_of(entry, "contractType");
    if (type.find("PERPETUAL") == std::string_view::npos) symbol.contract_type = ContractType::dated;
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

Symbol read_mexc_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "symbol"), text_of(entry, "baseAsset"), text_of(entry, "quoteAsset"));
    take_decimals(entry, symbol, "quotePrecision", "baseAssetPrecision");
    symbol.min_quantity = positive(entry, "baseSizePrecision");
    symbol.min_notional = positive(entry, "quoteAmountPrecision");
    const std::string_view status = text_of(entry, "status");
    symbol.is_active = status == "ENABLED" || status == "1";
    return symbol;
}

Symbol read_gateio_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "id"), text_of(entry, "base"), text_of(entry, "quote"));
    take_decimals(entry, symbol, "precision", "amount_precision");
    symbol.min_quantity = positive(entry, "min_base_amount");
    symbol.min_notional = positive(entry, "min_quote_amount");
    symbol.is_active = text_of(entry, "trade_status") == "tradable";
    return symbol;
}

Symbol read_gateio_futures(const object& entry) {
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

Symbol read_bybit_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "symbol"), text_of(entry, "baseCoin"), text_of(entry, "quoteCoin"));
    take_bybit_filters(entry, symbol);
    symbol.lot_size = positive(part_of(entry, "lotSizeFilter"), "basePrecision");
    symbol.min_notional = positive(part_of(entry, "lotSizeFilter"), "minOrderAmt");
    return symbol;
}

Symbol read_bybit_futures(const object& entry) {
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

Symbol read_okx_spot(const object& entry) {
    Symbol symbol = spot(text_of(entry, "instId"), text_of(entry, "baseCcy"), text_of(entry, "quoteCcy"));
    take_okx_sizes(entry, symbol);
    return symbol;
}

Symbol read_okx_futures(const object& entry) {
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

}  // namespace marketdb::io
