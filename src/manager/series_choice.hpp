#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/error.hpp>
#include <marketdb/queries.hpp>

#include "cache/reference_table.hpp"
#include "storage/engine.hpp"
#include "storage/table.hpp"

/// Which exchanges, symbols and series a text or a filter means. Memory only: what the reference data does not know is
/// absent, or the error that each function names.
namespace marketdb {

/// A filter that owns its texts, so that a coroutine may keep it.
struct OwnedSeriesFilter {
    explicit OwnedSeriesFilter(const SeriesFilter& filter);

    std::string exchange, symbol, base, quote, asset, account;
    std::vector<SymbolId> symbols;
    std::vector<BalanceSeries> balances;

    /// For messages: `exchange MEXC_SPOT, symbol BTC/USDT`.
    [[nodiscard]] std::string describe() const;
};

[[nodiscard]] Error unknown_exchange(std::string_view text);
[[nodiscard]] Error unknown_exchange(ExchangeId id);
[[nodiscard]] Error unknown_symbol(std::string_view text, const Exchange& exchange);
[[nodiscard]] Error unknown_symbol(SymbolId id);
[[nodiscard]] bool has_wildcard(std::string_view text) noexcept;

[[nodiscard]] storage::SeriesKey series_of(SymbolId symbol) noexcept;
[[nodiscard]] storage::SeriesKey series_of(ExchangeId exchange, std::string_view account,
                                           std::string_view asset) noexcept;

/// By enum_value.
[[nodiscard]] std::vector<Exchange> choose_exchanges(const cache::ReferenceTable& reference,
                                                     const ExchangeFilter& filter);
/// By base, quote, spelling.
[[nodiscard]] std::vector<const Symbol*> pointers_of(const cache::ReferenceTable& reference, ExchangeId exchange,
                                                     bool active_only);
[[nodiscard]] std::vector<Symbol> symbols_of(const cache::ReferenceTable& reference, ExchangeId exchange,
                                             bool active_only);
/// Of all exchanges, by enum_value, base, quote, spelling.
[[nodiscard]] std::vector<Symbol> symbols_of(const cache::ReferenceTable& reference, const SymbolFilter& filter);

/// Any spelling. Null: none. Errors: ambiguous  lists the candidates.
[[nodiscard]] const Symbol* find_any_spelling(const cache::ReferenceTable& reference, ExchangeId exchange,
                                              const std::string& text);
/// The exchange's own spelling and no other. Null: none.
[[nodiscard]] const Symbol* find_own_spelling(const cache::ReferenceTable& reference, ExchangeId exchange,
                                              std::string_view exchange_symbol);
/// `BTC/USDT` in a market; unknown: any. Null: none. Errors: ambiguous  lists the candidates.
[[nodiscard]] const Symbol* find_pair(const cache::ReferenceTable& reference, ExchangeId exchange,
                                      const std::string& text, MarketType type);
/// The symbols of a series text with a wildcard on either side, by exchange, base, quote, spelling.
/// Errors: unknown_symbol  none fits.
[[nodiscard]] std::vector<Symbol> match_symbols(const cache::ReferenceTable& reference, const std::string& exchange,
                                                const std::string& text);

/// The series of a dataset that a filter means, in the order of their keys. Of balances: those of `stored`.
/// Errors: unknown_exchange, unknown_symbol, ambiguous.
[[nodiscard]] std::vector<storage::SeriesKey> choose_series(const cache::ReferenceTable& reference,
                                                            const storage::Table& table,
                                                            const OwnedSeriesFilter& filter,
                                                            std::span<const storage::SeriesInfo> stored);

/// Whether the pattern fits the series' `EXCHANGE:SYMBOL`, of balances `EXCHANGE:ASSET`.
[[nodiscard]] bool fits_series(const cache::ReferenceTable& reference, Dataset dataset, std::string_view pattern,
                               const storage::SeriesKey& series);

/// By dataset, exchange, symbol.
[[nodiscard]] std::vector<SeriesStats> describe_series(const cache::ReferenceTable& reference,
                                                       std::span<const storage::SeriesInfo> stored);

}  // namespace marketdb
