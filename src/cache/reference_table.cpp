#include "cache/reference_table.hpp"

#include <algorithm>
#include <mutex>
#include <tuple>

#include "cache/intern_table.hpp"
#include "cache/lookup_counters.hpp"
#include "storage/table.hpp"

namespace marketdb::cache {

namespace {

// How well a text names a row: the lower, the better. Rows of one rank are a tie.
struct Rank {
    std::uint8_t spelling = 0;  ///< 0: the exchange's own, 1: the same in another case, 2: normalised.
    std::uint8_t contract = 0;  ///< Of a normalised text only: 0 what a pair means on this market, 1 inverse, 2 others.
    bool is_inactive = false;
    friend auto operator<=>(const Rank&, const Rank&) = default;
};

std::uint8_t contract_rank(const Symbol& symbol, MarketType market) noexcept {
    const ContractType meant = market == MarketType::spot ? ContractType::spot : ContractType::perpetual;
    if (symbol.contract_type == meant || symbol.contract_type == ContractType::unknown) return 0;
    return symbol.contract_type == ContractType::inverse ? 1 : 2;
}

Rank rank_of(const Symbol& symbol, std::string_view text, MarketType market) noexcept {
    if (symbol.exchange_symbol == text) return {.spelling = 0};
    if (equal_any_case(symbol.exchange_symbol, text)) return {.spelling = 1, .is_inactive = !symbol.is_active};
    return {.spelling = 2, .contract = contract_rank(symbol, market), .is_inactive = !symbol.is_active};
}

Rank rank_of(const Exchange& exchange, std::string_view text) noexcept {
    if (exchange.enum_value == text) return {.spelling = 0};
    return {.spelling = 1, .is_inactive = !exchange.is_active};
}

// Takes rows one by one and keeps the one of the best rank, or none if several share it.
template <class Row, class RankOf>
class Choice {
 public:
    explicit Choice(const RankOf& rank_of_row) noexcept : rank_of_row_(rank_of_row) {}

    void offer(const Row& row) noexcept {
        if (best_ == nullptr) {
            best_ = &row;
            return;
        }
        if (best_->id == row.id) return;
        if (!is_ranked_) rank_ = rank_of_row_(*best_);
        is_ranked_ = true;
        const Rank rank = rank_of_row_(row);
        if (rank > rank_) return;
        is_tie_ = rank == rank_;
        if (is_tie_) return;
        best_ = &row;
        rank_ = rank;
    }

    [[nodiscard]] const Row* result() const noexcept { return is_tie_ ? nullptr : best_; }

 private:
    const RankOf& rank_of_row_;
    const Row* best_ = nullptr;
    Rank rank_;  // Of best_, once a second row has come: nearly every text fits one.
    bool is_ranked_ = false;
    bool is_tie_ = false;
};

template <class Row>
bool same(const Row& a, const Row& b) {
    const storage::Table& table = storage::table_of<Row>();
    const auto* a_bytes = reinterpret_cast<const std::byte*>(&a);
    const auto* b_bytes = reinterpret_cast<const std::byte*>(&b);
    return std::all_of(table.columns.begin(), table.columns.end(),
                       [&](const storage::Column& column) { return storage::equal(a_bytes, b_bytes, column); });
}

template <class Table, class Row>
bool apply_rows(Table& table, std::span<const Row> rows) {
    const auto is_new = [&](const Row& row) {
        if (static_cast<std::int32_t>(row.id) == 0) return false;
        const Row* known = table.find(static_cast<std::int32_t>(row.id));
        return known == nullptr || !same(*known, row);
    };
    const auto first = std::find_if(rows.begin(), rows.end(), is_new);
    if (first == rows.end()) return false;

    if (table.size() == 0) table.reserve(rows.size());
    for (auto row = first; row != rows.end(); ++row) {
        if (is_new(*row)) table.put(*row);
    }
    return true;
}

}  // namespace

struct ReferenceTable::Impl {
    InternTable<Exchange, 1> exchanges;
    InternTable<Symbol, 2> symbols;
    mutable LookupCounters counters;
    mutable std::mutex apply_mutex;
    std::uint64_t applied = 0;  // guarded by apply_mutex

    [[nodiscard]] const Exchange* find_exchange(ExchangeId id) const noexcept {
        return exchanges.find(static_cast<std::int32_t>(id));
    }
    [[nodiscard]] MarketType market_of(ExchangeId id) const noexcept {
        const Exchange* exchange = find_exchange(id);
        return exchange != nullptr ? exchange->market_type : MarketType::unknown;
    }
    // Visits every symbol that the text fits; a text of separators alone is only a spelling if it is one exactly.
    template <class Visit>
    void visit(ExchangeId exchange, std::string_view text, Visit&& visit_row) const
        noexcept(noexcept(visit_row(std::declval<const Symbol&>()))) {
        SpellingKey key;
        if (!make_symbol_key(exchange, text, key)) return;
        symbols.for_each_fit(key, [&](const Symbol& symbol) noexcept(noexcept(visit_row(symbol))) {
            if (key.length == 0 && symbol.exchange_symbol != text) return;
            visit_row(symbol);
        });
    }
};

ReferenceTable::ReferenceTable() : impl_(std::make_unique<Impl>()) {}
ReferenceTable::~ReferenceTable() = default;

const Exchange* ReferenceTable::find_exchange(ExchangeId id) const noexcept {
    return impl_->counters.counted([&]() noexcept { return impl_->find_exchange(id); });
}

const Exchange* ReferenceTable::find_exchange(std::string_view enum_value) const noexcept {
    return impl_->counters.counted([&]() noexcept {
        const auto rank = [&](const Exchange& row) noexcept { return rank_of(row, enum_value); };
        Choice<Exchange, decltype(rank)> choice(rank);
        SpellingKey key;
        if (!make_exchange_key(enum_value, key)) return choice.result();
        impl_->exchanges.for_each_fit(key, [&](const Exchange& row) noexcept { choice.offer(row); });
        return choice.result();
    });
}

const Symbol* ReferenceTable::find_symbol(SymbolId id) const noexcept {
    return impl_->counters.counted([&]() noexcept { return impl_->symbols.find(static_cast<std::int32_t>(id)); });
}

const Symbol* ReferenceTable::find_symbol(ExchangeId exchange, std::string_view text) const noexcept {
    return impl_->counters.counted([&]() noexcept {
        const auto rank = [&](const Symbol& row) noexcept { return rank_of(row, text, impl_->market_of(exchange)); };
        Choice<Symbol, decltype(rank)> choice(rank);
        impl_->visit(exchange, text, [&](const Symbol& row) noexcept { choice.offer(row); });
        return choice.result();
    });
}

std::vector<const Symbol*> ReferenceTable::candidates(ExchangeId exchange, std::string_view text) const {
    using Ranked = std::tuple<Rank, SymbolId, const Symbol*>;
    std::vector<Ranked> ranked;
    const MarketType market = impl_->market_of(exchange);
    impl_->visit(exchange, text,
                 [&](const Symbol& row) { ranked.emplace_back(rank_of(row, text, market), row.id, &row); });
    std::sort(ranked.begin(), ranked.end());
    const auto same_id = [](const Ranked& a, const Ranked& b) {
        return std::get<SymbolId>(a) == std::get<SymbolId>(b);
    };
    ranked.erase(std::unique(ranked.begin(), ranked.end(), same_id), ranked.end());

    std::vector<const Symbol*> symbols;
    symbols.reserve(ranked.size());
    for (const Ranked& entry : ranked) symbols.push_back(std::get<const Symbol*>(entry));
    return symbols;
}

std::vector<const Exchange*> ReferenceTable::exchanges() const { return impl_->exchanges.rows(); }
std::vector<const Symbol*> ReferenceTable::symbols() const { return impl_->symbols.rows(); }
std::size_t ReferenceTable::size() const noexcept { return impl_->exchanges.size() + impl_->symbols.size(); }

bool ReferenceTable::apply(std::span<const Exchange> exchanges, std::span<const Symbol> symbols) {
    const std::lock_guard lock(impl_->apply_mutex);
    ++impl_->applied;
    // Exchanges first: whoever finds a new symbol finds its exchange.
    const bool has_new_exchanges = apply_rows(impl_->exchanges, exchanges);
    const bool has_new_symbols = apply_rows(impl_->symbols, symbols);
    return has_new_exchanges || has_new_symbols;
}

std::uint64_t ReferenceTable::applied() const {
    const std::lock_guard lock(impl_->apply_mutex);
    return impl_->applied;
}

bool ReferenceTable::apply_read(const Exchange& exchange, std::uint64_t applied) {
    const std::lock_guard lock(impl_->apply_mutex);
    return applied == impl_->applied && apply_rows(impl_->exchanges, std::span(&exchange, 1));
}

bool ReferenceTable::apply_read(const Symbol& symbol, std::uint64_t applied) {
    const std::lock_guard lock(impl_->apply_mutex);
    return applied == impl_->applied && apply_rows(impl_->symbols, std::span(&symbol, 1));
}

LookupCounts ReferenceTable::counts() const noexcept { return impl_->counters.counts(); }
void ReferenceTable::reset_counts() noexcept { impl_->counters.reset(); }

}  // namespace marketdb::cache
