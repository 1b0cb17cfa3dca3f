#include "io/layout.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::io {
namespace {

constexpr bool kOptional = false;

constexpr std::array<ColumnSpec, 8> kTardisQuotes{{{"exchange"},
                                                   {"symbol"},
                                                   {"timestamp"},
                                                   {"local_timestamp"},
                                                   {"ask_amount"},
                                                   {"ask_price"},
                                                   {"bid_price"},
                                                   {"bid_amount"}}};
constexpr std::array<ColumnSpec, 8> kTardisTradeColumns{
    {{"exchange"}, {"symbol"}, {"timestamp"}, {"local_timestamp"}, {"id"}, {"side"}, {"price"}, {"amount"}}};
constexpr std::array<ColumnSpec, 11> kTardisTicker{{{"exchange"},
                                                    {"symbol"},
                                                    {"timestamp"},
                                                    {"local_timestamp"},
                                                    {"funding_timestamp"},
                                                    {"funding_rate"},
                                                    {"predicted_funding_rate"},
                                                    {"open_interest"},
                                                    {"last_price"},
                                                    {"index_price"},
                                                    {"mark_price"}}};
constexpr std::array<ColumnSpec, 8> kTardisDepth{
    {{"exchange"}, {"symbol"}, {"timestamp"}, {"local_timestamp"}, {"is_snapshot"}, {"side"}, {"price"}, {"amount"}}};
constexpr std::array<ColumnSpec, 8> kTardisBook{{{"exchange"},
                                                 {"symbol"},
                                                 {"timestamp"},
                                                 {"local_timestamp"},
                                                 {"asks[0].price"},
                                                 {"asks[0].amount"},
                                                 {"bids[0].price"},
                                                 {"bids[0].amount"}}};

constexpr std::array<ColumnSpec, 7> kSpotTradeColumns{
    {{"id"}, {"price"}, {"qty"}, {"quoteQty"}, {"time"}, {"isBuyerMaker"}, {"isBestMatch"}}};
constexpr std::array<ColumnSpec, 8> kSpotAggColumns{
    {{"id"}, {"price"}, {"qty"}, {"firstId"}, {"lastId"}, {"time"}, {"isBuyerMaker"}, {"isBestMatch"}}};
constexpr std::array<ColumnSpec, 6> kUmTradeColumns{
    {{"id"}, {"price"}, {"qty"}, {"quote_qty"}, {"time"}, {"is_buyer_maker"}}};
constexpr std::array<ColumnSpec, 6> kCmTradeColumns{
    {{"id"}, {"price"}, {"qty"}, {"base_qty"}, {"time"}, {"is_buyer_maker"}}};
constexpr std::array<ColumnSpec, 7> kAggColumns{{{"agg_trade_id"},
                                                 {"price"},
                                                 {"quantity"},
                                                 {"first_trade_id"},
                                                 {"last_trade_id"},
                                                 {"transact_time"},
                                                 {"is_buyer_maker"}}};
constexpr std::array<ColumnSpec, 7> kBookColumns{{{"update_id"},
                                                  {"best_bid_price"},
                                                  {"best_bid_qty"},
                                                  {"best_ask_price"},
                                                  {"best_ask_qty"},
                                                  {"transaction_time"},
                                                  {"event_time"}}};
constexpr std::array<ColumnSpec, 3> kFundingColumns{{{"calc_time"}, {"funding_interval_hours"}, {"last_funding_rate"}}};

// `age_seconds` is what `latest` adds; it is passed over. What a person who writes such a file by hand can do without
// is optional.
constexpr std::array<ColumnSpec, 11> kOwnQuotes{{{"exchange"},
                                                 {"symbol", kOptional},
                                                 {"exchange_symbol", kOptional},
                                                 {"timestamp"},
                                                 {"received_at", kOptional},
                                                 {"sequence", kOptional},
                                                 {"bid_price"},
                                                 {"bid_qty"},
                                                 {"ask_price"},
                                                 {"ask_qty"},
                                                 {"age_seconds", kOptional}}};
constexpr std::array<ColumnSpec, 14> kOwnTradeColumns{{{"exchange"},
                                                       {"symbol", kOptional},
                                                       {"exchange_symbol", kOptional},
                                                       {"timestamp"},
                                                       {"received_at", kOptional},
                                                       {"sequence", kOptional},
                                                       {"trade_id"},
                                                       {"price"},
                                                       {"quantity"},
                                                       {"side"},
                                                       {"quote_quantity", kOptional},
                                                       {"is_buyer", kOptional},
                                                       {"is_maker", kOptional},
                                                       {"age_seconds", kOptional}}};
constexpr std::array<ColumnSpec, 11> kOwnFunding{{{"exchange"},
                                                  {"symbol", kOptional},
                                                  {"exchange_symbol", kOptional},
                                                  {"timestamp"},
                                                  {"received_at", kOptional},
                                                  {"funding_rate"},
                                                  {"interval_minutes", kOptional},
                                                  {"kind"},
                                                  {"funding_time", kOptional},
                                                  {"mark_price", kOptional},
                                                  {"age_seconds", kOptional}}};
constexpr std::array<ColumnSpec, 12> kOwnBalanceColumns{{{"exchange"},
                                                         {"timestamp"},
                                                         {"received_at", kOptional},
                                                         {"account", kOptional},
                                                         {"asset_name"},
                                                         {"available_balance"},
                                                         {"locked_balance"},
                                                         {"frozen_balance", kOptional},
                                                         {"borrowing_balance", kOptional},
                                                         {"interest_balance", kOptional},
                                                         {"total_balance", kOptional},
                                                         {"age_seconds", kOptional}}};

constexpr std::array<ColumnSpec, 6> kBybitSpotColumns{
    {{"id"}, {"timestamp"}, {"price"}, {"volume"}, {"side"}, {"rpi", kOptional}}};
constexpr std::array<ColumnSpec, 11> kBybitColumns{{{"timestamp"},
                                                    {"symbol"},
                                                    {"side"},
                                                    {"size"},
                                                    {"price"},
                                                    {"tickDirection"},
                                                    {"trdMatchID"},
                                                    {"grossValue"},
                                                    {"homeNotional"},
                                                    {"foreignNotional"},
                                                    {"RPI", kOptional}}};
constexpr std::array<ColumnSpec, 6> kOkxColumns{
    {{"instrument_name"}, {"trade_id"}, {"side"}, {"price"}, {"size"}, {"created_time"}}};

constexpr Layout kTardisIncremental{"tardis incremental_book_L2", Vendor::tardis, std::nullopt, kTardisDepth};
constexpr Layout kTardisSnapshot{"tardis book_snapshot", Vendor::tardis, std::nullopt, kTardisBook};
constexpr Layout kBybitSpot{"bybit public spot trades", Vendor::other, std::nullopt, kBybitSpotColumns};
constexpr Layout kBybitTrading{"bybit public trading trades", Vendor::other, std::nullopt, kBybitColumns};
constexpr Layout kOkxTrades{"okx trades", Vendor::other, std::nullopt, kOkxColumns};

using namespace layouts;
constexpr std::array<const Layout*, 19> kLayouts{&kTardisBookTicker,
                                                 &kTardisTrades,
                                                 &kTardisDerivativeTicker,
                                                 &kTardisIncremental,
                                                 &kTardisSnapshot,
                                                 &kBinanceSpotTrades,
                                                 &kBinanceSpotAggTrades,
                                                 &kBinanceUmTrades,
                                                 &kBinanceCmTrades,
                                                 &kBinanceAggTrades,
                                                 &kBinanceBookTicker,
                                                 &kBinanceFundingRate,
                                                 &kOwnBookTickers,
                                                 &kOwnTrades,
                                                 &kOwnFundingRates,
                                                 &kOwnBalances,
                                                 &kBybitSpot,
                                                 &kBybitTrading,
                                                 &kOkxTrades};

std::size_t place_of(std::span<const std::string_view> header, std::string_view column) {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), column) - header.begin());
}

bool has_column(const Layout& layout, std::string_view name) {
    return std::any_of(layout.columns.begin(), layout.columns.end(),
                       [name](const ColumnSpec& column) { return column.name == name; });
}

/// Columns in both, as a share of the columns in either; optional ones count only where they are.
double similarity(const Layout& layout, std::span<const std::string_view> header) {
    std::size_t both = 0;
    std::size_t either = header.size();
    for (const ColumnSpec& column : layout.columns) {
        const bool found = place_of(header, column.name) < header.size();
        both += found ? 1U : 0U;
        either += !found && column.required ? 1U : 0U;
    }
    return static_cast<double>(both) / static_cast<double>(either);
}

[[noreturn]] void refuse(const Layout& layout, std::string_view what, std::string_view column) {
    std::vector<std::string_view> names;
    for (const ColumnSpec& each : layout.columns) names.push_back(each.name);
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} column `{}` in a file of layout `{}`, whose columns are {}", what,
                            core::printable(column), layout.name, fmt::join(names, ",")));
}

}  // namespace

namespace layouts {
constexpr Layout kTardisBookTicker{"tardis book_ticker", Vendor::tardis, Dataset::book_tickers, kTardisQuotes};
constexpr Layout kTardisTrades{"tardis trades", Vendor::tardis, Dataset::trades, kTardisTradeColumns};
constexpr Layout kTardisDerivativeTicker{"tardis derivative_ticker", Vendor::tardis, Dataset::funding_rates,
                                         kTardisTicker};
constexpr Layout kBinanceSpotTrades{"binance spot trades", Vendor::binance, Dataset::trades, kSpotTradeColumns};
constexpr Layout kBinanceSpotAggTrades{"binance spot aggTrades", Vendor::binance, Dataset::trades, kSpotAggColumns};
constexpr Layout kBinanceUmTrades{"binance um trades", Vendor::binance, Dataset::trades, kUmTradeColumns};
constexpr Layout kBinanceCmTrades{"binance cm trades", Vendor::binance, Dataset::trades, kCmTradeColumns};
constexpr Layout kBinanceAggTrades{"binance futures aggTrades", Vendor::binance, Dataset::trades, kAggColumns};
constexpr Layout kBinanceBookTicker{"binance futures bookTicker", Vendor::binance, Dataset::book_tickers, kBookColumns};
constexpr Layout kBinanceFundingRate{"binance futures fundingRate", Vendor::binance, Dataset::funding_rates,
                                     kFundingColumns};
constexpr Layout kOwnBookTickers{"marketdb book-tickers", Vendor::marketdb, Dataset::book_tickers, kOwnQuotes};
constexpr Layout kOwnTrades{"marketdb trades", Vendor::marketdb, Dataset::trades, kOwnTradeColumns};
constexpr Layout kOwnFundingRates{"marketdb funding-rates", Vendor::marketdb, Dataset::funding_rates, kOwnFunding};
constexpr Layout kOwnBalances{"marketdb balances", Vendor::marketdb, Dataset::balances, kOwnBalanceColumns};
}  // namespace layouts

std::string layouts_read() {
    std::vector<std::string_view> names;
    for (const Layout* layout : kLayouts) {
        if (layout->dataset) names.push_back(layout->name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

const Layout* most_similar(std::span<const std::string_view> header, std::optional<Vendor> vendor,
                           std::optional<Dataset> dataset) {
    const Layout* best = nullptr;
    double most = 0.499;
    for (const Layout* layout : kLayouts) {
        if (vendor && layout->vendor != *vendor) continue;
        if (dataset && layout->dataset && layout->dataset != dataset) continue;
        const double similar = similarity(*layout, header);
        if (similar <= most) continue;
        best = layout;
        most = similar;
    }
    return best;
}

Columns::Columns(const Layout& layout) : layout_(&layout), count_(layout.columns.size()) {
    for (std::size_t index = 0; index < count_; ++index) places_[index] = static_cast<std::uint8_t>(index);
}

Columns::Columns(const Layout& layout, std::span<const std::string_view> header)
    : layout_(&layout), count_(header.size()) {
    for (std::size_t place = 0; place < header.size(); ++place) {
        if (!has_column(layout, header[place])) refuse(layout, "unknown", header[place]);
        if (place_of(header, header[place]) != place) refuse(layout, "doubled", header[place]);
    }
    for (std::size_t index = 0; index < layout.columns.size(); ++index) {
        const std::size_t place = place_of(header, layout.columns[index].name);
        const bool found = place < header.size();
        if (!found && layout.columns[index].required) refuse(layout, "missing", layout.columns[index].name);
        places_[index] = found ? static_cast<std::uint8_t>(place) : kAbsent;
    }
}

void Columns::check_count(std::size_t count) const {
    if (count == count_) return;
    throw Error(ErrorCode::invalid_argument, fmt::format("{} columns, expected {}", count, count_));
}

}  // namespace marketdb::io
