#include <marketdb/funding.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <marketdb/measures.hpp>

#include "analysis/operation.hpp"
#include "analysis/series_rows.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kFundingBatchRows = 16'384;
constexpr std::uint64_t kMaxSettledRates = 4'194'304;  // without a limit; stated in the public header
constexpr const char* kFundingCancelled = "reading funding rates was cancelled";
constexpr std::chrono::minutes kMaxApart{1};  // of the quotes of a basis; stated in the public header
constexpr std::array<std::int32_t, 4> kIntervals = {60, 120, 240, 480};  // minutes; those that exchanges use

/// The newest row of the symbol that is older than `time`.
awaitable<std::vector<FundingRate>> row_before(DatabaseManager& db, SymbolId symbol, Timestamp time,
                                               Deadline deadline) {
    HistoryFilter filter = analysis::rows_of(symbol, ClockKind::event, kNoTime, time);
    filter.order = Order::descending;
    History<FundingRate> history = co_await analysis::read_first<FundingRate>(db, filter, deadline);
    co_return std::move(history.rows);
}

/// The distance between the settlement that a predicted rate applies to and the one before; 0 where the rows do not show it.
awaitable<std::int32_t> shown_interval(DatabaseManager& db, FundingRate rate, Deadline deadline) {
    if (rate.kind != FundingKind::predicted || !is_present(rate.funding_time)) co_return 0;
    // A row about this settlement that is older than an interval before it rules that interval out.
    for (const std::int32_t interval : kIntervals) {
        const Timestamp settlement = rate.funding_time - std::chrono::minutes(interval);
        if (!is_storable(settlement)) co_return 0;
        const std::vector<FundingRate> rows = co_await row_before(db, rate.symbol_id, settlement, deadline);
        if (rows.empty()) co_return 0;
        const Timestamp announced = rows.front().funding_time;
        if (announced == settlement) co_return interval;
        if (announced != rate.funding_time) co_return 0;  // rows are missing in between
    }
    co_return 0;
}

Timestamp next_settlement_of(const FundingRate& rate) noexcept {
    if (rate.kind != FundingKind::settled) return rate.funding_time;
    if (rate.interval_minutes <= 0 || !is_present(rate.funding_time)) return kNoTime;
    return rate.funding_time + std::chrono::minutes(rate.interval_minutes);
}

awaitable<std::vector<LatestFunding>> conclude(DatabaseManager& db, awaitable<std::vector<Latest<FundingRate>>> asked,
                                               Deadline deadline) {
    const std::vector<Latest<FundingRate>> rates = co_await std::move(asked);
    std::vector<LatestFunding> latest;
    latest.reserve(rates.size());
    for (const Latest<FundingRate>& one : rates) {
        FundingRate rate = one.row;
        if (rate.interval_minutes <= 0) rate.interval_minutes = co_await shown_interval(db, rate, deadline);
        LatestFunding funding;
        funding.rate = one.row;
        funding.age = one.age;
        funding.interval_minutes = rate.interval_minutes;
        funding.annualised = annualised_funding_rate(rate);
        funding.next_settlement = next_settlement_of(rate);
        latest.push_back(funding);
    }
    co_return latest;
}

/// The next settled rates; none at the end.
awaitable<std::vector<FundingRate>> next_settled(HistoryReader<FundingRate>& reader, std::size_t max_rows,
                                                 Deadline deadline) {
    std::vector<FundingRate> rows;
    for (bool is_last = false; rows.empty() && !is_last;) {
        rows = co_await reader.next(max_rows, deadline);
        is_last = rows.empty();
        std::erase_if(rows, [](const FundingRate& row) { return row.kind != FundingKind::settled; });
    }
    co_return rows;
}

awaitable<History<FundingRate>> collect_settled(HistoryReader<FundingRate> reader, std::uint64_t limit,
                                                Deadline deadline) {
    History<FundingRate> settled;
    for (;;) {
        const std::vector<FundingRate> rows = co_await next_settled(reader, kFundingBatchRows, deadline);
        const std::uint64_t kept = std::min<std::uint64_t>(rows.size(), limit - settled.rows.size());
        settled.rows.insert(settled.rows.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(kept));
        settled.truncated = kept < rows.size();
        if (settled.truncated || rows.empty()) break;
    }
    settled.without_received_at = reader.without_received_at();
    co_return settled;
}

/// Errors: resource_exhausted.
awaitable<History<FundingRate>> collect_all_settled(HistoryReader<FundingRate> reader, Deadline deadline) {
    History<FundingRate> settled = co_await collect_settled(std::move(reader), kMaxSettledRates, deadline);
    if (settled.truncated) {
        throw Error(ErrorCode::resource_exhausted,
                    fmt::format("more than {} settled funding rates; read them in batches, or ask for a shorter time",
                                kMaxSettledRates));
    }
    co_return settled;
}

/// Errors: invalid_argument.
void refuse_sampling(const HistoryFilter& filter) {
    analysis::refuse(filter.every.count() != 0, "every: expected none, it would choose among predicted rates too");
}

/// A quote with the names that order it.
struct Leg {
    Latest<BookTicker> quote;
    Symbol symbol;
    std::string exchange;
};

bool by_name(const Leg& a, const Leg& b) noexcept {
    return std::tuple(std::string_view(a.exchange), a.symbol.exchange_symbol.view()) <
           std::tuple(std::string_view(b.exchange), b.symbol.exchange_symbol.view());
}

bool is_perpetual(const Symbol& symbol) noexcept {
    return symbol.contract_type == ContractType::perpetual || symbol.contract_type == ContractType::inverse;
}

bool is_same_pair(const Symbol& a, const Symbol& b) noexcept {
    return a.symbol_base == b.symbol_base && a.symbol_quote == b.symbol_quote;
}

Basis basis_of(const Leg& spot, const Leg& perpetual) noexcept {
    Basis basis;
    basis.spot = spot.symbol.id;
    basis.perpetual = perpetual.symbol.id;
    basis.spot_mid = mid(spot.quote.row);
    basis.perpetual_mid = mid(perpetual.quote.row);
    basis.spot_age = spot.quote.age;
    basis.perpetual_age = perpetual.quote.age;
    if (std::chrono::abs(basis.spot_age - basis.perpetual_age) > kMaxApart) return basis;
    basis.basis_bps = (basis.perpetual_mid - basis.spot_mid) / basis.spot_mid * 10'000;
    return basis;
}

/// The quotes with their symbols, by name.
awaitable<std::vector<Leg>> name_quotes(DatabaseManager& db, std::vector<Latest<BookTicker>> quotes,
                                        Deadline deadline) {
    std::vector<Leg> legs;
    for (const Latest<BookTicker>& quote : quotes) {
        const SymbolId id = quote.row.symbol_id;
        const std::optional<Symbol> symbol = co_await db.get_symbol_by_id(id, deadline);
        const ExchangeId exchange_id = symbol ? symbol->exchange_id : ExchangeId{};
        const std::optional<Exchange> exchange = co_await db.get_exchange_by_id(exchange_id, deadline);
        if (!symbol || !exchange) {
            throw Error(ErrorCode::corrupt,
                        fmt::format("rows of symbol {}, which is not stored", static_cast<int>(id)));
        }
        Leg leg;
        leg.quote = quote;
        leg.symbol = *symbol;
        leg.exchange = exchange->enum_value.str();
        legs.push_back(std::move(leg));
    }
    std::sort(legs.begin(), legs.end(), by_name);
    co_return legs;
}

awaitable<std::vector<Basis>> pair_up(DatabaseManager& db, awaitable<std::vector<Latest<BookTicker>>> asked,
                                      Deadline deadline) {
    std::vector<Latest<BookTicker>> quotes = co_await std::move(asked);
    const std::vector<Leg> legs = co_await name_quotes(db, std::move(quotes), deadline);
    std::vector<Basis> pairs;
    for (const Leg& spot : legs) {
        if (spot.symbol.contract_type != ContractType::spot) continue;
        for (const Leg& perpetual : legs) {
            if (!is_perpetual(perpetual.symbol) || !is_same_pair(spot.symbol, perpetual.symbol)) continue;
            pairs.push_back(basis_of(spot, perpetual));
        }
    }
    co_return pairs;
}

}  // namespace

awaitable<std::vector<LatestFunding>> get_latest_funding(DatabaseManager& db, LatestFilter filter, Deadline deadline) {
    const Deadline resolved = analysis::resolved(db, deadline);
    return analysis::run(conclude(db, db.get_latest_funding_rates(filter, resolved), resolved), kFundingCancelled);
}

class SettledFundingReader::State {
 public:
    State(DatabaseManager& db, HistoryReader<FundingRate> reader) : db_(db), reader_(std::move(reader)) {}

    [[nodiscard]] DatabaseManager& db() const noexcept { return db_; }
    [[nodiscard]] HistoryReader<FundingRate>& reader() noexcept { return reader_; }

 private:
    DatabaseManager& db_;
    HistoryReader<FundingRate> reader_;
};

SettledFundingReader::SettledFundingReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SettledFundingReader::SettledFundingReader(SettledFundingReader&&) noexcept = default;
SettledFundingReader& SettledFundingReader::operator=(SettledFundingReader&&) noexcept = default;
SettledFundingReader::~SettledFundingReader() = default;

awaitable<std::vector<FundingRate>> SettledFundingReader::next(std::size_t max_rows, Deadline deadline) {
    analysis::refuse(max_rows == 0, "max_rows: expected at least 1");
    const Deadline resolved = analysis::resolved(state_->db(), deadline);
    return analysis::run(next_settled(state_->reader(), max_rows, resolved), kFundingCancelled);
}

std::uint64_t SettledFundingReader::without_received_at() const noexcept {
    return state_->reader().without_received_at();
}

SettledFundingReader read_settled_funding(DatabaseManager& db, HistoryFilter filter) {
    refuse_sampling(filter);
    analysis::refuse(filter.limit != 0, "limit: expected none, it would count predicted rates too");
    HistoryReader<FundingRate> reader = db.read_history<FundingRate>(filter);
    return SettledFundingReader(std::make_unique<SettledFundingReader::State>(db, std::move(reader)));
}

awaitable<History<FundingRate>> get_settled_funding(DatabaseManager& db, HistoryFilter filter, Deadline deadline) {
    refuse_sampling(filter);
    const std::uint64_t limit = std::exchange(filter.limit, 0);  // would count predicted rates
    const Deadline resolved = analysis::resolved(db, deadline);
    HistoryReader<FundingRate> reader = db.read_history<FundingRate>(filter);
    return analysis::run(limit == 0 ? collect_all_settled(std::move(reader), resolved)
                                    : collect_settled(std::move(reader), limit, resolved),
                         kFundingCancelled);
}

awaitable<std::vector<Basis>> get_basis(DatabaseManager& db, LatestFilter filter, Deadline deadline) {
    analysis::refuse(filter.limit != 0, "limit: expected none, it would cut quotes and not pairs");
    const Deadline resolved = analysis::resolved(db, deadline);
    return analysis::run(pair_up(db, db.get_latest_book_tickers(filter, resolved), resolved),
                         "reading the basis was cancelled");
}

}  // namespace marketdb
