#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include <marketdb/inline_string.hpp>
#include <marketdb/time.hpp>

/// The records that marketdb keeps. All are trivially copyable: texts are inline with a stated capacity, an absent
/// number is NaN, an absent time is kNoTime. Prices are quote units per base unit; sizes are stored as the exchange
/// sends them, and `Symbol::quantity_unit` and `contract_size` say what they mean.
namespace marketdb {

/// An absent number.
inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

/// Whether a number is there at all.
[[nodiscard]] inline bool is_present(double number) noexcept { return !std::isnan(number); }

/// Identities that the database gives; 0 is none. They hold within one database only.
enum class ExchangeId : std::int32_t {};
enum class SymbolId : std::int32_t {};
enum class SourceId : std::int32_t {};

/// The market of an exchange or a symbol. Texts: SPOT, FUTURES.
enum class MarketType : std::uint8_t { unknown, spot, futures };

/// What kind of contract a symbol is. `inverse` is a perpetual that is settled in its base asset; `dated` expires.
enum class ContractType : std::uint8_t { unknown, spot, perpetual, inverse, dated };

/// What one unit of `quantity` is.
enum class QuantityUnit : std::uint8_t { unknown, base, quote, contracts };

/// The taker's side of a trade. `unknown` is stored as null.
enum class Side : std::uint8_t { unknown, buy, sell };

/// Whether a funding rate is an estimate for a settlement to come, or was paid.
enum class FundingKind : std::uint8_t { unknown, predicted, settled };

/// A boolean that may be unknown (null).
enum class Tristate : std::uint8_t { unknown, no, yes };

/// A venue and market. Identity: `enum_value`.
struct Exchange {
    ExchangeId id{};                               ///< Given by the database; ignored by inserts.
    MarketType market_type = MarketType::unknown;  ///< Unknown: taken from the ending of `enum_value`.
    bool is_active = true;
    InlineString<31> enum_value;     ///< `<VENUE>_<SPOT or FUTURES>`, upper case: `GATEIO_FUTURES`.
    InlineString<31> exchange_name;  ///< For display; empty: the venue part of `enum_value`.
    Timestamp created_at = kNoTime;  ///< Set by the database.
};

/// An instrument of one exchange. Identity: (exchange_id, exchange_symbol).
struct Symbol {
    SymbolId id{};  ///< Given by the database; ignored by inserts.
    ExchangeId exchange_id{};
    MarketType symbol_type = MarketType::unknown;        ///< Unknown: the exchange's market.
    ContractType contract_type = ContractType::unknown;  ///< Unknown: spot on a spot exchange, perpetual on futures.
    QuantityUnit quantity_unit = QuantityUnit::unknown;  ///< Unknown: base.
    bool is_active = true;
    std::int32_t precision_price = 0;     ///< Decimals; 0 is unknown.
    std::int32_t precision_quantity = 0;  ///< Decimals; 0 is unknown.
    InlineString<23> symbol_base;         ///< `BTC`, upper case.
    InlineString<23> symbol_quote;        ///< `USDT`, upper case.
    InlineString<23> settle_asset;        ///< Empty is unknown.
    InlineString<47> exchange_symbol;     ///< The exchange's own spelling: `BTC_USDT`, `XBTUSD`.
    double contract_size = kNoNumber;     ///< Base units (inverse: quote units) of one contract.
    double tick_size = kNoNumber;         ///< Smallest price step.
    double lot_size = kNoNumber;          ///< Smallest quantity step.
    double min_quantity = kNoNumber;
    double min_notional = kNoNumber;
    Timestamp expires_at = kNoTime;  ///< Of dated contracts.
    Timestamp listed_at = kNoTime;
    Timestamp delisted_at = kNoTime;
    Timestamp created_at = kNoTime;  ///< Set by the database.
    Timestamp updated_at = kNoTime;  ///< Set by the database.
};

/// Best bid and ask. Key: (symbol_id, timestamp, sequence). A side is there with price and size or absent with both;
/// at least one side is there; ask >= bid. A size of 0 means that the side is absent.
struct BookTicker {
    SymbolId symbol_id{};
    SourceId source_id{};             ///< Where the row comes from; 0 on insert: the manager's own session.
    Timestamp timestamp = kNoTime;    ///< When the exchange says it happened (equal to received_at: it did not say).
    std::int64_t sequence = 0;        ///< Order within a timestamp: the exchange's update id where it has one.
    Timestamp received_at = kNoTime;  ///< When we got it; absent if unknown, never invented.
    double bid_price = kNoNumber;
    double bid_qty = kNoNumber;
    double ask_price = kNoNumber;
    double ask_qty = kNoNumber;
};

/// One trade, or an aggregate of trades. Key: (symbol_id, timestamp, trade_id).
struct Trade {
    SymbolId symbol_id{};
    SourceId source_id{};
    Timestamp timestamp = kNoTime;
    std::int64_t sequence = 0;  ///< Order within a timestamp; trades are read by (timestamp, sequence, trade_id).
    Timestamp received_at = kNoTime;
    double price = kNoNumber;
    double quantity = kNoNumber;
    double quote_quantity = kNoNumber;      ///< As the exchange states it; absent if it does not.
    Side side = Side::unknown;              ///< The taker's.
    Tristate is_buyer = Tristate::unknown;  ///< Of own fills.
    Tristate is_maker = Tristate::unknown;  ///< Of own fills.
    InlineString<63> trade_id;              ///< Empty: `~` and the sequence is stored. An aggregate: `a` and its id.
};

/// A funding rate. Key: (symbol_id, timestamp, kind).
struct FundingRate {
    SymbolId symbol_id{};
    SourceId source_id{};
    Timestamp timestamp = kNoTime;
    Timestamp received_at = kNoTime;
    double funding_rate = kNoNumber;  ///< Fraction per interval: 0.0001 is one basis point.
    double mark_price = kNoNumber;
    Timestamp funding_time = kNoTime;   ///< The settlement that the rate applies to; absent if unknown.
    std::int32_t interval_minutes = 0;  ///< 0 is unknown.
    FundingKind kind = FundingKind::predicted;
};

/// What an account holds of one asset. Key: (exchange_id, account, asset_name, timestamp).
struct Balance {
    ExchangeId exchange_id{};
    SourceId source_id{};
    Timestamp timestamp = kNoTime;
    Timestamp received_at = kNoTime;
    double available_balance = 0;  ///< May be negative (margin).
    double locked_balance = 0;
    double frozen_balance = kNoNumber;
    double borrowing_balance = kNoNumber;
    double interest_balance = kNoNumber;
    double total_balance = kNoNumber;  ///< available + locked; computed when stored, whatever the caller put here.
    InlineString<31> account = "main";
    InlineString<23> asset_name;
};

/// Where rows come from: a file that was imported, a session of a program, a copy, a migration.
struct Source {
    SourceId id{};
    InlineString<15> kind;     ///< `import`, `session`, `copy`, `migration`.
    InlineString<254> name;    ///< The file's name, or the program's.
    InlineString<64> sha256;   ///< Of the file's bytes as given, 64 hex digits; empty if it was no file.
    InlineString<31> program;  ///< `marketdb 0.1.0`.
    InlineString<63> host;
    Timestamp started_at = kNoTime;
    Timestamp finished_at = kNoTime;  ///< Absent: still running, or interrupted. Only a finished import counts.
    std::int64_t rows = 0;            ///< Rows written by it when it finished.
};

/// A row of a file that could not be stored, kept with the reason.
struct QuarantinedRow {
    SourceId source_id{};
    std::int64_t line = 0;     ///< 1 is the first line of the file.
    InlineString<31> dataset;  ///< `book-tickers`.
    InlineString<254> reason;  ///< As the error would have said it.
    InlineString<510> text;    ///< The line, cut to 510 bytes.
};

static_assert(std::is_trivially_copyable_v<Exchange> && std::is_trivially_copyable_v<Symbol> &&
              std::is_trivially_copyable_v<BookTicker> && std::is_trivially_copyable_v<Trade> &&
              std::is_trivially_copyable_v<FundingRate> && std::is_trivially_copyable_v<Balance> &&
              std::is_trivially_copyable_v<Source> && std::is_trivially_copyable_v<QuarantinedRow>);

/// The pair as people write it: `BTC/USDT`; of a dated contract `BTC/USDT-261225` (its expiry as yymmdd).
[[nodiscard]] std::string pair(const Symbol& symbol);

/// Base and quote joined: `BTCUSDT`.
[[nodiscard]] std::string joined(const Symbol& symbol);

/// The texts that the database, CSV and JSON use: `SPOT`, `perpetual`, `base`, `buy`, `settled`; unknown is empty.
[[nodiscard]] std::string_view to_string(MarketType value) noexcept;
[[nodiscard]] std::string_view to_string(ContractType value) noexcept;
[[nodiscard]] std::string_view to_string(QuantityUnit value) noexcept;
[[nodiscard]] std::string_view to_string(Side value) noexcept;
[[nodiscard]] std::string_view to_string(FundingKind value) noexcept;

}  // namespace marketdb
