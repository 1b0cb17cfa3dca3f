#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>

namespace marketdb::cache {

/// Counters of the look-ups since the last reset.
struct LookupCounts {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t samples = 0;  ///< Look-ups that were timed, 1 in 1,024 of each thread.
    std::uint64_t sampled_ns = 0;
};

/// All exchanges and symbols, interned: an append-only table of atomic pointers. A changed row is a new object in the same
/// slot; nothing is freed before the table is, so a pointer stays valid and a look-up is a load and a probe.
///
/// Threads: the `find_` functions take no lock and run beside everything; `apply` is serialised inside.
class ReferenceTable {
 public:
    ReferenceTable();
    ~ReferenceTable();
    ReferenceTable(const ReferenceTable&) = delete;
    ReferenceTable& operator=(const ReferenceTable&) = delete;

    [[nodiscard]] const Exchange* find_exchange(ExchangeId id) const noexcept;
    [[nodiscard]] const Exchange* find_exchange(std::string_view enum_value) const noexcept;
    [[nodiscard]] const Symbol* find_symbol(SymbolId id) const noexcept;
    /// As `DatabaseManager::find_symbol`: null if none or several remain after the tie rules.
    [[nodiscard]] const Symbol* find_symbol(ExchangeId exchange, std::string_view text) const noexcept;

    /// Every symbol of the exchange that some spelling of `text` fits, best first; for error messages and `ambiguous`.
    [[nodiscard]] std::vector<const Symbol*> candidates(ExchangeId exchange, std::string_view text) const;
    /// Current objects, by id. Not counted as look-ups.
    [[nodiscard]] std::vector<const Exchange*> exchanges() const;
    [[nodiscard]] std::vector<const Symbol*> symbols() const;
    [[nodiscard]] std::size_t size() const noexcept;

    /// Takes over new and changed rows (others stay as they are). Returns whether anything was new; if not, nothing was
    /// allocated.
    bool apply(std::span<const Exchange> exchanges, std::span<const Symbol> symbols);
    bool apply(const Exchange& exchange) { return apply(std::span(&exchange, 1), {}); }
    bool apply(const Symbol& symbol) { return apply({}, std::span(&symbol, 1)); }

    /// How often `apply` was called. To be asked before rows are read for `apply_read`.
    [[nodiscard]] std::uint64_t applied() const;
    /// Takes over a row that was read from the database, but not if `apply` was called since `applied` was asked: what was read may
    /// be older than what is here. Returns whether it was new.
    bool apply_read(const Exchange& exchange, std::uint64_t applied);
    bool apply_read(const Symbol& symbol, std::uint64_t applied);

    [[nodiscard]] LookupCounts counts() const noexcept;
    void reset_counts() noexcept;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace marketdb::cache
