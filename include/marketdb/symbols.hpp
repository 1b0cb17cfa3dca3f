#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// Symbols as exchanges list them. Free functions over the public `DatabaseManager`.
namespace marketdb {

/// How a listing is taken over.
struct SyncOptions {
    bool dated = false;    ///< Dated contracts too. Without it they are neither added nor changed.
    bool allow = false;    ///< Deactivate more than a fifth of the active symbols that the listing is about.
    bool dry_run = false;  ///< Compare and count; write nothing.
};

/// Why instruments of a listing were left out.
struct SyncSkip {
    std::string reason;
    std::vector<std::string> symbols;  ///< In the exchange's spelling.
};

/// What became of the symbols of an exchange, each as `BTC/USDT (BTC_USDT)`, in the listing's order.
struct SyncReport {
    std::string exchange;
    std::vector<std::string> added;
    std::vector<std::string> updated;      ///< Other sizes, ticks or contract data.
    std::vector<std::string> reactivated;  ///< Traded again; other data may have changed too.
    std::vector<std::string> deactivated;  ///< Not in the listing any more, or not traded.
    std::uint64_t unchanged = 0;
    std::vector<SyncSkip> skipped;
};

/// Takes over an exchange's listing of its instruments, the JSON of its REST API as curl saves it: Binance spot and USD-M, MEXC
/// spot, Gate.io spot and futures, Bybit v5, OKX. Symbols that are new are added; of those that are known sizes, ticks and
/// contract data are updated; those that are traded again are made active, and those that are delisted inactive. What a listing does
/// not say stays as it is. Only symbols that the listing is about are looked at: of Bybit a category, of OKX a kind of
/// instrument. All in one transaction (but for the exchange itself, which is made first if it is unknown). The same listing a
/// second time changes nothing. Both texts are read before it returns.
///
/// A symbol is known by the exchange's spelling, else by its pair and contract in any spelling, if that leaves no doubt. Nothing
/// is renamed: a known symbol keeps its spelling, base and quote, and one that is stored as another pair is left out with the
/// reason. An existing schema has no columns for ticks and contract data: they are left out there, and so are new inverse
/// and dated contracts and those whose sizes count contracts, with the reason.
///
/// Errors: invalid_argument  the listing is no whole JSON, has no instrument, says that there is more on another page, is of
///                           another exchange, or of a kind that cannot be read; exchange is not of the form `<VENUE>_<MARKET>`.
///         constraint        more than a fifth of the active symbols would be deactivated (see `allow`).
///         read_only. On any error nothing was changed.
boost::asio::awaitable<SyncReport> sync_symbols(DatabaseManager& db, std::string_view exchange,
                                                std::string_view listing, SyncOptions options = {},
                                                Deadline deadline = {});

/// The text of a listing: a file, plain or compressed (.gz, .zst, .xz, .zip); `-` is standard input.
/// Errors: unavailable  it cannot be read. invalid_argument  damaged compression, or more than 256 MiB of text.
[[nodiscard]] std::string read_listing(const std::filesystem::path& file);

static_assert(std::is_trivially_copyable_v<SyncOptions>);

}  // namespace marketdb
