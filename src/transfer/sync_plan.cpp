#include "transfer/sync_plan.hpp"

#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"

namespace marketdb::transfer {
namespace {

std::string name_of(const Symbol& symbol) {
    return fmt::format("{} ({})", core::printable(pair(symbol)), core::printable(symbol.exchange_symbol));
}

/// What a symbol is of which nothing more is known than its pair and market.
bool is_plain(const Symbol& symbol) noexcept {
    const bool is_base = symbol.quantity_unit == QuantityUnit::base;
    return is_base && (symbol.contract_type == ContractType::spot || symbol.contract_type == ContractType::perpetual);
}

bool is_known(double value) noexcept { return is_present(value); }
bool is_known(Timestamp value) noexcept { return is_present(value); }
bool is_known(std::int32_t value) noexcept { return value != 0; }
bool is_known(ContractType value) noexcept { return value != ContractType::unknown; }
bool is_known(QuantityUnit value) noexcept { return value != QuantityUnit::unknown; }
template <std::size_t Capacity>
bool is_known(const InlineString<Capacity>& value) noexcept {
    return !value.empty();
}

/// What the listing says and the database does not, member by member.
class Comparison {
 public:
    /// What differs is noted in `update`.
    Comparison(const Symbol& listed, const Symbol& stored, SymbolUpdate& update)
        : listed_(listed), stored_(stored), update_(update) {}

    template <class Value>
    Comparison& of(Value Symbol::*member, std::optional<Value> SymbolUpdate::*change) {
        const Value& says = listed_.*member;
        const Value& has = stored_.*member;
        if (!is_known(says) || (is_known(has) && says == has)) return *this;
        update_.*change = says;
        differs_ = true;
        return *this;
    }
    [[nodiscard]] bool differs() const noexcept { return differs_; }

 private:
    const Symbol& listed_;
    const Symbol& stored_;
    SymbolUpdate& update_;
    bool differs_ = false;
};

}  // namespace

SyncPlanner::SyncPlanner(const io::Listing& listing, std::span<const Symbol> stored, SyncOptions options,
                         bool keeps_contracts)
    : listing_(listing), options_(options), keeps_contracts_(keeps_contracts) {
    std::unordered_set<std::string> listed;
    for (const io::ListedSymbol& one : listing_.symbols) listed.insert(one.symbol.exchange_symbol.str());
    for (const Symbol& symbol : stored) {
        const std::size_t place = stored_.size();
        stored_.push_back({&symbol});
        held_.insert(contract_of(symbol));
        by_spelling_.emplace(symbol.exchange_symbol.str(), place);
        if (!listed.contains(symbol.exchange_symbol.str())) by_contract_[contract_of(symbol)].push_back(place);
        if (symbol.is_active && is_about(symbol)) ++plan_.active;
    }
    for (const io::ListedSymbol& one : listing_.symbols) {
        if (!by_spelling_.contains(one.symbol.exchange_symbol.str())) ++claims_[contract_of(one.symbol)];
    }
}

SyncPlan SyncPlanner::plan() {
    for (const io::ListedSymbol& listed : listing_.symbols) plan_one(listed);
    plan_unmet();
    return std::move(plan_);
}

/// Symbols of one text are the same instrument under two spellings.
std::string SyncPlanner::contract_of(const Symbol& symbol) const {
    std::string name = pair(symbol);  // with the day on which a dated contract expires
    if (keeps_contracts_) name.append(" ").append(to_string(symbol.contract_type));
    return name;
}

bool SyncPlanner::is_about(const Symbol& symbol) const noexcept {
    if (!io::covers(listing_.scope, symbol)) return false;
    return options_.dated || symbol.contract_type != ContractType::dated;
}

void SyncPlanner::plan_one(const io::ListedSymbol& listed) {
    const Symbol& symbol = listed.symbol;
    Stored* stored = find(symbol);
    if (stored != nullptr) stored->is_met = true;
    if (symbol.contract_type == ContractType::dated && listed.problem.empty() && !options_.dated) {
        return skip("dated contract", symbol);
    }
    if (stored == nullptr) return add(listed);
    if (!symbol.is_active) return deactivate(*stored->symbol);
    if (!listed.problem.empty()) return skip(listed.problem, symbol);
    update(symbol, *stored->symbol);
}

SyncPlanner::Stored* SyncPlanner::find(const Symbol& listed) {
    const auto same = by_spelling_.find(listed.exchange_symbol.str());
    if (same != by_spelling_.end()) return &stored_[same->second];
    const auto others = by_contract_.find(contract_of(listed));
    if (others == by_contract_.end()) return nullptr;
    const bool is_clear = others->second.size() == 1 && claims_[contract_of(listed)] == 1;
    return is_clear ? &stored_[others->second.front()] : nullptr;
}

void SyncPlanner::add(const io::ListedSymbol& listed) {
    const Symbol& symbol = listed.symbol;
    const auto others = by_contract_.find(contract_of(symbol));
    if (others != by_contract_.end()) {
        // Better one too many is active than one of which nobody knows whether it is delisted is not.
        for (const std::size_t place : others->second) stored_[place].is_met = true;
        return skip("may be one of several that are stored", symbol);
    }
    if (!symbol.is_active) return skip("not traded", symbol);
    if (!listed.problem.empty()) return skip(listed.problem, symbol);
    if (!keeps_contracts_ && !is_plain(symbol)) return skip("this database cannot hold such a contract", symbol);
    if (!held_.insert(contract_of(symbol)).second && !keeps_contracts_) {
        return skip("this database holds one symbol of a pair", symbol);
    }
    plan_.added.push_back(symbol);
    plan_.report.added.push_back(name_of(symbol));
}

void SyncPlanner::update(const Symbol& listed, const Symbol& stored) {
    if (listed.symbol_base != stored.symbol_base || listed.symbol_quote != stored.symbol_quote) {
        return skip("stored as another pair", listed);
    }
    SymbolChange change;
    Comparison compared(listed, stored, change.update);
    compared.of(&Symbol::precision_price, &SymbolUpdate::precision_price)
        .of(&Symbol::precision_quantity, &SymbolUpdate::precision_quantity)
        .of(&Symbol::min_quantity, &SymbolUpdate::min_quantity)
        .of(&Symbol::min_notional, &SymbolUpdate::min_notional);
    if (keeps_contracts_) {
        compared.of(&Symbol::contract_type, &SymbolUpdate::contract_type)
            .of(&Symbol::quantity_unit, &SymbolUpdate::quantity_unit)
            .of(&Symbol::settle_asset, &SymbolUpdate::settle_asset)
            .of(&Symbol::contract_size, &SymbolUpdate::contract_size)
            .of(&Symbol::tick_size, &SymbolUpdate::tick_size)
            .of(&Symbol::lot_size, &SymbolUpdate::lot_size)
            .of(&Symbol::expires_at, &SymbolUpdate::expires_at)
            .of(&Symbol::listed_at, &SymbolUpdate::listed_at);
    }
    if (!compared.differs() && stored.is_active) {
        ++plan_.report.unchanged;
        return;
    }
    change.id = stored.id;
    if (!stored.is_active) {
        change.update.is_active = true;
        if (is_present(stored.delisted_at)) change.update.delisted_at = kNoTime;
    }
    plan_.changed.push_back(change);
    (stored.is_active ? plan_.report.updated : plan_.report.reactivated).push_back(name_of(stored));
}

void SyncPlanner::plan_unmet() {
    for (const Stored& one : stored_) {
        if (one.is_met || !is_about(*one.symbol)) continue;
        deactivate(*one.symbol);
    }
}

void SyncPlanner::deactivate(const Symbol& stored) {
    if (!stored.is_active) {
        ++plan_.report.unchanged;
        return;
    }
    SymbolChange change;
    change.id = stored.id;
    change.update.is_active = false;
    plan_.changed.push_back(change);
    plan_.report.deactivated.push_back(name_of(stored));
}

void SyncPlanner::skip(std::string_view reason, const Symbol& symbol) {
    std::vector<SyncSkip>& skipped = plan_.report.skipped;
    const auto [place, is_new] = reasons_.try_emplace(std::string(reason), skipped.size());
    if (is_new) skipped.push_back({std::string(reason), {}});
    skipped[place->second].symbols.push_back(core::printable(symbol.exchange_symbol));
}

}  // namespace marketdb::transfer
