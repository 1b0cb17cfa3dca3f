#include "analysis/asof_merge.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/rows.hpp"

namespace marketdb::analysis {
namespace {

using testing::kNoon;
using testing::Lines;
using testing::text_of;
using namespace std::chrono_literals;

/// A quote whose bid says which one it is.
BookTicker row(Timestamp at, double bid) { return testing::quote(SymbolId{1}, at, bid, bid + 1); }

/// Runs a merge to its end. Each series' rows are handed over in pieces of this size.
Lines merged(AsOfMerge merge, std::vector<std::vector<BookTicker>> rows, std::size_t piece = 2,
             std::size_t instants_at_once = 3) {
    AlignedBookTickers all;
    all.series.resize(rows.size());
    std::vector<std::size_t> given(rows.size());
    for (bool is_last = false; !is_last;) {
        AlignedBookTickers batch;
        for (auto wanted = merge.run(batch, instants_at_once); wanted; wanted = merge.run(batch, instants_at_once)) {
            const std::vector<BookTicker>& from = rows[wanted->series];
            std::size_t& begin = given[wanted->series];
            const std::size_t end = std::min(begin + piece, from.size());
            merge.feed(wanted->series, {from.begin() + static_cast<std::ptrdiff_t>(begin),
                                        from.begin() + static_cast<std::ptrdiff_t>(end)});
            begin = end;
        }
        is_last = batch.instants.empty();
        EXPECT_LE(batch.instants.size(), instants_at_once);
        all.instants.insert(all.instants.end(), batch.instants.begin(), batch.instants.end());
        all.quotes.insert(all.quotes.end(), batch.quotes.begin(), batch.quotes.end());
    }
    Lines lines;
    for (std::size_t i = 0; i < all.instants.size(); ++i) {
        std::string line = text_of(all.instants[i]);
        for (const AsOfQuote& quote : all.at(i)) line += " " + text_of(quote.bid_price);
        lines.push_back(line);
    }
    return lines;
}

AsOfMerge grid_of_seconds(std::size_t series, Timestamp first, Timestamp last,
                          std::vector<std::vector<Gap>> gaps = {}) {
    return {series, ClockKind::event, Instants::of_grid(1s, first, last), std::nullopt, std::move(gaps)};
}

TEST(AsOfMerge, PiecesOfAnySizeGiveTheSame) {
    std::vector<std::vector<BookTicker>> rows(2);
    for (int i = 0; i < 20; ++i) rows[0].push_back(row(kNoon + i * 300ms, i));
    for (int i = 0; i < 5; ++i) rows[1].push_back(row(kNoon + i * 1500ms, 100 + i));
    const Lines expected{"+0ms 0 100",     "+1000ms 3 100",  "+2000ms 6 101", "+3000ms 10 102",
                         "+4000ms 13 102", "+5000ms 16 103", "+6000ms 19 104"};
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) {
        for (const std::size_t instants : {1U, 2U, 100U}) {
            EXPECT_EQ(merged(grid_of_seconds(2, kNoon, kNoon + 6s), rows, piece, instants), expected)
                << piece << ", " << instants;
        }
    }
}

TEST(AsOfMerge, TheRowThatItStartsWithMakesNoInstant) {
    AsOfMerge merge(2, ClockKind::event, Instants::of_rows(std::nullopt), std::nullopt);
    merge.start_with(0, row(kNoon - 1s, 7));
    EXPECT_EQ(merged(std::move(merge), {{row(kNoon + 1s, 8)}, {row(kNoon, 1), row(kNoon + 2s, 2)}}),
              (Lines{"+0ms 7 1", "+1000ms 8 1", "+2000ms 8 2"}));
}

TEST(AsOfMerge, RowsOfOneTimeMakeOneInstant) {
    const std::vector<BookTicker> rows{row(kNoon, 1), row(kNoon, 2), row(kNoon, 3), row(kNoon + 1s, 4)};
    EXPECT_EQ(merged({1, ClockKind::event, Instants::of_rows(0), std::nullopt}, {rows}),
              (Lines{"+0ms 3", "+1000ms 4"}));
}

TEST(AsOfMerge, AQuoteIsNotCarriedIntoAGapNorOverIt) {
    const std::vector<BookTicker> rows{row(kNoon, 1), row(kNoon + 6s, 2)};
    EXPECT_EQ(
        merged(grid_of_seconds(1, kNoon, kNoon + 7s, {{{kNoon + 1500ms, kNoon + 3500ms}}}), {rows}),
        (Lines{"+0ms 1", "+1000ms 1", "+2000ms -", "+3000ms -", "+4000ms -", "+5000ms -", "+6000ms 2", "+7000ms 2"}));
}

TEST(AsOfMerge, ARowInsideAGapCountsAtItsOwnTimeOnly) {
    const std::vector<BookTicker> rows{row(kNoon, 1), row(kNoon + 2s, 2), row(kNoon + 5s, 3)};
    EXPECT_EQ(merged(grid_of_seconds(1, kNoon, kNoon + 5s, {{{kNoon + 1s, kNoon + 4s}}}), {rows}),
              (Lines{"+0ms 1", "+1000ms -", "+2000ms 2", "+3000ms -", "+4000ms -", "+5000ms 3"}));
}

TEST(AsOfMerge, GapsAreOfEachSeriesAndOneAfterTheOther) {
    const std::vector<BookTicker> rows{row(kNoon, 1), row(kNoon + 2s, 2), row(kNoon + 3s, 3)};
    const std::vector<Gap> gaps{{kNoon - 5s, kNoon}, {kNoon + 1s, kNoon + 2s}, {kNoon + 4s, kNoon + 9s}};
    EXPECT_EQ(merged(grid_of_seconds(2, kNoon, kNoon + 4s, {gaps, {}}), {rows, rows}),
              (Lines{"+0ms 1 1", "+1000ms - 1", "+2000ms 2 2", "+3000ms 3 3", "+4000ms - 3"}));
}

TEST(Instants, OfAGridReachToTheEndsOfTime) {
    Instants all = Instants::of_grid(std::chrono::microseconds{std::int64_t{1} << 62}, kMinTime, kMaxTime);
    EXPECT_EQ(all.left(), 1U);
    EXPECT_EQ(all.front(), kMinTime);
    EXPECT_EQ(Instants::of_grid(1us, kMaxTime, kMaxTime).first(), kMaxTime);
    EXPECT_EQ(Instants::of_grid(1us, kMaxTime - 1us, kMaxTime).last(), kMaxTime);
    EXPECT_EQ(Instants::of_grid(1s, kNoon + 1us, kNoon + 999ms).left(), 0U);
    EXPECT_FALSE(is_present(Instants::of_grid(1s, kNoon + 1s, kNoon).first()));
}

}  // namespace
}  // namespace marketdb::analysis
