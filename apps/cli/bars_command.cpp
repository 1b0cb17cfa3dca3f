#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/bars.hpp>

#include "answer.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::uint64_t kBarsOnTerminal = 100;
constexpr std::size_t kReadBars = 16'384;

const std::vector<Field>& fields_of(std::type_identity<QuoteBar> /*bars*/) {
    static const std::vector<Field> fields = {
        {"exchange"},
        {"symbol"},
        {"start"},
        {"bid_open", FieldKind::number, 4},
        {"bid_high", FieldKind::number, 4},
        {"bid_low", FieldKind::number, 4},
        {"bid_close", FieldKind::number, 3},
        {"ask_open", FieldKind::number, 4},
        {"ask_high", FieldKind::number, 4},
        {"ask_low", FieldKind::number, 4},
        {"ask_close", FieldKind::number, 3},
        {"mid_open", FieldKind::number, 1},
        {"mid_high", FieldKind::number},
        {"mid_low", FieldKind::number},
        {"mid_close", FieldKind::number},
        {"mean_mid", FieldKind::number, 2},
        {"mean_spread", FieldKind::number, 1},
        {"count", FieldKind::number},
        {"two_sided_count", FieldKind::number, 5},
    };
    return fields;
}

const std::vector<Field>& fields_of(std::type_identity<TradeBar> /*bars*/) {
    static const std::vector<Field> fields = {
        {"exchange"},
        {"symbol"},
        {"start"},
        {"open", FieldKind::number},
        {"high", FieldKind::number},
        {"low", FieldKind::number},
        {"close", FieldKind::number},
        {"volume", FieldKind::number},
        {"buy_volume", FieldKind::number, 2},
        {"vwap", FieldKind::number, 1},
        {"count", FieldKind::number},
    };
    return fields;
}

void add_range(std::vector<std::string>& record, const Range& range, OutputFormat format) {
    for (const double number : {range.open, range.high, range.low, range.close}) {
        record.push_back(number_cell(number, format));
    }
}

void add_numbers(std::vector<std::string>& record, const QuoteBar& bar, OutputFormat format) {
    add_range(record, bar.bid, format);
    add_range(record, bar.ask, format);
    add_range(record, bar.mid, format);
    record.push_back(number_cell(bar.mean_mid, format));
    record.push_back(number_cell(bar.mean_spread, format));
    record.push_back(fmt::format("{}", bar.count));
    record.push_back(fmt::format("{}", bar.two_sided_count));
}

void add_numbers(std::vector<std::string>& record, const TradeBar& bar, OutputFormat format) {
    add_range(record, bar.price, format);
    record.push_back(number_cell(bar.volume, format));
    record.push_back(number_cell(bar.buy_volume, format));
    record.push_back(number_cell(bar.vwap, format));
    record.push_back(fmt::format("{}", bar.count));
}

EmptyIntervals empty_intervals(const std::string& text) {
    if (text == "show") return EmptyIntervals::show;
    return text == "fill" ? EmptyIntervals::fill : EmptyIntervals::skip;
}

BarReader<QuoteBar> read_bars(DatabaseManager& db, const BarOptions& options, std::type_identity<QuoteBar> /*bars*/) {
    return read_quote_bars(db, options);
}

BarReader<TradeBar> read_bars(DatabaseManager& db, const BarOptions& options, std::type_identity<TradeBar> /*bars*/) {
    return read_trade_bars(db, options);
}

/// Prints the bars of series after series.
template <class Bar>
class BarsAnswer {
 public:
    /// @param most  Bars that are shown.
    BarsAnswer(Session& session, OutputFormat format, std::uint64_t most)
        : session_(session),
          format_(format),
          most_(most),
          printer_(output(), format, fields_of(std::type_identity<Bar>{})) {}

    void add_series(const BarOptions& options) {
        const SeriesNames& names = session_.names(options.symbol);
        BarReader<Bar> reader = read_bars(session_.impl().manager, options, std::type_identity<Bar>{});
        while (!is_cut_) {
            throw_if_interrupted();
            const std::vector<Bar> bars = session_.impl().run(reader.next(kReadBars));
            if (bars.empty()) break;
            for (const Bar& bar : bars) add(names, bar);
        }
        without_received_at_ += reader.without_received_at();
    }

    void finish() {
        printer_.finish();
        if (is_cut_) output().line(fmt::format("the first {}; --all", with_commas(most_)));
        output().flush();
    }

    [[nodiscard]] std::uint64_t bars() const noexcept { return printer_.records(); }
    [[nodiscard]] std::uint64_t without_received_at() const noexcept { return without_received_at_; }

 private:
    void add(const SeriesNames& names, const Bar& bar) {
        is_cut_ = printer_.records() == most_;
        if (is_cut_) return;
        std::vector<std::string> record = {names.exchange, names.symbol, to_string(bar.start)};
        add_numbers(record, bar, format_);
        printer_.add(std::move(record));
    }

    Session& session_;
    const OutputFormat format_;
    const std::uint64_t most_;
    RecordPrinter printer_;
    std::uint64_t without_received_at_ = 0;
    bool is_cut_ = false;
};

template <class Bar>
int print_bars(Session& session, const Query& query, BarOptions options, const ReadOptions& read) {
    const OutputFormat format = read.flags.format();
    const bool is_short = format == OutputFormat::table && terminal().output_is_terminal && !read.all;
    BarsAnswer<Bar> answer(session, format, is_short ? kBarsOnTerminal : std::numeric_limits<std::uint64_t>::max());
    for (const SymbolId symbol : query.history_filter().series.symbols) {
        options.symbol = symbol;
        answer.add_series(options);
    }
    answer.finish();
    note_left_out(answer.without_received_at(), query);
    if (answer.bars() == 0) explain_empty_answer(session, query);
    return kOk;
}

}  // namespace

int run_bars(const GlobalOptions& global, const BarArguments& arguments, const ReadOptions& options) {
    ReadOptions read = options;
    read.dataset = arguments.dataset;
    const Dataset dataset = read_dataset(read.dataset, "--dataset");
    if (dataset != Dataset::book_tickers && dataset != Dataset::trades) {
        throw UsageError(fmt::format("--dataset: expected book-tickers or trades, not {}", to_string(dataset)));
    }
    Query query(read);
    const HistoryFilter filter = query.history_filter();
    BarOptions bars;
    bars.every = filter.every;
    bars.start = filter.start;
    bars.end = filter.end;
    bars.clock = filter.clock;
    bars.empty = empty_intervals(arguments.empty);
    Session session(choose_database(global), Access::read);
    query.resolve(session);
    return dataset == Dataset::trades ? print_bars<TradeBar>(session, query, bars, read)
                                      : print_bars<QuoteBar>(session, query, bars, read);
}

}  // namespace marketdb::cli
