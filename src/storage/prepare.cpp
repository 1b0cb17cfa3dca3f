#include "storage/prepare.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"
#include "storage/retention_rows.hpp"
#include "storage/sequence.hpp"

namespace marketdb::storage {
namespace {

using MaybeProblem = std::optional<Problem>;

template <class Row>
Row& as(std::byte* row) noexcept {
    return *reinterpret_cast<Row*>(row);
}

/// SQLite turns -0.0 into 0.0 by itself; done here, memory and every engine hold the same.
void drop_negative_zero(double& number) noexcept {
    if (number == 0) number = 0;
}

bool is_positive(double number) noexcept { return number > 0 && std::isfinite(number); }

MaybeProblem number_problem(std::string_view column, double number, std::string_view rule) {
    if (!is_present(number)) return Problem{column, "is absent"};
    return Problem{column, fmt::format("{} is not {}", core::format_double(number), rule)};
}

MaybeProblem require_positive(std::string_view column, double number) {
    return is_positive(number) ? std::nullopt : number_problem(column, number, "finite and positive");
}

MaybeProblem require_finite(std::string_view column, double& number) {
    drop_negative_zero(number);
    return std::isfinite(number) ? std::nullopt : number_problem(column, number, "finite");
}

MaybeProblem absent_or_positive(std::string_view column, double number) {
    return is_present(number) ? require_positive(column, number) : std::nullopt;
}

MaybeProblem absent_or_finite(std::string_view column, double& number) {
    return is_present(number) ? require_finite(column, number) : std::nullopt;
}

MaybeProblem absent_or_not_negative(std::string_view column, double& number) {
    drop_negative_zero(number);
    if (!is_present(number) || (number >= 0 && std::isfinite(number))) return std::nullopt;
    return number_problem(column, number, "finite and 0 or more");
}

MaybeProblem require_text(std::string_view column, std::string_view text) {
    if (!text.empty()) return std::nullopt;
    return Problem{column, "is empty"};
}

MaybeProblem require_not_negative(std::string_view column, std::int64_t number) {
    if (number >= 0) return std::nullopt;
    return Problem{column, fmt::format("{} is negative", number)};
}

template <std::size_t Capacity>
void make_upper(InlineString<Capacity>& text) {
    text = core::to_upper(text.view());
}

/// One side of a book ticker: there with both, or absent with both.
MaybeProblem prepare_side(std::string_view price_name, double& price, std::string_view quantity_name,
                          double& quantity) {
    if (is_positive(price) && is_positive(quantity)) [[likely]]
        return std::nullopt;
    if (quantity == 0) {
        price = kNoNumber;
        quantity = kNoNumber;
    }
    if (!is_present(price) && !is_present(quantity)) return std::nullopt;
    if (!is_present(price)) return Problem{price_name, fmt::format("is absent, but {} is there", quantity_name)};
    if (!is_present(quantity)) return Problem{quantity_name, fmt::format("is absent, but {} is there", price_name)};
    if (auto problem = require_positive(price_name, price)) return problem;
    return require_positive(quantity_name, quantity);
}

/// The first of several checks that failed. All run: each also brings its value into form.
template <class... Checks>
MaybeProblem first_of(MaybeProblem first, Checks... others) {
    ((first ? void() : void(first = std::move(others))), ...);
    return first;
}

constexpr std::string_view kSpotEnding = "_SPOT";
constexpr std::string_view kFuturesEnding = "_FUTURES";

/// The market that the ending of an exchange's name says; unknown if the name is not of the form <VENUE>_<SPOT or FUTURES>.
MarketType market_of_name(std::string_view name) noexcept {
    const MarketType market = name.ends_with(kSpotEnding)      ? MarketType::spot
                              : name.ends_with(kFuturesEnding) ? MarketType::futures
                                                               : MarketType::unknown;
    const bool letters = std::all_of(
        name.begin(), name.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
    return letters && !name.starts_with('_') ? market : MarketType::unknown;
}

/// The number of an id of digits; 0 if it is none or needs more than 53 bits.
std::int64_t number_of_trade_id(std::string_view id) noexcept {
    if (id.find_first_not_of("0123456789") != std::string_view::npos) return 0;
    const auto number = core::parse_int(id);
    return number && *number <= kMaxSequence ? *number : 0;
}

MaybeProblem derive_contract(Symbol& symbol) {
    if (symbol.symbol_type == MarketType::unknown && symbol.contract_type != ContractType::unknown) {
        symbol.symbol_type = symbol.contract_type == ContractType::spot ? MarketType::spot : MarketType::futures;
    }
    if (symbol.symbol_type == MarketType::unknown) {
        return Problem{"symbol_type", "is unknown; expected SPOT or FUTURES"};
    }
    const bool spot = symbol.symbol_type == MarketType::spot;
    if (symbol.contract_type == ContractType::unknown) {
        symbol.contract_type = spot                            ? ContractType::spot
                               : is_present(symbol.expires_at) ? ContractType::dated
                                                               : ContractType::perpetual;
    }
    if (spot != (symbol.contract_type == ContractType::spot)) {
        return Problem{"contract_type", fmt::format("{} does not fit symbol_type {}", to_string(symbol.contract_type),
                                                    to_string(symbol.symbol_type))};
    }
    if (symbol.quantity_unit == QuantityUnit::unknown) symbol.quantity_unit = QuantityUnit::base;
    return std::nullopt;
}

}  // namespace

std::optional<Problem> prepare_exchange(std::byte* row) {
    auto& exchange = as<Exchange>(row);
    make_upper(exchange.enum_value);
    const std::string_view name = exchange.enum_value;
    const MarketType market = market_of_name(name);
    if (market == MarketType::unknown) {
        return Problem{"enum_value", fmt::format("'{}' is not <VENUE>_SPOT or <VENUE>_FUTURES (A to Z, 0 to 9 and _)",
                                                 core::printable(name))};
    }
    if (exchange.market_type == MarketType::unknown) exchange.market_type = market;
    if (exchange.market_type != market) {
        return Problem{"market_type",
                       fmt::format("{} contradicts enum_value {}", to_string(exchange.market_type), name)};
    }
    if (exchange.exchange_name.empty()) exchange.exchange_name = name.substr(0, name.rfind('_'));
    return std::nullopt;
}

std::optional<Problem> prepare_symbol(std::byte* row) {
    auto& symbol = as<Symbol>(row);
    make_upper(symbol.symbol_base);
    make_upper(symbol.symbol_quote);
    make_upper(symbol.settle_asset);
    if (auto problem = derive_contract(symbol)) return problem;
    return first_of(require_text("symbol_base", symbol.symbol_base), require_text("symbol_quote", symbol.symbol_quote),
                    require_text("exchange_symbol", symbol.exchange_symbol),
                    require_not_negative("precision_price", symbol.precision_price),
                    require_not_negative("precision_quantity", symbol.precision_quantity),
                    absent_or_positive("contract_size", symbol.contract_size),
                    absent_or_positive("tick_size", symbol.tick_size), absent_or_positive("lot_size", symbol.lot_size),
                    absent_or_not_negative("min_quantity", symbol.min_quantity),
                    absent_or_not_negative("min_notional", symbol.min_notional));
}

std::optional<Problem> prepare_source(std::byte* row) {
    auto& source = as<Source>(row);
    const std::string_view hash = source.sha256;
    const bool is_hash = hash.size() == 64 && hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!hash.empty() && !is_hash) {
        return Problem{"sha256", fmt::format("'{}' is not 64 lower-case hex digits", core::printable(hash))};
    }
    return first_of(require_text("kind", source.kind), require_not_negative("rows", source.rows));
}

std::optional<Problem> prepare_retention_policy(std::byte* row) {
    const auto& policy = as<RetentionPolicyRow>(row);
    return first_of(require_not_negative("max_age_us", policy.max_age_us),
                    require_not_negative("max_bytes", policy.max_bytes));
}

std::optional<Problem> prepare_retention_hold(std::byte* row) {
    return require_text("reason", as<RetentionHoldRow>(row).reason);
}

std::optional<Problem> prepare_quarantined_row(std::byte* row) {
    const auto& quarantined = as<QuarantinedRow>(row);
    return first_of(require_not_negative("line", quarantined.line), require_text("reason", quarantined.reason));
}

std::optional<Problem> prepare_book_ticker(std::byte* row) {
    auto& quote = as<BookTicker>(row);
    if (auto problem = prepare_side("bid_price", quote.bid_price, "bid_qty", quote.bid_qty)) return problem;
    if (auto problem = prepare_side("ask_price", quote.ask_price, "ask_qty", quote.ask_qty)) return problem;
    if (!is_present(quote.bid_price) && !is_present(quote.ask_price)) {
        return Problem{"bid_price", "is absent and ask_price too; at least one side must be there"};
    }
    if (quote.ask_price < quote.bid_price) {
        return Problem{"ask_price", fmt::format("{} is below bid_price {}", core::format_double(quote.ask_price),
                                                core::format_double(quote.bid_price))};
    }
    return std::nullopt;
}

std::optional<Problem> prepare_trade(std::byte* row) {
    auto& trade = as<Trade>(row);
    if (auto problem = require_positive("price", trade.price)) return problem;
    if (auto problem = require_positive("quantity", trade.quantity)) return problem;
    if (auto problem = absent_or_not_negative("quote_quantity", trade.quote_quantity)) return problem;
    if (trade.trade_id.empty()) trade.trade_id = fmt::format("~{}", trade.sequence);
    if (trade.sequence == 0) trade.sequence = number_of_trade_id(trade.trade_id);
    return std::nullopt;
}

std::optional<Problem> prepare_funding_rate(std::byte* row) {
    auto& rate = as<FundingRate>(row);
    if (rate.kind == FundingKind::unknown) return Problem{"kind", "is unknown; expected predicted or settled"};
    return first_of(require_finite("funding_rate", rate.funding_rate),
                    absent_or_positive("mark_price", rate.mark_price),
                    require_not_negative("interval_minutes", rate.interval_minutes));
}

std::optional<Problem> prepare_balance(std::byte* row) {
    auto& balance = as<Balance>(row);
    auto problem = first_of(require_text("account", balance.account), require_text("asset_name", balance.asset_name),
                            require_finite("available_balance", balance.available_balance),
                            require_finite("locked_balance", balance.locked_balance),
                            absent_or_not_negative("locked_balance", balance.locked_balance),
                            absent_or_finite("frozen_balance", balance.frozen_balance),
                            absent_or_finite("borrowing_balance", balance.borrowing_balance),
                            absent_or_finite("interest_balance", balance.interest_balance));
    if (problem) return problem;
    balance.total_balance = balance.available_balance + balance.locked_balance;
    return require_finite("total_balance", balance.total_balance);
}

}  // namespace marketdb::storage
