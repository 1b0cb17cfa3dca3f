#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <marketdb/models.hpp>

/// What an exchange's own spelling of a symbol tells.
namespace marketdb::io {

/// The exchange of a Tardis id: `binance-delivery` is BINANCECM_FUTURES. Empty if the id is not known.
[[nodiscard]] std::string_view exchange_of_tardis_id(std::string_view id) noexcept;

/// `<VENUE>_SPOT` or `<VENUE>_FUTURES` in upper case.
/// Errors: invalid_argument  the text has another form; `where: reason`, and the advice behind.
[[nodiscard]] std::string exchange_name(std::string_view text, std::string_view where, std::string_view advice = {});

/// The two assets of a pair.
struct Pair {
    std::string base;
    std::string quote;
};

/// A symbol's text `BTC/USDT` or, dated, `BTC/USDT-261225`.
struct PairText {
    Pair pair;
    Timestamp expires_at = kNoTime;  ///< Midnight of the date.
};
[[nodiscard]] std::optional<PairText> parse_pair_text(std::string_view text);

/// What the caller or the file says about a symbol besides its spelling. Empty is unknown.
struct KnownPair {
    std::string_view base;
    std::string_view quote;
    Timestamp expires_at = kNoTime;
};

/// A symbol as its spelling on this exchange describes it: base and quote (split at `-`, `_` or `/`, else before the
/// longest known quote; both empty if neither works, as for `1000BONKPERP`), contract_type, quantity_unit,
/// settle_asset, expires_at. Ids are 0.
///
/// Errors: invalid_argument  `column symbol: ...`: empty, too long, not UTF-8; a month code (`BTCUSDH24`) of a symbol
///                           that is new, for all that the file says.
[[nodiscard]] Symbol describe_symbol(std::string_view exchange, std::string_view spelling, const KnownPair& known);

}  // namespace marketdb::io
