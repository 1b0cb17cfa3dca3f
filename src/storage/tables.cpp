#include <array>
#include <cstddef>
#include <type_traits>

#include "core/labels.hpp"
#include "storage/prepare.hpp"
#include "storage/retention_rows.hpp"
#include "storage/table.hpp"

namespace marketdb::storage {
namespace {

constexpr std::span<const std::string_view> labels_of(MarketType) { return core::kMarketTypeLabels; }
constexpr std::span<const std::string_view> labels_of(ContractType) { return core::kContractTypeLabels; }
constexpr std::span<const std::string_view> labels_of(QuantityUnit) { return core::kQuantityUnitLabels; }
constexpr std::span<const std::string_view> labels_of(Side) { return core::kSideLabels; }
constexpr std::span<const std::string_view> labels_of(FundingKind) { return core::kFundingKindLabels; }

template <class Member>
inline constexpr bool kIsText = false;
template <std::size_t Capacity>
inline constexpr bool kIsText<InlineString<Capacity>> = true;

template <class Member>
consteval Kind kind_of() {
    if (kIsText<Member>) return Kind::text;
    if (std::is_same_v<Member, double>) return Kind::float64;
    if (std::is_same_v<Member, Timestamp>) return Kind::time;
    if (std::is_same_v<Member, bool>) return Kind::boolean;
    if (std::is_same_v<Member, Tristate>) return Kind::tristate;
    if (std::is_same_v<Member, std::int64_t>) return Kind::int64;
    return sizeof(Member) == sizeof(std::int32_t) ? Kind::int32 : Kind::label;
}

/// What a column's type does not say.
struct Meaning {
    Role role = Role::value;
    bool nullable = false;
    std::uint8_t group = 0;
    std::string_view references = {};
};

template <class Member>
consteval Column column(std::string_view name, std::size_t offset, Meaning meaning = {}) {
    Column made{.name = name,
                .kind = kind_of<Member>(),
                .offset = static_cast<std::uint16_t>(offset),
                .role = meaning.role,
                .nullable = meaning.nullable,
                .group = meaning.group,
                .labels = {},
                .references = meaning.references};
    if constexpr (kIsText<Member>) {
        made.capacity = Member::kCapacity;
        made.get_text = [](const std::byte* member) { return reinterpret_cast<const Member*>(member)->view(); };
        made.set_text = [](std::byte* member, std::string_view text) { *reinterpret_cast<Member*>(member) = text; };
        made.is_overlong = [](const std::byte* member) {
            return reinterpret_cast<const Member*>(member)->is_overlong();
        };
    } else if constexpr (kind_of<Member>() == Kind::label) {
        made.labels = labels_of(Member{});
    }
    return made;
}

// A macro because only the preprocessor turns a member into its name and offset.
#define MARKETDB_COLUMN(Row, member, ...) \
    column<decltype(Row::member)>(#member, offsetof(Row, member) __VA_OPT__(, ) __VA_ARGS__)

/// Where the named columns stand; a wrong name does not compile.
template <std::size_t Count, class... Names>
consteval std::array<std::uint8_t, sizeof...(Names)> indexes(const std::array<Column, Count>& columns, Names... names) {
    const auto index_of = [&columns](std::string_view name) {
        std::size_t index = 0;
        while (columns.at(index).name != name) ++index;
        return static_cast<std::uint8_t>(index);
    };
    return {index_of(names)...};
}

constexpr Meaning kNullable{.nullable = true};
constexpr Meaning kGenerated{.role = Role::generated};
constexpr Meaning kEventTime{.role = Role::event_time};
constexpr Meaning kReceivedAt{.role = Role::received_at, .nullable = true};
constexpr Meaning kSequence{.role = Role::sequence};
constexpr Meaning kSymbolSeries{.role = Role::series, .references = "symbols(id)"};
constexpr Meaning kExchangeSeries{.role = Role::series, .references = "exchanges(id)"};
// No foreign key to sources: one more look-up in every insert of a tick, and the manager writes both tables.
constexpr Meaning kSource{.role = Role::source, .nullable = true};
constexpr Meaning kSides{.nullable = true, .group = 1};

template <class Row>
struct Descriptor;

template <>
struct Descriptor<Exchange> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(Exchange, id, kGenerated), MARKETDB_COLUMN(Exchange, enum_value),
        MARKETDB_COLUMN(Exchange, exchange_name),  MARKETDB_COLUMN(Exchange, market_type),
        MARKETDB_COLUMN(Exchange, is_active),      MARKETDB_COLUMN(Exchange, created_at, kNullable),
    };
    static constexpr auto kKey = indexes(kColumns, "enum_value");
    static constexpr auto kOrder = indexes(kColumns, "id");
    static constexpr Table kTable{.name = "exchanges",
                                  .dataset = {},
                                  .row_size = sizeof(Exchange),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = {},
                                  .order = kOrder,
                                  .constraints = {},
                                  .prepare = prepare_exchange};
};

template <>
struct Descriptor<Symbol> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(Symbol, id, kGenerated),
        MARKETDB_COLUMN(Symbol, exchange_id, Meaning{.references = "exchanges(id)"}),
        MARKETDB_COLUMN(Symbol, symbol_base),
        MARKETDB_COLUMN(Symbol, symbol_quote),
        MARKETDB_COLUMN(Symbol, exchange_symbol),
        MARKETDB_COLUMN(Symbol, symbol_type),
        MARKETDB_COLUMN(Symbol, contract_type),
        MARKETDB_COLUMN(Symbol, quantity_unit),
        MARKETDB_COLUMN(Symbol, is_active),
        MARKETDB_COLUMN(Symbol, precision_price, kNullable),
        MARKETDB_COLUMN(Symbol, precision_quantity, kNullable),
        MARKETDB_COLUMN(Symbol, settle_asset, kNullable),
        MARKETDB_COLUMN(Symbol, contract_size, kNullable),
        MARKETDB_COLUMN(Symbol, tick_size, kNullable),
        MARKETDB_COLUMN(Symbol, lot_size, kNullable),
        MARKETDB_COLUMN(Symbol, min_quantity, kNullable),
        MARKETDB_COLUMN(Symbol, min_notional, kNullable),
        MARKETDB_COLUMN(Symbol, expires_at, kNullable),
        MARKETDB_COLUMN(Symbol, listed_at, kNullable),
        MARKETDB_COLUMN(Symbol, delisted_at, kNullable),
        MARKETDB_COLUMN(Symbol, created_at, kNullable),
        MARKETDB_COLUMN(Symbol, updated_at, kNullable),
    };
    static constexpr auto kKey = indexes(kColumns, "exchange_id", "exchange_symbol");
    static constexpr auto kOrder = indexes(kColumns, "id");
    static constexpr Table kTable{.name = "symbols",
                                  .dataset = {},
                                  .row_size = sizeof(Symbol),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = {},
                                  .order = kOrder,
                                  .constraints = {},
                                  .prepare = prepare_symbol};
};

template <>
struct Descriptor<Source> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(Source, id, kGenerated),
        MARKETDB_COLUMN(Source, kind),
        MARKETDB_COLUMN(Source, name),
        MARKETDB_COLUMN(Source, sha256, kNullable),
        MARKETDB_COLUMN(Source, program, kNullable),
        MARKETDB_COLUMN(Source, host, kNullable),
        MARKETDB_COLUMN(Source, started_at),
        MARKETDB_COLUMN(Source, finished_at, kNullable),
        MARKETDB_COLUMN(Source, rows),
    };
    static constexpr auto kKey = indexes(kColumns, "id");
    static constexpr Table kTable{.name = "sources",
                                  .dataset = {},
                                  .row_size = sizeof(Source),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = {},
                                  .order = kKey,
                                  .constraints = {},
                                  .prepare = prepare_source};
};

template <>
struct Descriptor<QuarantinedRow> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(QuarantinedRow, source_id, Meaning{.role = Role::series, .references = "sources(id)"}),
        MARKETDB_COLUMN(QuarantinedRow, line),
        MARKETDB_COLUMN(QuarantinedRow, dataset),
        MARKETDB_COLUMN(QuarantinedRow, reason),
        MARKETDB_COLUMN(QuarantinedRow, text),
    };
    static constexpr auto kKey = indexes(kColumns, "source_id", "line");
    static constexpr auto kSeries = indexes(kColumns, "source_id");
    static constexpr auto kOrder = indexes(kColumns, "line");
    static constexpr Table kTable{.name = "quarantined_rows",
                                  .dataset = {},
                                  .row_size = sizeof(QuarantinedRow),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = kSeries,
                                  .order = kOrder,
                                  .constraints = {},
                                  .prepare = prepare_quarantined_row};
};

template <>
struct Descriptor<RetentionPolicyRow> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(RetentionPolicyRow, id, kGenerated), MARKETDB_COLUMN(RetentionPolicyRow, dataset),
        MARKETDB_COLUMN(RetentionPolicyRow, max_age_us),     MARKETDB_COLUMN(RetentionPolicyRow, max_bytes),
        MARKETDB_COLUMN(RetentionPolicyRow, takes_imports),  MARKETDB_COLUMN(RetentionPolicyRow, updated_at, kNullable),
    };
    static constexpr auto kKey = indexes(kColumns, "dataset");
    static constexpr auto kOrder = indexes(kColumns, "id");
    static constexpr std::array<std::string_view, 1> kConstraints{R"(CHECK ("max_age_us" >= 0 AND "max_bytes" >= 0))"};
    static constexpr Table kTable{.name = "retention_policies",
                                  .dataset = {},
                                  .row_size = sizeof(RetentionPolicyRow),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = {},
                                  .order = kOrder,
                                  .constraints = kConstraints,
                                  .since = 6,
                                  .prepare = prepare_retention_policy};
};

template <>
struct Descriptor<RetentionHoldRow> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(RetentionHoldRow, id, kGenerated),
        MARKETDB_COLUMN(RetentionHoldRow, dataset, kNullable),
        MARKETDB_COLUMN(RetentionHoldRow, start_time, kNullable),
        MARKETDB_COLUMN(RetentionHoldRow, end_time, kNullable),
        MARKETDB_COLUMN(RetentionHoldRow, reason),
        MARKETDB_COLUMN(RetentionHoldRow, created_at, kNullable),
        MARKETDB_COLUMN(RetentionHoldRow, released_at, kNullable),
    };
    static constexpr auto kKey = indexes(kColumns, "id");
    static constexpr std::array<std::string_view, 1> kConstraints{R"(CHECK ("start_time" < "end_time"))"};
    static constexpr Table kTable{.name = "retention_holds",
                                  .dataset = {},
                                  .row_size = sizeof(RetentionHoldRow),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = {},
                                  .order = kKey,
                                  .constraints = kConstraints,
                                  .since = 6,
                                  .prepare = prepare_retention_hold};
};

template <>
struct Descriptor<BookTicker> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(BookTicker, symbol_id, kSymbolSeries), MARKETDB_COLUMN(BookTicker, timestamp, kEventTime),
        MARKETDB_COLUMN(BookTicker, sequence, kSequence),      MARKETDB_COLUMN(BookTicker, received_at, kReceivedAt),
        MARKETDB_COLUMN(BookTicker, bid_price, kSides),        MARKETDB_COLUMN(BookTicker, bid_qty, kSides),
        MARKETDB_COLUMN(BookTicker, ask_price, kSides),        MARKETDB_COLUMN(BookTicker, ask_qty, kSides),
        MARKETDB_COLUMN(BookTicker, source_id, kSource),
    };
    static constexpr auto kKey = indexes(kColumns, "symbol_id", "timestamp", "sequence");
    static constexpr auto kSeries = indexes(kColumns, "symbol_id");
    static constexpr auto kOrder = indexes(kColumns, "timestamp", "sequence");
    static constexpr std::array<std::string_view, 5> kConstraints{
        R"(CHECK ("bid_price" > 0 AND "bid_qty" > 0))", R"(CHECK ("ask_price" > 0 AND "ask_qty" > 0))",
        R"(CHECK (("bid_price" IS NULL) = ("bid_qty" IS NULL) AND ("ask_price" IS NULL) = ("ask_qty" IS NULL)))",
        R"(CHECK ("bid_price" IS NOT NULL OR "ask_price" IS NOT NULL))", R"(CHECK ("ask_price" >= "bid_price"))"};
    static constexpr Table kTable{.name = "book_ticker_snapshots",
                                  .dataset = Dataset::book_tickers,
                                  .row_size = sizeof(BookTicker),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = kSeries,
                                  .order = kOrder,
                                  .constraints = kConstraints,
                                  .prepare = prepare_book_ticker};
};

template <>
struct Descriptor<Trade> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(Trade, symbol_id, kSymbolSeries),
        MARKETDB_COLUMN(Trade, timestamp, kEventTime),
        MARKETDB_COLUMN(Trade, trade_id),
        MARKETDB_COLUMN(Trade, sequence, kSequence),
        MARKETDB_COLUMN(Trade, received_at, kReceivedAt),
        MARKETDB_COLUMN(Trade, price),
        MARKETDB_COLUMN(Trade, quantity),
        MARKETDB_COLUMN(Trade, side, kNullable),
        MARKETDB_COLUMN(Trade, quote_quantity, kNullable),
        MARKETDB_COLUMN(Trade, is_buyer, kNullable),
        MARKETDB_COLUMN(Trade, is_maker, kNullable),
        MARKETDB_COLUMN(Trade, source_id, kSource),
    };
    static constexpr auto kKey = indexes(kColumns, "symbol_id", "timestamp", "trade_id");
    static constexpr auto kSeries = indexes(kColumns, "symbol_id");
    static constexpr auto kOrder = indexes(kColumns, "timestamp", "sequence", "trade_id");
    static constexpr std::array<std::string_view, 1> kConstraints{
        R"(CHECK ("price" > 0 AND "quantity" > 0 AND "quote_quantity" >= 0))"};
    static constexpr Table kTable{.name = "trade_snapshots",
                                  .dataset = Dataset::trades,
                                  .row_size = sizeof(Trade),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = kSeries,
                                  .order = kOrder,
                                  .constraints = kConstraints,
                                  .prepare = prepare_trade};
};

template <>
struct Descriptor<FundingRate> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(FundingRate, symbol_id, kSymbolSeries),
        MARKETDB_COLUMN(FundingRate, timestamp, kEventTime),
        MARKETDB_COLUMN(FundingRate, kind),
        MARKETDB_COLUMN(FundingRate, received_at, kReceivedAt),
        MARKETDB_COLUMN(FundingRate, funding_rate),
        MARKETDB_COLUMN(FundingRate, interval_minutes, kNullable),
        MARKETDB_COLUMN(FundingRate, funding_time, kNullable),
        MARKETDB_COLUMN(FundingRate, mark_price, kNullable),
        MARKETDB_COLUMN(FundingRate, source_id, kSource),
    };
    static constexpr auto kKey = indexes(kColumns, "symbol_id", "timestamp", "kind");
    static constexpr auto kSeries = indexes(kColumns, "symbol_id");
    // The values of FundingKind and their texts sort alike, so memory and database agree on the order.
    static constexpr auto kOrder = indexes(kColumns, "timestamp", "kind");
    static_assert(core::kFundingKindLabels[1] < core::kFundingKindLabels[2]);
    static constexpr std::array<std::string_view, 1> kConstraints{
        R"(CHECK ("interval_minutes" > 0 AND "mark_price" > 0))"};
    static constexpr Table kTable{.name = "funding_rate_snapshots",
                                  .dataset = Dataset::funding_rates,
                                  .row_size = sizeof(FundingRate),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = kSeries,
                                  .order = kOrder,
                                  .constraints = kConstraints,
                                  .prepare = prepare_funding_rate};
};

template <>
struct Descriptor<Balance> {
    static constexpr std::array kColumns{
        MARKETDB_COLUMN(Balance, exchange_id, kExchangeSeries),
        MARKETDB_COLUMN(Balance, account, Meaning{.role = Role::series}),
        MARKETDB_COLUMN(Balance, asset_name, Meaning{.role = Role::series}),
        MARKETDB_COLUMN(Balance, timestamp, kEventTime),
        MARKETDB_COLUMN(Balance, received_at, kReceivedAt),
        MARKETDB_COLUMN(Balance, available_balance),
        MARKETDB_COLUMN(Balance, locked_balance),
        MARKETDB_COLUMN(Balance, frozen_balance, kNullable),
        MARKETDB_COLUMN(Balance, borrowing_balance, kNullable),
        MARKETDB_COLUMN(Balance, interest_balance, kNullable),
        MARKETDB_COLUMN(Balance, total_balance, Meaning{.role = Role::computed}),
        MARKETDB_COLUMN(Balance, source_id, kSource),
    };
    static constexpr auto kKey = indexes(kColumns, "exchange_id", "account", "asset_name", "timestamp");
    static constexpr auto kSeries = indexes(kColumns, "exchange_id", "account", "asset_name");
    static constexpr auto kOrder = indexes(kColumns, "timestamp");
    static constexpr std::array<std::string_view, 1> kConstraints{R"(CHECK ("locked_balance" >= 0))"};
    static constexpr Table kTable{.name = "balance_snapshots",
                                  .dataset = Dataset::balances,
                                  .row_size = sizeof(Balance),
                                  .columns = kColumns,
                                  .key = kKey,
                                  .series = kSeries,
                                  .order = kOrder,
                                  .constraints = kConstraints,
                                  .prepare = prepare_balance};
};

#undef MARKETDB_COLUMN

// Parents before the tables that refer to them; the four datasets last, in the order of Dataset.
constexpr std::array<const Table*, 10> kTables{&Descriptor<Exchange>::kTable,
                                               &Descriptor<Symbol>::kTable,
                                               &Descriptor<Source>::kTable,
                                               &Descriptor<QuarantinedRow>::kTable,
                                               &Descriptor<RetentionPolicyRow>::kTable,
                                               &Descriptor<RetentionHoldRow>::kTable,
                                               &Descriptor<BookTicker>::kTable,
                                               &Descriptor<Trade>::kTable,
                                               &Descriptor<FundingRate>::kTable,
                                               &Descriptor<Balance>::kTable};
constexpr std::size_t kFirstDataset = 6;

}  // namespace

template <class Row>
const Table& table_of() noexcept {
    return Descriptor<Row>::kTable;
}

template const Table& table_of<Exchange>() noexcept;
template const Table& table_of<Symbol>() noexcept;
template const Table& table_of<Source>() noexcept;
template const Table& table_of<QuarantinedRow>() noexcept;
template const Table& table_of<RetentionPolicyRow>() noexcept;
template const Table& table_of<RetentionHoldRow>() noexcept;
template const Table& table_of<BookTicker>() noexcept;
template const Table& table_of<Trade>() noexcept;
template const Table& table_of<FundingRate>() noexcept;
template const Table& table_of<Balance>() noexcept;

const Table& table_of(Dataset dataset) noexcept { return *kTables[kFirstDataset + static_cast<std::size_t>(dataset)]; }

std::span<const Table* const> all_tables() noexcept { return kTables; }

}  // namespace marketdb::storage
