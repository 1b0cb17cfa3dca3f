#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/bars.hpp>

#include "answer.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "session_impl.hpp"

namespace marketdb::cli {
namespace {

const std::vector<Field>& fields() {
    static const std::vector<Field> fields = {
        {"exchange"},
        {"symbol"},
        {"quotes", FieldKind::number},
        {"two_sided_quotes", FieldKind::number, 8},
        {"mean_spread_bps", FieldKind::number},
        {"mean_spread_bps_of_bid", FieldKind::number, 7},
        {"mean_quote_value", FieldKind::number, 1},
        {"mean_imbalance", FieldKind::number, 3},
        {"p10_bid_value", FieldKind::number, 4},
        {"p90_bid_value", FieldKind::number, 4},
        {"trades", FieldKind::number},
        {"volume", FieldKind::number},
        {"buy_volume", FieldKind::number, 5},
        {"trade_value", FieldKind::number, 2},
        {"mean_trade_value", FieldKind::number, 2},
        {"vwap", FieldKind::number, 1},
        {"first", FieldKind::text, 6},
        {"last", FieldKind::text, 6},
    };
    return fields;
}

/// The earlier (or later) of two times that may be absent.
Timestamp first_of(Timestamp a, Timestamp b) { return !is_present(a) ? b : !is_present(b) ? a : std::min(a, b); }
Timestamp last_of(Timestamp a, Timestamp b) { return std::max(a, b); }  // an absent time is before every other

std::vector<std::string> record_of(const SeriesNames& names, const QuoteStatistics& quotes,
                                   const TradeStatistics& trades, OutputFormat format) {
    const auto number = [format](double value) { return number_cell(value, format); };
    return {names.exchange,
            names.symbol,
            fmt::format("{}", quotes.count),
            fmt::format("{}", quotes.two_sided_count),
            number(quotes.mean_spread_bps),
            number(quotes.mean_spread_bps_of_bid),
            number(quotes.mean_value),
            number(quotes.mean_imbalance),
            number(quotes.p10_bid_value),
            number(quotes.p90_bid_value),
            fmt::format("{}", trades.count),
            number(trades.volume),
            number(trades.buy_volume),
            number(trades.value),
            number(trades.mean_value),
            number(trades.vwap),
            to_string(first_of(quotes.first, trades.first)),
            to_string(last_of(quotes.last, trades.last))};
}

}  // namespace

int run_liquidity(const GlobalOptions& global, const ReadOptions& options) {
    ReadOptions read = options;
    read.dataset = to_string(Dataset::book_tickers);
    Query query(read);
    const HistoryFilter filter = query.history_filter();
    StatisticsOptions asked;
    asked.start = filter.start;
    asked.end = filter.end;
    asked.clock = filter.clock;
    Session session(choose_database(global), Access::read);
    query.resolve(session);

    const OutputFormat format = read.flags.format();
    DatabaseManager& db = session.impl().manager;
    std::vector<std::vector<std::string>> records;
    std::uint64_t without_received_at = 0;
    for (const SymbolId symbol : query.history_filter().series.symbols) {
        asked.symbol = symbol;
        const QuoteStatistics quotes = session.impl().run(get_quote_stats(db, asked));
        const TradeStatistics trades = session.impl().run(get_trade_stats(db, asked));
        without_received_at += quotes.without_received_at + trades.without_received_at;
        if (quotes.count + trades.count == 0) continue;
        records.push_back(record_of(session.names(symbol), quotes, trades, format));
    }
    print_records(output(), format, fields(), records);
    output().flush();
    note_left_out(without_received_at, query);
    if (records.empty()) explain_empty_answer(session, query);
    return kOk;
}

}  // namespace marketdb::cli
