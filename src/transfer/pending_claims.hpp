#pragma once

#include <vector>

#include <marketdb/coverage_claim.hpp>

namespace marketdb::transfer {

/// What a source is going to claim of a series, on both clocks, as `open_claims` takes it.
inline void add_pending(std::vector<CoverageClaim>& claims, Dataset dataset, SymbolId symbol, CoverageKind kind,
                        SourceId source) {
    for (const ClockKind clock : {ClockKind::event, ClockKind::received}) {
        CoverageClaim& one = claims.emplace_back();
        one.dataset = dataset;
        one.symbol = symbol;
        one.clock = clock;
        one.kind = kind;
        one.source = source;
    }
}

}  // namespace marketdb::transfer
