#include "io/venue.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/table.hpp"

namespace marketdb::io {
namespace {

using namespace std::string_view_literals;

constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kTardisIds{{
    {"binance", "BINANCE_SPOT"},
    {"binance-delivery", "BINANCECM_FUTURES"},
    {"binance-futures", "BINANCE_FUTURES"},
    {"bitfinex", "BITFINEX_SPOT"},
    {"bitfinex-derivatives", "BITFINEX_FUTURES"},
    {"bitmex", "BITMEX_FUTURES"},
    {"bybit", "BYBIT_FUTURES"},
    {"bybit-spot", "BYBIT_SPOT"},
    {"coinbase", "COINBASE_SPOT"},
    {"cryptofacilities", "KRAKEN_FUTURES"},
    {"deribit", "DERIBIT_FUTURES"},
    {"dydx-v4", "DYDX_FUTURES"},
    {"gate-io", "GATEIO_SPOT"},
    {"gate-io-futures", "GATEIO_FUTURES"},
    {"huobi", "HUOBI_SPOT"},
    {"huobi-dm-swap", "HUOBI_FUTURES"},
    {"hyperliquid", "HYPERLIQUID_FUTURES"},
    {"kraken", "KRAKEN_SPOT"},
    {"mexc", "MEXC_SPOT"},
    {"mexc-futures", "MEXC_FUTURES"},
    {"okex", "OKX_SPOT"},
    {"okex-futures", "OKX_FUTURES"},
    {"okex-swap", "OKX_FUTURES"},
}};

/// How a futures exchange counts. `usd_is_inverse`: a contract quoted in USD is settled in its base.
struct VenueRule {
    std::string_view exchange;
    QuantityUnit linear;
    QuantityUnit inverse;
    bool usd_is_inverse;
    std::chrono::hours expiry_hour;  ///< UTC, of dated contracts.
};

using enum QuantityUnit;
constexpr std::array<VenueRule, 13> kVenueRules{{
    {"BINANCE_FUTURES", base, base, false, std::chrono::hours(8)},
    {"BINANCECM_FUTURES", contracts, contracts, true, std::chrono::hours(8)},
    {"BITFINEX_FUTURES", base, base, false, std::chrono::hours(0)},
    {"BITMEX_FUTURES", contracts, contracts, false, std::chrono::hours(0)},
    {"BYBIT_FUTURES", base, quote, true, std::chrono::hours(8)},
    {"DERIBIT_FUTURES", base, quote, true, std::chrono::hours(8)},
    {"DYDX_FUTURES", base, base, false, std::chrono::hours(0)},
    {"GATEIO_FUTURES", contracts, contracts, true, std::chrono::hours(0)},
    {"HUOBI_FUTURES", contracts, contracts, true, std::chrono::hours(0)},
    {"HYPERLIQUID_FUTURES", base, base, false, std::chrono::hours(0)},
    {"KRAKEN_FUTURES", base, quote, false, std::chrono::hours(0)},
    {"MEXC_FUTURES", contracts, contracts, true, std::chrono::hours(0)},
    {"OKX_FUTURES", contracts, contracts, true, std::chrono::hours(8)},
}};
constexpr VenueRule kUnknownVenue{{}, QuantityUnit::unknown, QuantityUnit::unknown, false, std::chrono::hours(0)};

// Assets that spot pairs are quoted in where nothing separates them from the base.
constexpr std::array kSpotQuotes{
    "USDT"sv, "USDC"sv, "FDUSD"sv, "BUSD"sv, "TUSD"sv, "USDP"sv, "USDE"sv, "USDD"sv, "USD1"sv, "RLUSD"sv, "DAI"sv,
    "USDS"sv, "EURI"sv, "USD"sv,   "EUR"sv,  "GBP"sv,  "JPY"sv,  "TRY"sv,  "BRL"sv,  "AUD"sv,  "RUB"sv,   "UAH"sv,
    "NGN"sv,  "ZAR"sv,  "PLN"sv,   "RON"sv,  "ARS"sv,  "MXN"sv,  "COP"sv,  "CZK"sv,  "KRW"sv,  "INR"sv,   "CHF"sv,
    "CAD"sv,  "IDR"sv,  "IDRT"sv,  "BIDR"sv, "BVND"sv, "BKRW"sv, "BRZ"sv,  "VAI"sv,  "PAX"sv,  "UST"sv,   "BTC"sv,
    "XBT"sv,  "ETH"sv,  "BNB"sv,   "XRP"sv,  "TRX"sv,  "DOGE"sv, "SOL"sv,  "DOT"sv,  "MNT"sv,  "HT"sv};
// Nothing else: DOTUSD is DOT/USD there, and not DO/TUSD.
constexpr std::array kFuturesQuotes{"USDT"sv, "USDC"sv, "USDE"sv, "USD"sv, "EUR"sv, "BTC"sv, "ETH"sv};
constexpr std::array kBinanceFuturesQuotes{"USDT"sv, "USDC"sv, "BUSD"sv, "FDUSD"sv, "USD1"sv, "BTC"sv};
constexpr std::array kUsdOnly{"USD"sv};

constexpr std::array kPerpetualSuffixes{"_PERP"sv, "-SWAP"sv, "-PERPETUAL"sv};
constexpr std::array kMonths{"JAN"sv, "FEB"sv, "MAR"sv, "APR"sv, "MAY"sv, "JUN"sv,
                             "JUL"sv, "AUG"sv, "SEP"sv, "OCT"sv, "NOV"sv, "DEC"sv};

/// A spelling taken apart.
struct Contract {
    std::string_view pair;  ///< The spelling without prefix and suffix.
    Timestamp expires_at = kNoTime;
    bool kraken_inverse = false;
};

bool is_futures(std::string_view exchange) noexcept { return exchange.ends_with("_FUTURES"); }

const VenueRule& rule_of(std::string_view exchange) noexcept {
    const auto found = std::find_if(kVenueRules.begin(), kVenueRules.end(),
                                    [exchange](const VenueRule& rule) { return rule.exchange == exchange; });
    return found == kVenueRules.end() ? kUnknownVenue : *found;
}

std::span<const std::string_view> quotes_of(std::string_view exchange) noexcept {
    if (exchange == "BINANCECM_FUTURES") return kUsdOnly;
    if (exchange == "BINANCE_FUTURES") return kBinanceFuturesQuotes;
    if (is_futures(exchange)) return kFuturesQuotes;
    return kSpotQuotes;
}

bool all_digits(std::string_view text) noexcept {
    return text.find_first_not_of("0123456789") == std::string_view::npos;
}

int to_int(std::string_view digits) noexcept {
    int value = 0;
    for (const char digit : digits) value = value * 10 + (digit - '0');
    return value;
}

Timestamp midnight(int year, int month, int day) noexcept {
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    return date.ok() ? Timestamp(std::chrono::sys_days(date)) : kNoTime;
}

/// `240927` or `20240927`; absent if it is no date.
Timestamp date_of_digits(std::string_view text) noexcept {
    if (!all_digits(text) || (text.size() != 6 && text.size() != 8)) return kNoTime;
    const std::string_view year = text.substr(0, text.size() - 4);
    const std::string_view rest = text.substr(text.size() - 4);
    return midnight(to_int(year) + (year.size() == 2 ? 2000 : 0), to_int(rest.substr(0, 2)), to_int(rest.substr(2)));
}

/// `27SEP24`, `5JAN24`; absent if it is no date.
Timestamp date_of_month_name(std::string_view text) noexcept {
    if (text.size() != 6 && text.size() != 7) return kNoTime;
    const std::string_view day = text.substr(0, text.size() - 5);
    const std::string_view year = text.substr(text.size() - 2);
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(day.size(), 3));
    if (!all_digits(day) || !all_digits(year) || month == kMonths.end()) return kNoTime;
    return midnight(2000 + to_int(year), static_cast<int>(month - kMonths.begin()) + 1, to_int(day));
}

Contract take_apart(std::string_view exchange, std::string_view spelling) {
    Contract contract{.pair = spelling};
    if (!is_futures(exchange)) return contract;
    if (exchange == "KRAKEN_FUTURES" && spelling.size() > 3 && spelling[2] == '_') {
        contract.kraken_inverse = spelling.starts_with("PI") || spelling.starts_with("FI");
        contract.pair.remove_prefix(3);
    }
    for (const std::string_view suffix : kPerpetualSuffixes) {
        if (!contract.pair.ends_with(suffix)) continue;
        contract.pair.remove_suffix(suffix.size());
        return contract;
    }
    const std::size_t mark = contract.pair.find_last_of("-_");
    if (mark == std::string_view::npos) return contract;
    const std::string_view tail = contract.pair.substr(mark + 1);
    Timestamp date = date_of_digits(tail);
    if (!is_present(date)) date = date_of_month_name(tail);
    if (!is_present(date)) return contract;
    contract.expires_at = date + rule_of(exchange).expiry_hour;
    contract.pair = contract.pair.substr(0, mark);
    return contract;
}

std::optional<Pair> split_at_separator(std::string_view text) {
    const std::size_t mark = text.find_first_of("-_/");
    if (mark == std::string_view::npos || mark == 0 || mark + 1 == text.size()) return std::nullopt;
    if (text.find_first_of("-_/", mark + 1) != std::string_view::npos) return std::nullopt;
    return Pair{core::to_upper(text.substr(0, mark)), core::to_upper(text.substr(mark + 1))};
}

/// Quotes of other exchanges that would cut a base here: USDTUSD, BTCXUSD on Bybit. Better none is found than a wrong
/// one.
bool is_quote_of(std::string_view exchange, std::string_view quote) noexcept {
    if (quote == "TUSD") return exchange != "BYBIT_SPOT" && exchange != "BITFINEX_SPOT";
    return quote != "USD" || exchange != "BYBIT_SPOT";
}

std::optional<Pair> split_before_quote(std::string_view exchange, std::string_view text) {
    const std::string upper = core::to_upper(text);
    std::string_view longest;
    for (const std::string_view quote : quotes_of(exchange)) {
        if (quote.size() <= longest.size() || !is_quote_of(exchange, quote)) continue;
        if (upper.size() > quote.size() && upper.ends_with(quote)) longest = quote;
    }
    if (longest.empty()) return std::nullopt;
    return Pair{upper.substr(0, upper.size() - longest.size()), std::string(longest)};
}

/// `BTCUSDH24`: a month code of CME's kind. Its day of expiry is not in the name, and taken for a perpetual it would be
/// wrong.
bool has_month_code(std::string_view text) noexcept {
    if (text.size() < 6 || !all_digits(text.substr(text.size() - 2))) return false;
    const std::string_view before = text.substr(0, text.size() - 3);
    return "FGHJKMNQUVXZ"sv.find(text[text.size() - 3]) != std::string_view::npos &&
           (before.ends_with("USD") || before.ends_with("USDT") || before.ends_with("XBT"));
}

std::optional<Pair> split(std::string_view exchange, std::string_view text) {
    if (text.find_first_of("-_/") != std::string_view::npos) return split_at_separator(text);
    // Deribit names inverse contracts by their base alone: BTC-PERPETUAL.
    if (exchange == "DERIBIT_FUTURES" && !text.empty()) return Pair{core::to_upper(text), "USD"};
    return split_before_quote(exchange, text);
}

[[noreturn]] void refuse(std::string_view spelling, std::string_view reason) {
    throw Error(ErrorCode::invalid_argument, fmt::format("column symbol: `{}` {}", core::printable(spelling), reason));
}

/// Both empty if the spelling does not tell one that is not given.
Pair pair_of(std::string_view exchange, const Contract& contract, const KnownPair& known) {
    Pair pair{core::to_upper(known.base), core::to_upper(known.quote)};
    if (!pair.base.empty() && !pair.quote.empty()) return pair;
    if (is_futures(exchange) && has_month_code(contract.pair)) return {};
    auto told = split(exchange, contract.pair);
    if (!told) return {};
    if (pair.base.empty()) pair.base = std::move(told->base);
    if (pair.quote.empty()) pair.quote = std::move(told->quote);
    return pair;
}

/// Contract type, unit and settlement, given base and quote.
void describe_contract(std::string_view exchange, const Contract& contract, Symbol& symbol) {
    if (!is_futures(exchange)) {
        symbol.symbol_type = MarketType::spot;
        symbol.contract_type = ContractType::spot;
        symbol.quantity_unit = QuantityUnit::base;
        return;
    }
    const VenueRule& rule = rule_of(exchange);
    const bool bitmex_inverse = exchange == "BITMEX_FUTURES" && symbol.symbol_base == "XBT";
    const bool inverse =
        symbol.symbol_quote == "USD" && (rule.usd_is_inverse || contract.kraken_inverse || bitmex_inverse);
    const std::string_view quote = symbol.symbol_quote;
    symbol.symbol_type = MarketType::futures;
    symbol.quantity_unit = inverse ? rule.inverse : rule.linear;
    symbol.contract_type = inverse ? ContractType::inverse : ContractType::perpetual;
    if (is_present(symbol.expires_at)) symbol.contract_type = ContractType::dated;
    if (inverse) symbol.settle_asset = symbol.symbol_base.view();
    if (quote == "USDT" || quote == "USDC" || quote == "BUSD") symbol.settle_asset = quote;
}

}  // namespace

std::string_view exchange_of_tardis_id(std::string_view id) noexcept {
    const auto* const found =
        std::find_if(kTardisIds.begin(), kTardisIds.end(), [id](const auto& entry) { return entry.first == id; });
    return found == kTardisIds.end() ? std::string_view{} : found->second;
}

std::string exchange_name(std::string_view text, std::string_view where, std::string_view advice) {
    Exchange exchange;
    exchange.enum_value = text;
    if (const auto problem =
            storage::prepare_row(storage::table_of<Exchange>(), reinterpret_cast<std::byte*>(&exchange))) {
        throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}{}", where, problem->reason, advice));
    }
    return exchange.enum_value.str();
}

std::optional<PairText> parse_pair_text(std::string_view text) {
    PairText parsed;
    const std::size_t dash = text.rfind('-');
    const std::size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    if (dash != std::string_view::npos && dash > slash && text.size() - dash == 7) {
        parsed.expires_at = date_of_digits(text.substr(dash + 1));
        if (is_present(parsed.expires_at)) text = text.substr(0, dash);
    }
    parsed.pair = {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
    if (parsed.pair.base.empty() || parsed.pair.quote.empty()) return std::nullopt;
    return parsed;
}

Symbol describe_symbol(std::string_view exchange, std::string_view spelling, const KnownPair& known) {
    const Contract contract = take_apart(exchange, spelling);
    const Pair pair = pair_of(exchange, contract, known);
    const bool is_complete = !pair.base.empty();
    if (is_complete && is_futures(exchange) && !is_present(known.expires_at) && has_month_code(contract.pair)) {
        refuse(spelling, "has a month code, which is not read: the day of expiry is not in it");
    }
    Symbol symbol;
    symbol.exchange_symbol = spelling;
    symbol.symbol_base = pair.base;
    symbol.symbol_quote = pair.quote;
    symbol.expires_at = is_present(contract.expires_at) ? contract.expires_at : known.expires_at;
    describe_contract(exchange, contract, symbol);

    // With any pair the rest of the symbol can be checked before its own is known.
    Symbol checked = symbol;
    if (!is_complete) checked.symbol_base = checked.symbol_quote = "?";
    if (const auto problem =
            storage::prepare_row(storage::table_of<Symbol>(), reinterpret_cast<std::byte*>(&checked))) {
        refuse(spelling, fmt::format("cannot be a symbol: {} {}", problem->column, problem->reason));
    }
    return is_complete ? checked : symbol;
}

}  // namespace marketdb::io
