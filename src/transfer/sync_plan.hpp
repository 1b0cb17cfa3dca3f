#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <marketdb/symbols.hpp>

#include "io/listing.hpp"

namespace marketdb::transfer {

/// What of a database's symbols is to change so that they are what a listing says.
struct SyncPlan {
    std::vector<Symbol> added;  ///< Without exchange_id.
    std::vector<SymbolChange> changed;
    SyncReport report;
    std::size_t active = 0;  ///< Symbols that were, of those that the listing is about.
};

/// Compares a listing with what is stored of its exchange. No I/O.
///
/// Threads: one.
class SyncPlanner {
 public:
    /// @param stored           Of the exchange, inactive ones too. Must outlive the planner, as the listing must.
    /// @param keeps_contracts  As `DatabaseManager::keeps_contracts`.
    SyncPlanner(const io::Listing& listing, std::span<const Symbol> stored, SyncOptions options, bool keeps_contracts);

    [[nodiscard]] SyncPlan plan();

 private:
    /// A stored symbol and whether an instrument of the listing is it, or may be.
    struct Stored {
        const Symbol* symbol = nullptr;
        bool is_met = false;
    };

    [[nodiscard]] std::string contract_of(const Symbol& symbol) const;
    [[nodiscard]] bool is_about(const Symbol& symbol) const noexcept;
    void plan_one(const io::ListedSymbol& listed);
    void plan_unmet();
    /// The stored symbol that an instrument is. Null: none, or it is not clear which.
    Stored* find(const Symbol& listed);
    void add(const io::ListedSymbol& listed);
    void update(const Symbol& listed, const Symbol& stored);
    void deactivate(const Symbol& stored);
    void skip(std::string_view reason, const Symbol& symbol);

    const io::Listing& listing_;
    const SyncOptions options_;
    const bool keeps_contracts_;
    std::vector<Stored> stored_;
    std::unordered_map<std::string, std::size_t> by_spelling_;
    std::unordered_map<std::string, std::vector<std::size_t>>
        by_contract_;                                          // but for those that the listing spells the same
    std::unordered_map<std::string, std::size_t> claims_;      // instruments by contract, of those others
    std::map<std::string, std::size_t, std::less<>> reasons_;  // places in report.skipped
    std::unordered_set<std::string> held_;                     // contracts that are stored or will be
    SyncPlan plan_;
};

}  // namespace marketdb::transfer
