#include <memory>
#include <utility>

#include "coverage_fixture.hpp"

/// What a copy makes of the coverage of both sides.
namespace marketdb::testing {
namespace {

/// `other()` is a file from which is copied into `db()`, on the engine that is tested.
class CopyCoverageTest : public CoverageTest {
 public:
    void TearDown() override {
        if (other_ != nullptr) other_->wait(other_->close());
    }

    [[nodiscard]] DatabaseManager& other() {
        if (other_ != nullptr) return *other_;
        Config settings = Config::from_url("sqlite:" + (folder() / "other.db").string());
        auto later = std::make_shared<WalkableClock>();
        later->walk(1h);
        settings.clock = later;
        other_ = open(std::move(settings));
        return *other_;
    }

    /// Quotes a second apart, and a claim from the first to the last, in `other()`.
    SymbolId store_there(int rows) {
        const Exchange exchange = other().wait(other().ensure_exchange("ALPHA_SPOT"));
        Symbol symbol;
        symbol.exchange_id = exchange.id;
        symbol.symbol_base = "BTC";
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = "BTCUSDT";
        symbol = other().wait(other().ensure_symbol(symbol));
        std::vector<BookTicker> quotes;
        for (int i = 0; i < rows; ++i) quotes.push_back(quote(symbol.id, kNoon + i * 1s, 100 + i, 5'000));
        std::vector<CoverageClaim> claims{claim(symbol.id, kNoon, kNoon + (rows - 1) * 1s + 1us)};
        other().wait(insert_covered(other(), quotes, claims));
        return symbol.id;
    }

    CopyReport copy(CopyOptions options = {}) { return wait(copy_history(other(), db(), std::move(options))); }

 private:
    std::unique_ptr<DatabaseManager> other_;
};

class CopyCoverage : public CopyCoverageTest {};
INSTANTIATE_TEST_SUITE_P(On, CopyCoverage, ::testing::ValuesIn(all_engines()), engine_name);
class CopyCoverageShared : public CopyCoverageTest {};
INSTANTIATE_TEST_SUITE_P(On, CopyCoverageShared, ::testing::ValuesIn(shared_engines()), engine_name);

TEST_P(CopyCoverage, WhatIsCoveredThereIsCoveredHereWhenItWasCopied) {
    const SymbolId symbol = store_there(10);
    CoverageDeclaration gap;
    gap.symbol = symbol;
    gap.start = kNoon + 3500ms;
    gap.end = kNoon + 3600ms;
    other().wait(declare_gap(other(), gap));
    EXPECT_EQ(copy().different, 0U);
    const Lines expected{"book-tickers event +0ms .. +3500ms copy", "book-tickers event +3600ms .. +9000.001ms copy"};
    EXPECT_EQ(coverage(), expected);
    EXPECT_EQ(declared_gaps(), Lines{"book-tickers event +3500ms .. +3600ms"});
    EXPECT_EQ(copy().different, 0U) << "a second time changes nothing";
    EXPECT_EQ(coverage(), expected);
    EXPECT_EQ(claims().size(), 3U);
}

TEST_P(CopyCoverage, OfAPartOfTheTimeThatPartIsCovered) {
    store_there(10);
    CopyOptions options;
    options.selection.start = kNoon + 2s;
    options.selection.end = kNoon + 5s;
    EXPECT_EQ(copy(options).rows, 3U);
    EXPECT_EQ(coverage(), Lines{"book-tickers event +2000ms .. +5000ms copy"});
    options.dry_run = true;
    options.selection = {};
    EXPECT_EQ(copy(options).rows, 10U);
    EXPECT_EQ(coverage(), Lines{"book-tickers event +2000ms .. +5000ms copy"});
}

TEST_P(CopyCoverage, OnlyGapsCopiesWhatIsNotCoveredHere) {
    store_there(10);
    const SymbolId here = make_symbol().id;
    store_covered({quote(here, kNoon + 4s, 1, 2)}, {claim(here, kNoon + 3s, kNoon + 6s)});
    CopyOptions options;
    options.only_gaps = true;
    const CopyReport report = copy(options);
    EXPECT_EQ(report.different, 0U);
    EXPECT_EQ(report.rows, 8U);
    EXPECT_EQ(report.written, result(8)) << "that of 3 s too: the first moment of what is covered may lack rows";
    ASSERT_EQ(report.series.size(), 2U);
    EXPECT_EQ(report.series[0].source.rows, 4U);
    EXPECT_EQ(report.series[1].source.rows, 4U);
    EXPECT_EQ(coverage(), Lines{"book-tickers event +0ms .. +9000.001ms copy file"});
    EXPECT_EQ(stored_quotes().size(), 9U);
    const CopyReport again = copy(options);
    EXPECT_EQ(again.rows, 2U) << "the first and the last moment of all that is covered may lack rows";
    EXPECT_EQ(again.found, 2U);
    EXPECT_EQ(again.written, result(0, 0, 0));
}

/// Another program removes rows that the copy has compared, before it claims them.
TEST_P(CopyCoverageShared, RowsThatGoMeanwhileAreNotClaimed) {
    const SymbolId there = store_there(10);
    std::vector<CoverageClaim> received{claim(there, kNoon, kNoon + 1h)};
    received.front().clock = ClockKind::received;
    std::vector<BookTicker> no_rows;
    other().wait(insert_covered(other(), no_rows, received));
    EXPECT_EQ(copy().different, 0U);
    const Lines whole{"book-tickers event +0ms .. +9000.001ms copy", "book-tickers received +0ms .. +3600000ms copy"};
    EXPECT_EQ(coverage(), whole);
    CoverageFilter everything;
    wait(withdraw_coverage(db(), everything));  // so that the second copy finds all rows, and claims

    const auto writer = open(config());
    std::uint64_t removed = 0;
    CopyOptions options;
    options.on_progress = [&](const CopyProgress& progress) {
        if (!progress.verifying && progress.rows < 10) return;
        removed += writer->wait(delete_rows(*writer, removal(kNoon + 4s, kNoon + 6s))).rows;
    };
    EXPECT_EQ(copy(options).different, 0U) << "they went after they were compared";
    EXPECT_EQ(removed, 2U);
    EXPECT_EQ(
        coverage(),
        (Lines{"book-tickers event +0ms .. +4000ms copy", "book-tickers event +6000ms .. +9000.001ms copy",
               "book-tickers received +0ms .. +4000ms copy", "book-tickers received +6000ms .. +3600000ms copy"}));
    EXPECT_EQ(copy().written.inserted, 2U);
    EXPECT_EQ(coverage(), (Lines{"book-tickers event +0ms .. +9000.001ms copy copy",
                                 "book-tickers received +0ms .. +3600000ms copy copy"}))
        << "and the next copy fills that";
}

TEST_P(CopyCoverageShared, ACopyThatFoundADifferenceLeavesNothingPending) {
    store_there(10);
    const auto writer = open(config());
    CopyOptions options;
    options.on_progress = [&](const CopyProgress& progress) {
        if (progress.verifying || progress.rows < 10) return;
        static_cast<void>(writer->wait(delete_rows(*writer, removal(kNoon + 4s, kNoon + 6s))));
    };
    EXPECT_EQ(copy(options).different, 1U) << "they went before they were compared";
    EXPECT_EQ(coverage(), Lines{});
    EXPECT_EQ(copy().different, 0U);
    EXPECT_EQ(coverage(), Lines{"book-tickers event +0ms .. +9000.001ms copy"});
}

}  // namespace
}  // namespace marketdb::testing
