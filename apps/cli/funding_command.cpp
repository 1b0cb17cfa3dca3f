#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/funding.hpp>
#include <marketdb/measures.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"

namespace marketdb::cli {
namespace {

std::string seconds(std::chrono::microseconds age, OutputFormat format) {
    return number_cell(std::chrono::duration<double>(age).count(), format);
}

std::string minutes(std::int32_t interval) { return interval > 0 ? fmt::format("{}", interval) : std::string(); }

/// The fields that both answers begin with.
std::vector<Field> rate_fields() {
    return {{"exchange"},
            {"symbol"},
            {"timestamp", FieldKind::text, 3},
            {"funding_rate", FieldKind::number},
            {"percent", FieldKind::number, 2},
            {"bps", FieldKind::number, 1},
            {"annualised", FieldKind::number},
            {"interval_minutes", FieldKind::number, 1}};
}

std::vector<std::string> rate_values(Session& session, FundingRate rate, std::int32_t interval, OutputFormat format) {
    rate.interval_minutes = interval;
    const SeriesNames& names = session.names(rate.symbol_id);
    return {names.exchange,
            names.symbol,
            to_string(rate.timestamp),
            number_cell(rate.funding_rate, format),
            number_cell(funding_rate_percent(rate), format),
            number_cell(funding_rate_bps(rate), format),
            number_cell(annualised_funding_rate(rate), format),
            minutes(rate.interval_minutes)};
}

void note_if_empty(const Session& session, std::size_t records, const std::string& what) {
    if (records == 0) note(fmt::format("no {} in {}", what, session.name()));
}

void print_latest(Session& session, const std::string& base, OutputFormat format) {
    LatestFilter filter;
    filter.series.base = base;
    filter.max_cache_age = std::chrono::microseconds{0};  // what is stored now, whoever wrote it
    std::vector<Field> fields = rate_fields();
    fields.push_back({"kind", FieldKind::text, 2});
    fields.push_back({"next_settlement"});
    fields.push_back({"age_seconds", FieldKind::number});
    std::vector<std::vector<std::string>> records;
    for (const LatestFunding& one : session.impl().run(get_latest_funding(session.impl().manager, filter))) {
        records.push_back(rate_values(session, one.rate, one.interval_minutes, format));
        records.back().emplace_back(to_string(one.rate.kind));
        records.back().push_back(to_string(one.next_settlement));
        records.back().push_back(seconds(one.age, format));
    }
    print_records(output(), format, fields, records);
    output().flush();
    note_if_empty(session, records.size(), fmt::format("funding rates of {}", base));
}

void print_settled(Session& session, HistoryFilter filter, OutputFormat format) {
    std::vector<Field> fields = rate_fields();
    fields.push_back({"mark_price", FieldKind::number, 1});
    RecordPrinter printer(output(), format, fields);
    SettledFundingReader reader = read_settled_funding(session.impl().manager, filter);
    for (bool is_last = false; !is_last;) {
        const std::vector<FundingRate> rates = session.impl().run(reader.next());
        for (const FundingRate& rate : rates) {
            std::vector<std::string> values = rate_values(session, rate, rate.interval_minutes, format);
            values.push_back(number_cell(rate.mark_price, format));
            printer.add(std::move(values));
        }
        is_last = rates.empty();
    }
    printer.finish();
    output().flush();
    note_if_empty(session, printer.records(),
                  fmt::format("settled funding rates of {} in the time asked", filter.series.base));
}

}  // namespace

int run_funding(const GlobalOptions& global, const FundingArguments& arguments, const ReadOptions& options) {
    const HistorySelection times = read_selection(options);
    Session session(choose_database(global), Access::read);
    if (!arguments.history) {
        print_latest(session, arguments.base, options.flags.format());
        return kOk;
    }
    HistoryFilter filter;
    filter.series.base = arguments.base;
    filter.start = times.start;
    filter.end = times.end;
    print_settled(session, filter, options.flags.format());
    return kOk;
}

int run_basis(const GlobalOptions& global, const FundingArguments& arguments, const ReadOptions& options) {
    LatestFilter filter;
    filter.series.base = arguments.base;
    filter.max_cache_age = std::chrono::microseconds{0};
    if (!options.max_age.empty()) filter.max_age = read_duration_option("--max-age", options.max_age);
    Session session(choose_database(global), Access::read);
    const OutputFormat format = options.flags.format();
    const std::vector<Field> fields = {{"perpetual"},
                                       {"spot"},
                                       {"perpetual_mid", FieldKind::number},
                                       {"spot_mid", FieldKind::number},
                                       {"basis_bps", FieldKind::number},
                                       {"perpetual_age_seconds", FieldKind::number},
                                       {"spot_age_seconds", FieldKind::number}};
    std::vector<std::vector<std::string>> records;
    for (const Basis& one : session.impl().run(get_basis(session.impl().manager, filter))) {
        records.push_back({session.names(one.perpetual).text(), session.names(one.spot).text(),
                           number_cell(one.perpetual_mid, format), number_cell(one.spot_mid, format),
                           number_cell(one.basis_bps, format), seconds(one.perpetual_age, format),
                           seconds(one.spot_age, format)});
    }
    print_records(output(), format, fields, records);
    output().flush();
    note_if_empty(session, records.size(),
                  fmt::format("quotes of {} on both spot and perpetual of one pair", arguments.base));
    return kOk;
}

}  // namespace marketdb::cli
