#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

/// The numbers of a dataset's rows of which summaries are made, by the columns of marketdb's own schema.
struct Numbers {
    std::string_view table;
    std::string_view order;  ///< In which rows of one series are read.
    std::vector<std::string_view>
        extents;  ///< Of which the first, greatest, least and last are wanted; null where absent.
    std::array<std::string_view, 3> sums;     ///< Empty: none.
    std::string_view two_sided;               ///< Null where a side is absent.
    std::array<std::string_view, 2> of_last;  ///< Of the last row; empty: none.
};

const Numbers& numbers_of(Dataset dataset) {
    static const Numbers kQuotes{"book_ticker_snapshots",
                                 "r.\"timestamp\" {0}, r.sequence {0}",
                                 {"r.bid_price", "r.ask_price", "((r.bid_price + r.ask_price) / 2)"},
                                 {"((r.bid_price + r.ask_price) / 2)", "(r.ask_price - r.bid_price)", ""},
                                 "(r.bid_price + r.ask_price)",
                                 {"r.bid_price", "r.ask_price"}};
    static const Numbers kTrades{"trade_snapshots",
                                 "r.\"timestamp\" {0}, r.sequence {0}, r.trade_id {0}",
                                 {"r.price"},
                                 {"r.quantity", "CASE r.side WHEN 'buy' THEN r.quantity END", "(r.price * r.quantity)"},
                                 "",
                                 {"", ""}};
    return dataset == Dataset::book_tickers ? kQuotes : kTrades;
}

/// One statement. Each interval is a range of the key of its own: quotes come in their order as they are, and trades are sorted an
/// interval at a time.
class SummarySql {
 public:
    SummarySql(const SchemaName& schema, const core::IntervalQuestion& question)
        : numbers_(numbers_of(question.dataset)), question_(question) {
        const std::string every = fmt::format("{} * interval '1 microsecond'", question.every.count());
        // The bounds of the interval alone would be known to the server too late: it would open and lock every partition.
        rows_ = fmt::format(
            "FROM {0} AS r WHERE r.symbol_id = {1} AND r.\"timestamp\" >= {2} AND r.\"timestamp\" < {4} AND "
            "r.\"timestamp\" >= greatest(g.start, {2}) AND r.\"timestamp\" < least(g.start + {3}, {4})",
            schema.table(std::string(numbers_.table)), static_cast<std::int32_t>(question.symbol),
            literal(question.time.start), every, literal(question.time.end));
        every_ = every;
    }

    /// start, rows, rows with both sides; first, greatest, least, last of each number; the sums; the numbers of the last row.
    [[nodiscard]] std::string text() const {
        const std::int64_t every = question_.every.count();
        const std::int64_t first = question_.time.start.time_since_epoch().count() / every * every;
        return fmt::format(
            "SELECT g.start, b.*{} FROM generate_series({}, {}, {}) AS g (start) CROSS JOIN LATERAL (SELECT {} FROM "
            "(SELECT r.* {} ORDER BY {}) AS r) AS b WHERE b.rows > 0 ORDER BY g.start",
            ends(), literal(Timestamp{std::chrono::microseconds{first}}),
            literal(question_.time.end - std::chrono::microseconds{1}), every_, aggregates(), rows_, order("ASC"));
    }

 private:
    [[nodiscard]] std::string order(std::string_view direction) const {
        return fmt::format(fmt::runtime(numbers_.order), direction);
    }

    [[nodiscard]] std::string aggregates() const {
        std::string list = "count(*) AS rows, ";
        list += numbers_.two_sided.empty() ? "0::bigint" : fmt::format("count({})", numbers_.two_sided);
        for (const std::string_view number : numbers_.extents) list += fmt::format(", max({0}), min({0})", number);
        for (const std::string_view number : numbers_.sums) {
            list += number.empty() ? ", NULL::float8" : fmt::format(", sum({})", number);
        }
        return list;
    }

    /// The first and the last of each number, then what the last row has.
    [[nodiscard]] std::string ends() const {
        std::string list;
        for (const std::string_view number : numbers_.extents) {
            for (const std::string_view direction : {"ASC", "DESC"}) {
                list += fmt::format(", (SELECT {0} {1} AND {0} IS NOT NULL ORDER BY {2} LIMIT 1)", number, rows_,
                                    order(direction));
            }
        }
        for (const std::string_view number : numbers_.of_last) {
            list += number.empty() ? ", NULL::float8"
                                   : fmt::format(", (SELECT {} {} ORDER BY {} LIMIT 1)", number, rows_, order("DESC"));
        }
        return list;
    }

    const Numbers& numbers_;
    const core::IntervalQuestion& question_;
    std::string rows_;
    std::string every_;
};

core::IntervalSummary summary_of(const Result& rows, int row, std::size_t extents) {
    core::IntervalSummary summary;
    int column = 0;
    summary.start = rows.time(row, column++);
    summary.rows = static_cast<std::uint64_t>(rows.integer(row, column++));
    summary.two_sided = static_cast<std::uint64_t>(rows.integer(row, column++));
    for (std::size_t i = 0; i < extents; ++i) {
        summary.extents.at(i).greatest = rows.real(row, column++);
        summary.extents.at(i).least = rows.real(row, column++);
    }
    for (double& sum : summary.sums) sum = rows.real(row, column++);
    for (std::size_t i = 0; i < extents; ++i) {
        summary.extents.at(i).first = rows.real(row, column++);
        summary.extents.at(i).last = rows.real(row, column++);
    }
    summary.last_bid = rows.real(row, column++);
    summary.last_ask = rows.real(row, column++);
    return summary;
}

/// A statement that looks rows up by their key again and again. Before a new partition has statistics the planner may think that it
/// is small, and would read all of it each time.
asio::awaitable<Result> read_by_index(Connection& connection, std::string_view sql, Deadline deadline) {
    std::vector<Step> steps;
    if (!connection.is_pooled()) steps.push_back({"BEGIN"});  // else `read` does
    steps.push_back({"SET LOCAL enable_seqscan = off"});
    steps.push_back({"SET LOCAL enable_bitmapscan = off"});
    const std::size_t place = steps.size();
    steps.push_back({sql});
    if (!connection.is_pooled()) steps.push_back({"COMMIT"});
    std::vector<Result> results = co_await read(connection, steps, deadline);
    co_return std::move(results.at(place));
}

}  // namespace

asio::awaitable<std::optional<SeriesInfo>> Store::summarised_series(Dataset dataset, SymbolId symbol,
                                                                    Deadline deadline) {
    std::optional<SeriesInfo> series;
    if (catalogue_.is_existing()) co_return series;
    const std::string sql = fmt::format(
        "SELECT rows, first_timestamp, last_timestamp FROM {} WHERE dataset = '{}' AND series_id = {} AND account = '' "
        "AND asset_name = '' AND rows > 0",
        schema().table("series"), to_string(dataset), static_cast<std::int32_t>(symbol));
    const Step step{sql};
    const Result found = co_await ask(step, deadline);
    if (found.rows() == 0) co_return series;
    series.emplace();
    series->dataset = dataset;
    series->series.id = static_cast<std::int32_t>(symbol);
    series->rows = static_cast<std::uint64_t>(found.integer(0, 0));
    series->first = found.time(0, 1);
    series->last = found.time(0, 2);
    co_return series;
}

asio::awaitable<std::vector<core::IntervalSummary>> Store::summarise(core::IntervalQuestion question,
                                                                     Deadline deadline) {
    const std::string sql = SummarySql(schema(), question).text();
    auto body = [&](Connection& connection) { return read_by_index(connection, sql, deadline); };
    const Result found = co_await on_connection(pool_, body, deadline);
    const std::size_t extents = numbers_of(question.dataset).extents.size();
    std::vector<core::IntervalSummary> summaries;
    summaries.reserve(static_cast<std::size_t>(found.rows()));
    for (int row = 0; row < found.rows(); ++row) summaries.push_back(summary_of(found, row, extents));
    co_return summaries;
}

}  // namespace marketdb::storage::postgres
