#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/spreads.hpp>

#include "options.hpp"
#include "session.hpp"

namespace marketdb::cli {

/// What `align` and `spread` ask, understood: series in the order typed, and the instants at which they are put side by side.
class Comparison {
 public:
    /// Understands everything that needs no database.
    /// Errors: UsageError  names the option and what was expected.
    explicit Comparison(const CompareArguments& arguments);

    /// Looks the series up. A pattern means those that have quotes.
    /// Errors: unknown_exchange, unknown_symbol, ambiguous. UsageError  fewer than `least` are left, or one is there twice.
    void resolve(Session& session, std::size_t least);

    [[nodiscard]] const AlignmentOptions& alignment() const noexcept { return alignment_; }
    [[nodiscard]] bool chooses_series() const noexcept { return !texts_.empty(); }
    /// `BINANCE_SPOT:BTC/USDT` of each series; the exchange's own spelling where several have that name.
    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
    [[nodiscard]] const std::string& name(SymbolId series) const;
    /// Of each series, from `--fee`.
    /// Errors: UsageError  no number, or it names none of the series.
    [[nodiscard]] std::vector<double> fees() const;

    /// Says on standard error that there was nothing to compare, and which quotes there are.
    void explain_empty_answer(Session& session) const;

 private:
    void read_instants(const CompareArguments& arguments);
    void read_times(const CompareArguments& arguments);
    void name_series(Session& session);
    void add_fee(const std::string& text, std::vector<double>& fees) const;

    std::vector<std::string> texts_;  ///< `EXCHANGE:SYMBOL` each.
    std::string driver_;
    std::vector<std::string> fees_;
    AlignmentOptions alignment_;
    std::vector<std::string> names_;
};

}  // namespace marketdb::cli
