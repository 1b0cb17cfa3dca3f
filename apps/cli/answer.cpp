#include "answer.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "diagnostics.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kSeriesListed = 10;

std::string series_name(Session& session, const SeriesStats& series) {
    if (series.dataset == Dataset::balances) {
        return fmt::format("{}:{} of account {}", session.names(series.exchange_id).exchange, series.asset_name.view(),
                           series.account.view());
    }
    return session.names(series.symbol_id).text();
}

std::string list_series(Session& session, const std::vector<SeriesStats>& series, bool with_dataset) {
    std::string text;
    for (std::size_t i = 0; i < std::min(series.size(), kSeriesListed); ++i) {
        const SeriesStats& one = series[i];
        text += fmt::format(
            "\n{}{}  {}  {} .. {}", with_dataset ? fmt::format("{} ", to_string(one.dataset)) : std::string(),
            series_name(session, one), counted(one.rows, "row"), to_string(one.first), to_string(one.last));
    }
    if (series.size() > kSeriesListed) {
        text += fmt::format("\nand {} more: marketdb stats --series", series.size() - kSeriesListed);
    }
    return text;
}

}  // namespace

void explain_empty_answer(Session& session, const Query& query) {
    const std::vector<SeriesStats> stored = session.series_stats();
    std::vector<SeriesStats> chosen, of_dataset;
    for (const SeriesStats& series : stored) {
        if (series.dataset != query.dataset()) continue;
        of_dataset.push_back(series);
        if (query.chooses(session, series)) chosen.push_back(series);
    }
    const std::string_view dataset = to_string(query.dataset());
    const std::string& name = session.name();
    if (!chosen.empty()) {
        note(fmt::format("no {} in the time asked; {} has:{}", dataset, name, list_series(session, chosen, false)));
    } else if (!of_dataset.empty()) {
        note(fmt::format("no {} of {}; {} has:{}", dataset, query.series_text(), name,
                         list_series(session, of_dataset, false)));
    } else if (!stored.empty()) {
        note(fmt::format("no {} at all; {} has:{}", dataset, name, list_series(session, stored, true)));
    } else {
        note(fmt::format("{} is empty; `marketdb import FILE` fills it", name));
    }
}

void note_left_out(std::uint64_t without_received_at, bool are_all_counted) {
    if (without_received_at == 0) return;
    const std::string rows = are_all_counted ? counted(without_received_at, "row") : std::string("rows");
    note(fmt::format("{} without received_at left out (--clock received)", rows));
}

void note_left_out(std::uint64_t without_received_at, const Query& query) {
    note_left_out(without_received_at, query.reads_to_the_end());
}

Units units_of_query(Session& session, const Query& query) {
    std::vector<const Symbol*> symbols;
    std::vector<std::string> assets;
    for (const SeriesStats& series : session.series_stats()) {
        if (!query.chooses(session, series)) continue;
        if (series.dataset == Dataset::balances) {
            assets.push_back(series.asset_name.str());
        } else if (const Symbol* symbol = session.find_symbol(series.symbol_id)) {
            symbols.push_back(symbol);
        }
    }
    return query.dataset() == Dataset::balances ? common_units(assets) : common_units(symbols);
}

}  // namespace marketdb::cli
