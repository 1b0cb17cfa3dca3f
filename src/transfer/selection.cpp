#include "transfer/selection.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/refuse.hpp"
#include "core/text.hpp"

namespace marketdb {

std::string to_string(const SeriesName& name) {
    std::string text = fmt::format("{} {}:{}", to_string(name.dataset), name.exchange, name.symbol);
    if (name.dataset == Dataset::balances) text += " of account " + name.account;
    return text;
}

namespace transfer {
namespace {

constexpr std::chrono::microseconds kStep{1};

using core::refuse;

[[nodiscard]] std::string_view exchange_of(std::string_view series) { return series.substr(0, series.find(':')); }

/// Looks the names of stored series up.
class SeriesChooser {
 public:
    SeriesChooser(DatabaseManager& db, HistorySelection selection) : db_(db), selection_(std::move(selection)) {}

    boost::asio::awaitable<std::vector<ChosenSeries>> choose() {
        co_await resolve();
        const std::vector<SeriesStats> stored = co_await db_.get_series_stats();
        std::vector<ChosenSeries> chosen;
        for (const SeriesStats& one : stored) {
            if (!may_choose(one)) continue;
            ChosenSeries series;
            series.name = co_await name_of(one);
            if (one.dataset == Dataset::balances && !fits_balance(series.name)) continue;
            series.part = part_of(one);
            series.rows = one.rows;
            chosen.push_back(std::move(series));
        }
        std::sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
        co_return chosen;
    }

 private:
    boost::asio::awaitable<void> resolve() {
        for (const std::string& text : selection_.series) {
            if (selection_.dataset != Dataset::balances) {
                const std::vector<Symbol> found = co_await db_.resolve_series(text);
                for (const Symbol& symbol : found) symbols_.push_back(symbol.id);
                continue;
            }
            const std::string_view exchange = exchange_of(text);
            if (exchange.find('*') != std::string_view::npos) continue;
            const std::optional<Exchange> known = co_await db_.get_exchange_by_enum(exchange);
            if (!known) {
                throw Error(ErrorCode::unknown_exchange,
                            fmt::format("no exchange '{}' in this database", core::printable(exchange)));
            }
        }
        std::sort(symbols_.begin(), symbols_.end());
    }

    /// By everything but the names of a balance.
    [[nodiscard]] bool may_choose(const SeriesStats& one) const {
        if (one.rows == 0 || (selection_.dataset && one.dataset != *selection_.dataset)) return false;
        if (is_present(selection_.start) && one.last < selection_.start) return false;
        if (is_present(selection_.end) && one.first >= selection_.end) return false;
        if (one.dataset == Dataset::balances || selection_.series.empty()) return true;
        return std::binary_search(symbols_.begin(), symbols_.end(), one.symbol_id);
    }

    [[nodiscard]] bool fits_balance(const SeriesName& name) const {
        if (!selection_.account.empty() && !core::matches_pattern(selection_.account, name.account)) return false;
        const std::string text = name.exchange + ":" + name.symbol;
        return selection_.series.empty() ||
               std::any_of(selection_.series.begin(), selection_.series.end(),
                           [&](const std::string& pattern) { return core::matches_pattern(pattern, text); });
    }

    [[nodiscard]] SeriesPart part_of(const SeriesStats& one) const {
        SeriesPart part;
        part.dataset = one.dataset;
        part.symbol = one.symbol_id;
        part.balance = BalanceSeries{one.exchange_id, one.account, one.asset_name};
        part.start = std::max(one.first, selection_.start);  // an absent time is before every other
        part.end = one.last + kStep;
        if (is_present(selection_.end)) part.end = std::min(part.end, selection_.end);
        return part;
    }

    boost::asio::awaitable<SeriesName> name_of(SeriesStats one) {
        SeriesName name;
        name.dataset = one.dataset;
        if (one.dataset == Dataset::balances) {
            name.symbol = one.asset_name.str();
            name.account = one.account.str();
        } else {
            const std::optional<Symbol> symbol = co_await db_.get_symbol_by_id(one.symbol_id);
            if (!symbol) {
                throw Error(ErrorCode::corrupt, fmt::format("rows of symbol {}, which is not stored",
                                                            static_cast<std::int32_t>(one.symbol_id)));
            }
            name.symbol = symbol->exchange_symbol.str();
            one.exchange_id = symbol->exchange_id;
        }
        const std::optional<Exchange> exchange = co_await db_.get_exchange_by_id(one.exchange_id);
        if (!exchange) {
            throw Error(ErrorCode::corrupt, fmt::format("rows of exchange {}, which is not stored",
                                                        static_cast<std::int32_t>(one.exchange_id)));
        }
        name.exchange = exchange->enum_value.str();
        co_return name;
    }

    DatabaseManager& db_;
    const HistorySelection selection_;
    std::vector<SymbolId> symbols_;  // chosen by `series`, sorted
};

}  // namespace

void check_selection(const HistorySelection& selection) {
    refuse(!selection.series.empty() && !selection.dataset, "series: expected a dataset beside them");
    for (const std::string& series : selection.series) {
        const std::size_t colon = series.find(':');
        refuse(
            colon == std::string::npos || colon == 0 || colon + 1 == series.size(),
            fmt::format("series '{}': expected EXCHANGE:SYMBOL, of balances EXCHANGE:ASSET", core::printable(series)));
    }
    refuse(!selection.account.empty() && selection.dataset != Dataset::balances, "account: only balances have one");
    core::refuse_backward(selection.start, selection.end);
}

bool chooses_everything(const HistorySelection& selection) noexcept {
    return !selection.dataset && selection.series.empty() && selection.account.empty();
}

boost::asio::awaitable<std::vector<ChosenSeries>> choose_series(DatabaseManager& db, HistorySelection selection) {
    SeriesChooser chooser(db, std::move(selection));
    std::vector<ChosenSeries> chosen = co_await chooser.choose();
    co_return chosen;
}

}  // namespace transfer
}  // namespace marketdb
