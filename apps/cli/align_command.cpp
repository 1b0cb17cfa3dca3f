#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/alignment.hpp>
#include <marketdb/format.hpp>

#include "answer.hpp"
#include "commands.hpp"
#include "comparison.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "records.hpp"
#include "session_impl.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kInstantsAtOnce = 4'096;
constexpr std::uint64_t kInstantsOnTerminal = 100;

/// The numbers of a quote at an instant, absent ones empty: bid_price, bid_qty, ask_price, ask_qty, age_seconds.
constexpr std::string_view kParts[] = {"bid_price", "bid_qty", "ask_price", "ask_qty", "age_seconds"};

std::vector<std::string> parts_of(const AsOfQuote& quote, Timestamp instant) {
    std::vector<std::string> parts;
    for (const double number : {quote.bid_price, quote.bid_qty, quote.ask_price, quote.ask_qty}) {
        parts.push_back(format_number(number));
    }
    parts.emplace_back();
    if (is_present(quote)) parts.back() = format_number(std::chrono::duration<double>(instant - quote.time).count());
    return parts;
}

/// Writes instants, one a line (a table or CSV) or one an object.
class InstantPrinter {
 public:
    InstantPrinter(const std::vector<std::string>& names, OutputFormat format) : names_(names), format_(format) {
        std::vector<Column> columns;
        columns.push_back(Column{"time"});
        std::string heading = "time";
        for (const std::string& name : names_) {
            for (const std::string_view part : kParts) {
                columns.push_back(Column{fmt::format("{} {}", name, part), true, part.ends_with("_qty") ? 1 : 0});
                heading += ',';
                append_csv_field(heading, columns.back().heading);
            }
        }
        if (format_ == OutputFormat::csv) output().line(heading);
        if (format_ == OutputFormat::table) {
            table_ = std::make_unique<Table>(output(), std::move(columns), terminal().columns);
        }
    }

    void add(Timestamp instant, std::span<const AsOfQuote> quotes) {
        ++instants_;
        if (format_ == OutputFormat::table || format_ == OutputFormat::csv) return add_line(instant, quotes);
        std::string line;
        if (format_ == OutputFormat::json) line = instants_ == 1 ? "[" : ",\n";
        line += fmt::format(R"({{"time":"{}","quotes":[)", to_string(instant));
        for (std::size_t i = 0; i < quotes.size(); ++i) {
            line += i == 0 ? "{\"series\":" : ",{\"series\":";
            append_json_string(line, names_[i]);
            const std::vector<std::string> parts = parts_of(quotes[i], instant);
            for (std::size_t part = 0; part < parts.size(); ++part) {
                line += fmt::format(",\"{}\":{}", kParts[part], parts[part].empty() ? "null" : parts[part]);
            }
            line += '}';
        }
        line += format_ == OutputFormat::json ? "]}" : "]}\n";
        output().write(line);
    }

    void finish() {
        if (format_ == OutputFormat::json) output().line(instants_ == 0 ? "[]" : "]");
        if (table_ && instants_ > 0) table_->finish();
        output().flush();
        if (table_ && instants_ > 0) note_hidden_columns(table_->hidden());
    }

    [[nodiscard]] std::uint64_t instants() const noexcept { return instants_; }

 private:
    void add_line(Timestamp instant, std::span<const AsOfQuote> quotes) {
        std::vector<std::string> cells{to_string(instant)};
        for (const AsOfQuote& quote : quotes) {
            for (std::string& part : parts_of(quote, instant)) cells.push_back(std::move(part));
        }
        if (table_) return table_->add(std::move(cells));
        output().line(fmt::format("{}", fmt::join(cells, ",")));
    }

    const std::vector<std::string>& names_;
    OutputFormat format_;
    std::unique_ptr<Table> table_;
    std::uint64_t instants_ = 0;
};

}  // namespace

int run_align(const GlobalOptions& global, const CompareArguments& arguments) {
    Comparison comparison(arguments);
    Session session(choose_database(global), Access::read);
    comparison.resolve(session, 1);

    const OutputFormat format = arguments.flags.format();
    const bool is_cut = format == OutputFormat::table && terminal().output_is_terminal && !arguments.all;
    InstantPrinter printer(comparison.names(), format);
    AlignedReader reader = read_aligned_book_tickers(session.impl().manager, comparison.alignment());
    std::uint64_t without_received_at = 0;
    bool has_more = true;
    while (has_more && (!is_cut || printer.instants() != kInstantsOnTerminal)) {
        throw_if_interrupted();
        const AlignedBookTickers batch =
            session.impl().run(reader.next(is_cut ? kInstantsOnTerminal : kInstantsAtOnce));
        for (std::size_t i = 0; i < batch.instants.size(); ++i) printer.add(batch.instants[i], batch.at(i));
        without_received_at = batch.without_received_at;
        has_more = !batch.instants.empty();
    }
    has_more = has_more && !session.impl().run(reader.next(1)).instants.empty();
    printer.finish();
    if (has_more) output().line(fmt::format("the first {}; --all", with_commas(printer.instants())));
    output().flush();
    note_left_out(without_received_at, true);
    if (printer.instants() == 0) comparison.explain_empty_answer(session);
    return kOk;
}

}  // namespace marketdb::cli
