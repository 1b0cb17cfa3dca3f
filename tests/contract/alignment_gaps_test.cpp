#include <marketdb/coverage.hpp>

#include "alignment_fixture.hpp"

/// No quote is carried over a gap that somebody declared.
namespace marketdb::testing {
namespace {

class AlignmentGaps : public AlignmentTest {
 public:
    void SetUp() override {
        AlignmentTest::SetUp();
        if (!IsSkipped() && !target().can.own_tables) GTEST_SKIP() << "an existing schema keeps no coverage";
    }

    void declare_gap_of(SymbolId symbol, Timestamp start, Timestamp end, ClockKind clock) {
        CoverageDeclaration declaration;
        declaration.symbol = symbol;
        declaration.clock = clock;
        declaration.start = start;
        declaration.end = end;
        wait(declare_gap(db(), declaration));
    }
};
INSTANTIATE_TEST_SUITE_P(On, AlignmentGaps, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(AlignmentGaps, AQuoteEndsWhereAGapBegins) {
    const SymbolId a = make_symbol().id;
    const SymbolId b = make_symbol("ETH").id;
    store({tick(a, kNoon, 1, 2), tick(a, kNoon + 6s, 3, 4), tick(b, kNoon, 5, 6)});
    declare_gap_of(a, kNoon + 2s, kNoon + 3s, ClockKind::received);
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 2s, kNoon, kNoon + 8s)),
              (Lines{"+0ms: +0ms 1/2, +0ms 5/6", "+2000ms: -, +0ms 5/6", "+4000ms: -, +0ms 5/6",
                     "+6000ms: +6000ms 3/4, +0ms 5/6", "+8000ms: +6000ms 3/4, +0ms 5/6"}));
    EXPECT_EQ(lines_of_aligned(grid({a}, 2s, kNoon + 4s, kNoon + 6s)), (Lines{"+4000ms: -", "+6000ms: +6000ms 3/4"}))
        << "also of the quote before the first time";
}

TEST_P(AlignmentGaps, AGapByTheExchangesClockEndsItToo) {
    const SymbolId a = make_symbol().id;
    store({tick(a, kNoon, 1, 2), tick(a, kNoon + 6s, 3, 4)});
    declare_gap_of(a, kNoon + 2s, kNoon + 3s, ClockKind::event);
    EXPECT_EQ(lines_of_aligned(grid({a}, 2s, kNoon, kNoon + 6s)),
              (Lines{"+0ms: +0ms 1/2", "+2000ms: -", "+4000ms: -", "+6000ms: +6000ms 3/4"}));
}

TEST_P(AlignmentGaps, AGapThatAnotherSourceFilledIsNone) {
    const SymbolId a = make_symbol().id;
    store({tick(a, kNoon, 1, 2)});
    declare_gap_of(a, kNoon + 2s, kNoon + 3s, ClockKind::received);
    CoverageClaim claim;
    claim.symbol = a;
    claim.clock = ClockKind::received;
    claim.source = SourceId{99};
    claim.start = kNoon + 1s;
    claim.end = kNoon + 4s;
    std::vector<BookTicker> no_rows;
    std::vector<CoverageClaim> claims{claim};
    wait(insert_covered(db(), no_rows, claims));
    EXPECT_EQ(lines_of_aligned(grid({a}, 2s, kNoon, kNoon + 4s)),
              (Lines{"+0ms: +0ms 1/2", "+2000ms: +0ms 1/2", "+4000ms: +0ms 1/2"}));
}

}  // namespace
}  // namespace marketdb::testing
