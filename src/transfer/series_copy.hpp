#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <marketdb/transfer.hpp>

#include "storage/table.hpp"
#include "transfer/digest_part.hpp"
#include "transfer/insert_rows.hpp"
#include "transfer/read_ahead.hpp"
#include "transfer/selection.hpp"
#include "transfer/series_digest.hpp"
#include "transfer/worker.hpp"

namespace marketdb::transfer {

/// What the copies of all series share.
struct CopyContext {
    DatabaseManager& from;
    DatabaseManager& to;
    std::size_t batch_rows = 0;
    bool dry_run = false;
    boost::asio::any_io_executor executor;
    Worker& worker;
    std::function<boost::asio::awaitable<SourceId>()> source;  ///< Of the target, made at its first use.
    std::function<void(std::uint64_t)> on_copied;              ///< Rows of a batch. May throw, to end the copy.
    std::function<void()> on_verified;                         ///< The same, of a batch that was read back.
};

/// Copies one series: passes over the rows at the beginning that the target has already, writes the rest, reads it back.
///
/// The invariant: `digest_` holds the rows of the first database that are stored in the target (dry: that would be).
///
/// Threads: one coroutine. Lifetime: the context outlives it.
template <class Row>
class SeriesCopy {
 public:
    /// @param target  The series in the target; its ids are 0 where the target does not know it.
    SeriesCopy(const CopyContext& context, const ChosenSeries& series, const SeriesPart& target)
        : context_(context),
          part_(series.part),
          target_(target),
          reader_(read_part<Row>(context.from, series.part), context.batch_rows, context.executor),
          digest_(series.name),
          found_(series.name) {}

    boost::asio::awaitable<CopiedSeries> run() {
        rows_ = co_await reader_.next();
        if (is_known()) co_await pass_over_stored_rows();
        found_ = digest_;
        report_.found = digest_.checksum().rows;
        co_await copy_rest();
        report_.source = digest_.checksum();
        if (!context_.dry_run) co_await verify();
        co_return std::move(report_);
    }

 private:
    [[nodiscard]] bool is_known() const noexcept {
        return target_.symbol != SymbolId{} || target_.balance.exchange_id != ExchangeId{};
    }

    boost::asio::awaitable<void> pass_over_stored_rows() {
        HistoryReader<Row> stored_rows = read_part<Row>(context_.to, target_);
        bool is_same = true;
        while (is_same && !rows_.empty()) {
            std::vector<Row> stored = co_await stored_rows.next(rows_.size());
            const std::size_t same = count_same(rows_, stored);
            if (same > 0) {
                passed_ = key_of(rows_[same - 1]);
                passed_there_ = key_of(stored[same - 1]);
            }
            is_same = same == rows_.size();
            std::vector<Row> rest(rows_.begin() + static_cast<std::ptrdiff_t>(same), rows_.end());
            rows_.resize(same);
            co_await add_to_digest();
            rows_ = std::move(rest);
            if (same > 0) context_.on_copied(same);
            if (is_same) rows_ = co_await reader_.next();
        }
    }

    /// How many rows at the beginning are the same.
    [[nodiscard]] static std::size_t count_same(std::vector<Row>& rows, std::vector<Row>& stored) {
        const storage::RowSpan first = storage::as_rows(rows);
        const storage::RowSpan second = storage::as_rows(stored);
        std::size_t same = 0;
        while (same < std::min(first.count, second.count) &&
               is_same_row(*first.table, first.row(same), second.row(same))) {
            ++same;
        }
        return same;
    }

    boost::asio::awaitable<void> add_to_digest() {
        context_.worker.start([this] { digest_.add(storage::as_rows(rows_)); });
        co_await context_.worker.finished();
    }

    boost::asio::awaitable<void> copy_rest() {
        while (!rows_.empty()) {
            if (!context_.dry_run) co_await write();
            co_await add_to_digest();
            context_.on_copied(rows_.size());
            rows_ = co_await reader_.next();
        }
    }

    boost::asio::awaitable<void> write() {
        const SourceId source = co_await context_.source();
        std::vector<Row> rows = rows_;
        for (Row& row : rows) {
            row.source_id = source;
            if constexpr (std::is_same_v<Row, Balance>) {
                row.exchange_id = target_.balance.exchange_id;
            } else {
                row.symbol_id = target_.symbol;
            }
        }
        const WriteResult written = co_await insert_rows(context_.to, std::move(rows));
        report_.written += written;
    }

    boost::asio::awaitable<void> verify() {
        auto digest = digest_rows<Row>(context_.worker, read_part<Row>(context_.to, target_, passed_there_), found_,
                                       [this](std::uint64_t) { context_.on_verified(); });
        const SeriesDigest stored = co_await std::move(digest);
        report_.target = stored.checksum();
        report_.is_equal = report_.target.sha256 == report_.source.sha256 && report_.target.rows == report_.source.rows;
        if (!report_.is_equal) co_await find_difference();
    }

    boost::asio::awaitable<void> find_difference() {
        HistoryReader<Row> here = read_part<Row>(context_.from, part_, passed_);
        HistoryReader<Row> there = read_part<Row>(context_.to, target_, passed_there_);
        for (;;) {
            std::vector<Row> first = co_await here.next(context_.batch_rows);
            std::vector<Row> second = co_await there.next(context_.batch_rows);
            const std::size_t same = count_same(first, second);
            if (same < first.size()) report_.first_difference = first[same].timestamp;
            if (same < second.size() &&
                !(report_.first_difference < second[same].timestamp && is_present(report_.first_difference))) {
                report_.first_difference = second[same].timestamp;
            }
            if (is_present(report_.first_difference) || first.empty()) co_return;
        }
    }

    const CopyContext& context_;
    const SeriesPart part_;
    const SeriesPart target_;
    ReadAhead<Row> reader_;
    SeriesDigest digest_;
    SeriesDigest found_;                  // as far as the target had the rows already
    std::optional<RowKey> passed_;        // the last of these rows
    std::optional<RowKey> passed_there_;  // the same in the target
    std::vector<Row> rows_;               // of the worker while it runs
    CopiedSeries report_;
};

/// Runs a SeriesCopy, which lives as long as the coroutine. `series` outlives that.
template <class Row>
boost::asio::awaitable<CopiedSeries> copy_one(const CopyContext& context, const ChosenSeries& series,
                                              SeriesPart target) {
    SeriesCopy<Row> copy(context, series, target);
    CopiedSeries copied = co_await copy.run();
    co_return copied;
}

}  // namespace marketdb::transfer
