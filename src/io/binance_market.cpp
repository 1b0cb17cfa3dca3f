#include "io/binance_market.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::io {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSpot = "BINANCE_SPOT";
constexpr std::string_view kUm = "BINANCE_FUTURES";
constexpr std::string_view kCm = "BINANCECM_FUTURES";

constexpr std::array kTypes{"aggTrades"sv, "trades"sv, "bookTicker"sv, "fundingRate"sv};

/// `{SYMBOL}-{type}-{date}`; nothing if the name has another form.
struct NameParts {
    std::string_view symbol;
    std::string_view type;
};

NameParts parts_of(std::string_view name) {
    for (const std::string_view type : kTypes) {
        const std::size_t at = name.find(fmt::format("-{}-", type));
        if (at != std::string_view::npos && at > 0) return {name.substr(0, at), type};
    }
    return {};
}

bool is_boolean(std::string_view text) {
    const std::string lower = core::to_lower(text);
    return lower == "true" || lower == "false";
}

bool is_spot(const Layout& layout) {
    return &layout == &layouts::kBinanceSpotTrades || &layout == &layouts::kBinanceSpotAggTrades;
}

/// The innermost folder that names a market.
std::string_view exchange_of_path(const std::filesystem::path& path) {
    std::string_view exchange;
    for (const auto& component : path.parent_path()) {
        if (component == "spot") exchange = kSpot;
        if (component == "um") exchange = kUm;
        if (component == "cm") exchange = kCm;
    }
    return exchange;
}

/// `BTCUSD_PERP`, `BTCUSD_240927`.
bool is_coin_margined(std::string_view symbol) {
    const std::size_t mark = symbol.rfind('_');
    if (mark == std::string_view::npos || !symbol.substr(0, mark).ends_with("USD")) return false;
    const std::string_view tail = symbol.substr(mark + 1);
    return tail == "PERP" || (tail.size() == 6 && tail.find_first_not_of("0123456789") == std::string_view::npos);
}

std::string_view exchange_of(const Layout& layout, const std::filesystem::path& path, std::string_view symbol) {
    const std::string_view by_path = exchange_of_path(path);
    const bool only_cm = &layout == &layouts::kBinanceCmTrades;
    const bool fits = by_path.empty() || (is_spot(layout) ? by_path == kSpot : by_path != kSpot);
    if (!fits || (only_cm && by_path == kUm)) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{}: the folder says {}, the columns say `{}`; give --exchange", path.string(), by_path,
                                layout.name));
    }
    if (!by_path.empty()) return by_path;
    if (is_spot(layout)) return kSpot;
    return only_cm || is_coin_margined(symbol) ? kCm : kUm;
}

const Layout* layout_of_shape(std::span<const std::string_view> row) {
    switch (row.size()) {
        case 3: return &layouts::kBinanceFundingRate;
        case 6: return is_boolean(row[5]) ? &layouts::kBinanceUmTrades : nullptr;
        case 7:
            if (!is_boolean(row[6])) return &layouts::kBinanceBookTicker;
            return is_boolean(row[5]) ? &layouts::kBinanceSpotTrades : &layouts::kBinanceAggTrades;
        case 8: return is_boolean(row[7]) ? &layouts::kBinanceSpotAggTrades : nullptr;
        default: return nullptr;
    }
}

/// The same by the file's own word, so that a damaged first row is told as such.
const Layout* layout_of_type(std::string_view type, std::size_t columns) {
    if (type == "trades" && columns == 6) return &layouts::kBinanceUmTrades;
    if (type == "trades" && columns == 7) return &layouts::kBinanceSpotTrades;
    if (type == "aggTrades" && columns == 7) return &layouts::kBinanceAggTrades;
    if (type == "aggTrades" && columns == 8) return &layouts::kBinanceSpotAggTrades;
    if (type == "bookTicker" && columns == 7) return &layouts::kBinanceBookTicker;
    if (type == "fundingRate" && columns == 3) return &layouts::kBinanceFundingRate;
    return nullptr;
}

}  // namespace

const Layout& headerless_binance_layout(std::span<const std::string_view> first_row, std::string_view file_name,
                                        const ParserOptions& options) {
    const NameParts parts = parts_of(file_name);
    const Layout* layout = layout_of_type(parts.type, first_row.size());
    if (layout == nullptr && parts.type.empty()) layout = layout_of_shape(first_row);
    const bool fits =
        layout != nullptr && (options.dataset.empty() || layout->dataset == parse_dataset(options.dataset));
    if (fits) return *layout;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} columns without a header in a file named `{}` are no layout of Binance's public data; "
                            "give --layout and --dataset, or add a header. Read are: {}",
                            first_row.size(), core::printable(file_name), layouts_read()));
}

FixedInstrument binance_instrument(const Layout& layout, const std::filesystem::path& path, std::string_view inner_name,
                                   const ParserOptions& options) {
    std::string symbol = options.symbol;
    if (symbol.empty()) symbol = parts_of(inner_name).symbol;
    if (symbol.empty()) symbol = parts_of(path.filename().string()).symbol;
    if (symbol.empty()) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("{}: the name `{}` does not tell the symbol, as SYMBOL-{}-DATE would; give --symbol (and "
                        "--exchange, --layout where they stay open)",
                        path.string(), core::printable(inner_name), layout.name.substr(layout.name.rfind(' ') + 1)));
    }
    if (!options.exchange.empty()) return {options.exchange, symbol};
    return {std::string(exchange_of(layout, path, symbol)), symbol};
}

std::string binance_layout_name(const Layout& layout, std::string_view exchange) {
    const std::string_view market = exchange == kSpot ? "spot"
                                    : exchange == kUm ? "um"
                                    : exchange == kCm ? "cm"
                                                      : "other";
    return fmt::format("binance {} {}", market, layout.name.substr(layout.name.rfind(' ') + 1));
}

}  // namespace marketdb::io
