#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>

/// Listings of instruments: the JSON that exchanges' REST APIs return.
namespace marketdb::io {

/// One instrument of a listing. Ids are 0; what the listing does not say is absent.
struct ListedSymbol {
    Symbol symbol;        ///< `is_active`: it is traded.
    std::string problem;  ///< Not empty: why it cannot be stored.
};

/// Which symbols of an exchange a listing is about: one that it leaves out is not traded any more.
enum class ListingScope : std::uint8_t {
    all,
    linear,   ///< Bybit: settled in a stable asset.
    inverse,  ///< Bybit: settled in the base asset.
    swaps,    ///< OKX: what does not expire.
    dated,    ///< OKX: what does.
};

struct Listing {
    ListingScope scope = ListingScope::all;
    std::vector<ListedSymbol> symbols;  ///< In the listing's order; each spelling once.
    std::uint64_t repeated = 0;         ///< Entries with a spelling that came before; left out.
};

/// Reads a listing of this exchange (`BYBIT_FUTURES`).
///
/// Errors: invalid_argument  the text is no whole JSON; it is a listing of another exchange, or none; it has no instrument, or
///                           says that there is more; listings of this exchange cannot be read.
[[nodiscard]] Listing read_listing(std::string_view exchange, std::string_view text);

/// Whether a listing of this scope is about the symbol.
[[nodiscard]] bool covers(ListingScope scope, const Symbol& symbol) noexcept;

}  // namespace marketdb::io
