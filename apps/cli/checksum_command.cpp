#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/transfer.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "interrupt.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

HistoryChecksum sum_up(Session& session, HistorySelection selection) {
    auto last_shown = std::chrono::steady_clock::now();
    const auto show = [&last_shown](std::uint64_t rows) {
        constexpr auto kBetween = std::chrono::milliseconds(100);
        const auto now = std::chrono::steady_clock::now();
        if (now - last_shown < kBetween) return;
        last_shown = now;
        show_status(fmt::format("{} rows", with_commas(rows)));
    };
    HistoryChecksum sum =
        session.impl().run(checksum_history(session.impl().manager, std::move(selection), nullptr, show));
    clear_status();
    return sum;
}

/// Nothing but what the rows are: two people compare this text.
void print_checksum(const HistoryChecksum& sum, OutputFormat format) {
    const auto number = [format](std::uint64_t rows) {
        return format == OutputFormat::table ? with_commas(rows) : fmt::format("{}", rows);
    };
    const std::vector<Field> fields = {{"dataset"},
                                       {"exchange"},
                                       {"symbol"},
                                       {"account"},
                                       {"rows", FieldKind::number},
                                       {"first", FieldKind::text, 1},
                                       {"last", FieldKind::text, 2},
                                       {"sha256"}};
    std::vector<std::vector<std::string>> records;
    for (const SeriesChecksum& one : sum.series) {
        records.push_back({std::string(to_string(one.name.dataset)), one.name.exchange, one.name.symbol,
                           one.name.account, number(one.rows), to_string(one.first), to_string(one.last), one.sha256});
    }
    records.push_back({"total", "", "", "", number(sum.rows), "", "", sum.sha256});
    print_records(output(), format, fields, records);
    output().flush();
}

}  // namespace

int run_checksum(const GlobalOptions& global, const ReadOptions& options) {
    HistorySelection selection = read_selection(options);
    Session session(choose_database(global), Access::read);
    print_checksum(sum_up(session, std::move(selection)), options.flags.format());
    return kOk;
}

}  // namespace marketdb::cli
