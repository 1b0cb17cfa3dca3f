#include "comparison.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "answer.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "numbers.hpp"
#include "pattern.hpp"
#include "query.hpp"
#include "terminal.hpp"
#include "text_lines.hpp"

namespace marketdb::cli {
namespace {

bool has_form_of_series(std::string_view text) {
    const std::size_t colon = text.find(':');
    return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size();
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

/// `EXCHANGE:SYMBOL` of each series.
std::vector<std::string> read_series(const CompareArguments& arguments) {
    if (arguments.exchanges.empty()) {
        for (const std::string& text : arguments.series) {
            if (has_form_of_series(text)) continue;
            throw UsageError(
                fmt::format("SERIES '{}': expected EXCHANGE:SYMBOL, such as 'BINANCE_SPOT:BTC/USDT', or "
                            "one symbol with --exchanges",
                            text));
        }
        return arguments.series;
    }
    if (arguments.series.size() != 1 || arguments.series.front().find(':') != std::string::npos) {
        throw UsageError("--exchanges: expected one SERIES beside it, a symbol without exchange, such as BTC/USDT");
    }
    std::vector<std::string> texts;
    for (const std::string& exchange : split(arguments.exchanges)) {
        if (exchange.empty() || exchange.find(':') != std::string::npos) {
            throw UsageError(
                fmt::format("--exchanges '{}': expected names with commas between them, such as "
                            "BINANCE_SPOT,BINANCE_FUTURES",
                            arguments.exchanges));
        }
        texts.push_back(exchange + ":" + arguments.series.front());
    }
    return texts;
}

/// `0s` is of the very instant, which no length of time says.
std::chrono::microseconds read_tolerance(const std::string& text) {
    if (text == "0" || text == "0s" || text == "0ms" || text == "0us") return std::chrono::microseconds{0};
    return read_duration_option("--tolerance", text);
}

}  // namespace

Comparison::Comparison(const CompareArguments& arguments)
    : texts_(read_series(arguments)), driver_(arguments.driver), fees_(arguments.fees) {
    read_instants(arguments);
    if (!arguments.tolerance.empty()) alignment_.tolerance = read_tolerance(arguments.tolerance);
    alignment_.clock = arguments.clock == "event" ? ClockKind::event : ClockKind::received;
}

void Comparison::read_instants(const CompareArguments& arguments) {
    constexpr auto kUsualStep = std::chrono::seconds(1);
    const bool has_times = !arguments.at.empty() || !arguments.at_file.empty();
    const int choices = (arguments.every.empty() ? 0 : 1) + (driver_.empty() ? 0 : 1) +
                        (arguments.each_change ? 1 : 0) + (has_times ? 1 : 0);
    if (choices > 1) {
        throw UsageError("--every, --driver, --each-change and --at exclude each other: each chooses the times");
    }
    if (choices == 0) alignment_.every = kUsualStep;
    if (has_times) return read_times(arguments);
    if (!arguments.every.empty()) alignment_.every = read_duration_option("--every", arguments.every);
    if (!driver_.empty() && !has_form_of_series(driver_)) {
        throw UsageError(fmt::format("--driver '{}': expected EXCHANGE:SYMBOL, one of the series", driver_));
    }
    alignment_.at_each_change = arguments.each_change;
    if (!arguments.from.empty()) alignment_.start = read_time_option("--from", arguments.from);
    if (!arguments.to.empty()) alignment_.end = read_time_option("--to", arguments.to);
    if (is_present(alignment_.start) && is_present(alignment_.end) && alignment_.end < alignment_.start) {
        throw UsageError(fmt::format("--to {} lies before --from {}", arguments.to, arguments.from));
    }
}

void Comparison::read_times(const CompareArguments& arguments) {
    if (!arguments.from.empty() || !arguments.to.empty()) {
        throw UsageError("--at and --from/--to exclude each other: the times are those given");
    }
    std::vector<std::string> texts;
    for (const std::string& list : arguments.at) {
        for (std::string& text : split(list)) texts.push_back(std::move(text));
    }
    if (!arguments.at_file.empty()) {
        if (!texts.empty()) throw UsageError("--at and --at-file exclude each other");
        texts = read_lines(arguments.at_file);
    }
    const std::string_view option = arguments.at_file.empty() ? "--at" : "--at-file";
    for (const std::string& text : texts) alignment_.at.push_back(read_time_option(option, text));
    const auto earlier = std::is_sorted_until(alignment_.at.begin(), alignment_.at.end());
    if (earlier != alignment_.at.end()) {
        throw UsageError(fmt::format("{}: {} comes after {}; expected ascending times", option, to_string(*earlier),
                                     to_string(*(earlier - 1))));
    }
    if (texts.empty()) throw UsageError(fmt::format("{}: expected at least one time", option));
}

void Comparison::resolve(Session& session, std::size_t least) {
    const std::vector<SeriesStats> stored = session.series_stats();
    const auto has_quotes = [&stored](const Symbol& symbol) {
        return std::any_of(stored.begin(), stored.end(), [&](const SeriesStats& one) {
            return one.dataset == Dataset::book_tickers && one.symbol_id == symbol.id && one.rows > 0;
        });
    };
    for (const std::string& text : texts_) {
        const bool is_pattern = text.find('*') != std::string::npos;
        for (const Symbol& symbol : session.resolve_series(text)) {
            if (is_pattern && !has_quotes(symbol)) continue;
            if (std::find(alignment_.series.begin(), alignment_.series.end(), symbol.id) != alignment_.series.end()) {
                throw UsageError(fmt::format("SERIES: {} is there twice", session.names(symbol.id).text()));
            }
            alignment_.series.push_back(symbol.id);
        }
    }
    name_series(session);
    if (alignment_.series.size() < least) {
        throw UsageError(fmt::format("SERIES: expected {} or more, found {}", least,
                                     names_.empty() ? "none with quotes" : fmt::format("{}", fmt::join(names_, ", "))));
    }
    if (driver_.empty()) return;
    const std::vector<Symbol> driver = session.resolve_series(driver_);
    const auto& series = alignment_.series;
    if (driver.size() != 1 || std::find(series.begin(), series.end(), driver.front().id) == series.end()) {
        throw UsageError(fmt::format("--driver '{}': expected one of the series", driver_));
    }
    alignment_.driver = driver.front().id;
}

void Comparison::name_series(Session& session) {
    for (const SymbolId series : alignment_.series) names_.push_back(session.names(series).text());
    const std::vector<std::string> pairs = names_;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (std::count(pairs.begin(), pairs.end(), pairs[i]) < 2) continue;
        const SeriesNames& names = session.names(alignment_.series[i]);
        names_[i] = names.exchange + ":" + names.exchange_symbol;
    }
}

const std::string& Comparison::name(SymbolId series) const {
    const auto found = std::find(alignment_.series.begin(), alignment_.series.end(), series);
    return names_[static_cast<std::size_t>(found - alignment_.series.begin())];
}

std::vector<double> Comparison::fees() const {
    std::vector<double> fees(alignment_.series.size());
    for (const std::string& text : fees_) add_fee(text, fees);
    return fees;
}

void Comparison::add_fee(const std::string& text, std::vector<double>& fees) const {
    const std::size_t equals = text.rfind('=');
    const std::string_view number = equals == std::string::npos ? text : std::string_view(text).substr(equals + 1);
    const std::optional<double> bps = read_number<double>(number);
    if (!bps) {
        throw UsageError(
            fmt::format("--fee '{}': expected basis points, or EXCHANGE=BPS, such as BINANCE_SPOT=7.5", text));
    }
    const std::string whose = equals == std::string::npos ? "*" : text.substr(0, equals);
    bool is_used = false;
    for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::string exchange = names_[i].substr(0, names_[i].find(':'));
        if (!fits_pattern(whose, exchange) && !fits_pattern(whose, names_[i])) continue;
        fees[i] = *bps;
        is_used = true;
    }
    if (!is_used) throw UsageError(fmt::format("--fee '{}': none of the series is of {}", text, whose));
}

void Comparison::explain_empty_answer(Session& session) const {
    ReadOptions options;
    options.dataset = "book-tickers";
    options.series = texts_;
    Query query(options);
    query.resolve(session);
    cli::explain_empty_answer(session, query);
}

}  // namespace marketdb::cli
