#pragma once

#include <string>
#include <vector>

#include <marketdb/coverage.hpp>
#include <marketdb/removal.hpp>

#include "import_fixture.hpp"

namespace marketdb::testing {

/// What the ledger says, as text. An existing schema has none.
class CoverageTest : public ImportTest {
 public:
    void SetUp() override {
        ImportTest::SetUp();
        if (!IsSkipped() && !target().can.own_tables) GTEST_SKIP() << "an existing schema keeps no coverage";
    }

    static CoverageClaim claim(SymbolId symbol, Timestamp start, Timestamp end, SourceId source = SourceId{1},
                               CoverageKind kind = CoverageKind::file, ClockKind clock = ClockKind::event) {
        CoverageClaim made;
        made.symbol = symbol;
        made.clock = clock;
        made.kind = kind;
        made.source = source;
        made.start = start;
        made.end = end;
        return made;
    }

    /// Of all series of the dataset.
    static DeleteOptions removal(Timestamp start = kNoTime, Timestamp end = kNoTime,
                                 Dataset dataset = Dataset::book_tickers) {
        DeleteOptions made;
        made.dataset = dataset;
        made.series.exchange = "*";
        made.start = start;
        made.end = end;
        return made;
    }

    WriteResult store_covered(std::vector<BookTicker> rows, std::vector<CoverageClaim> claims) {
        return wait(insert_covered(db(), std::move(rows), std::move(claims)));
    }

    static std::string words(Dataset dataset, ClockKind clock) {
        return std::string(to_string(dataset)) + (clock == ClockKind::event ? " event " : " received ");
    }
    static std::string span(Timestamp start, Timestamp end) { return text_of(start) + " .. " + text_of(end); }

    /// `book-tickers event file +0ms .. +5ms` of every claim that is stored.
    Lines claims(CoverageFilter filter = {}) {
        Lines lines;
        for (const CoverageClaim& one : wait(get_coverage_claims(db(), filter))) {
            lines.push_back(words(one.dataset, one.clock) + std::string(to_string(one.kind)) + " " +
                            span(one.start, one.end));
        }
        return lines;
    }
    /// `book-tickers event +0ms .. +5ms file copy` of every piece.
    Lines coverage(CoverageFilter filter = {}) {
        Lines lines;
        for (const CoveredTime& one : wait(get_coverage(db(), filter))) {
            std::string line = words(one.dataset, one.clock) + span(one.start, one.end);
            for (const CoverageReason& reason : one.reasons) line += " " + std::string(to_string(reason.kind));
            lines.push_back(line);
        }
        return lines;
    }
    /// `book-tickers received +0ms .. +5ms` of every gap that counts.
    Lines declared_gaps(CoverageFilter filter = {}) {
        Lines lines;
        for (const CoverageClaim& one : wait(get_declared_gaps(db(), filter))) {
            lines.push_back(words(one.dataset, one.clock) + span(one.start, one.end));
        }
        return lines;
    }
};

}  // namespace marketdb::testing

/// Declares a suite about coverage and runs it against every engine (or those whose data can be shared).
#define MARKETDB_COVERAGE_SUITE(Suite)                                                           \
    class Suite : public ::marketdb::testing::CoverageTest {};                                   \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::marketdb::testing::all_engines()), \
                             ::marketdb::testing::engine_name)
#define MARKETDB_SHARED_COVERAGE_SUITE(Suite)                                                       \
    class Suite : public ::marketdb::testing::CoverageTest {};                                      \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::marketdb::testing::shared_engines()), \
                             ::marketdb::testing::engine_name)
