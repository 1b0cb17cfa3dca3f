#include "transfer/coverage_of_import.hpp"

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "core/covered_time.hpp"
#include "core/text.hpp"
#include "transfer/pending_claims.hpp"

namespace marketdb::transfer {
namespace {

constexpr std::size_t kMaxOverlaps = 5;  // of one file, shown one by one

template <class Row>
std::size_t series_of(const Row& row) noexcept {
    if constexpr (std::is_same_v<Row, Balance>) {
        return static_cast<std::size_t>(row.exchange_id);
    } else {
        return static_cast<std::size_t>(row.symbol_id);
    }
}

core::Intervals stretches_of(const std::vector<CoveredTime>& pieces) {
    core::Intervals stretches;
    for (const CoveredTime& piece : pieces) stretches.push_back({piece.start, piece.end});
    return stretches;
}

template <class Row>
FileClaims::Times times_of(const Row& row) noexcept {
    return {row.timestamp, row.received_at};
}

/// Calls `on_bad(error)` and `on_row(place)` in the file's order.
template <class OnBad, class OnRow>
void in_file_order(const io::Batch& batch, OnBad&& on_bad, OnRow&& on_row) {
    std::vector<const io::RowError*> bad;
    for (const io::RowError& error : batch.errors) bad.push_back(&error);
    std::sort(bad.begin(), bad.end(), [](const io::RowError* a, const io::RowError* b) { return a->line < b->line; });
    auto next = bad.begin();
    for (std::size_t at = 0; at < batch.lines.size(); ++at) {
        for (; next != bad.end() && (*next)->line < batch.lines[at]; ++next) on_bad(**next);
        on_row(at);
    }
    for (; next != bad.end(); ++next) on_bad(**next);
}

/// `file 'a.csv' (source 3), declared (source 4)`.
std::string reasons_text(const CoveredTime& piece, const std::vector<Source>& sources) {
    std::string text;
    for (const CoverageReason& reason : piece.reasons) {
        const auto source =
            std::find_if(sources.begin(), sources.end(), [&](const Source& one) { return one.id == reason.source; });
        text += fmt::format("{}{} '{}' (source {})", text.empty() ? "" : ", ", to_string(reason.kind),
                            source == sources.end() ? "?" : core::printable(source->name),
                            static_cast<std::int32_t>(reason.source));
    }
    return text;
}

}  // namespace

void CoverageOfImport::survey(const io::Batch& batch) {
    std::visit(
        [&](const auto& rows) {
            in_file_order(
                batch, [&](const io::RowError& error) { claims_.survey_bad(times_of(error)); },
                [&](std::size_t at) { claims_.survey(series_of(rows[at]), times_of(rows[at])); });
        },
        batch.rows);
}

boost::asio::awaitable<void> CoverageOfImport::look_up(SourceId own) {
    if (!is_kept() || (!keeps_coverage(db_) && !options_.only_gaps)) co_return;
    covered_.clear();
    by_.clear();
    for (std::size_t index = 0; index < instruments_.count(); ++index) {
        CoverageFilter filter;
        filter.dataset = dataset_;
        filter.symbol = SymbolId{instruments_.id(index)};
        if (filter.symbol == SymbolId{}) continue;
        std::vector<CoverageClaim> claims = co_await get_coverage_claims(db_, filter);
        std::erase_if(claims, [own](const CoverageClaim& claim) {
            return claim.source == own && claim.kind != CoverageKind::gap;
        });
        core::for_each_series(claims, [&](std::span<const CoverageClaim> series) {
            const std::vector<CoveredTime> pieces = core::covered_time(series, SourceId{}, core::kEver);
            const ClockKind clock = series.front().clock;
            core::Intervals all = stretches_of(pieces);
            core::Intervals certain = core::inner(all);
            covered_[index][static_cast<std::size_t>(clock)] = {std::move(all), std::move(certain)};
            if (clock == claims_.main_clock(index)) by_[index] = pieces;
        });
    }
}

std::vector<std::string> CoverageOfImport::why_not_complete(std::string_view why) const {
    std::vector<std::string> lines;
    if (why.empty() || !is_present(options_.complete_from)) return lines;
    lines.push_back(fmt::format("{}, so it is not claimed to be complete from {} to {}", why,
                                to_string(options_.complete_from), to_string(options_.complete_to)));
    return lines;
}

std::string_view CoverageOfImport::doubt_of_complete() const {
    if (!is_kept()) return "no coverage of balances is kept";
    if (!keeps_coverage(db_)) return "an existing schema keeps no coverage";
    if (claims_.has_bad() || instruments_.refused_rows() > 0) return "rows of it are not stored";
    return {};
}

bool CoverageOfImport::has_rows_of_complete() const {
    const core::Intervals said{{options_.complete_from, options_.complete_to}};
    for (std::size_t index = 0; index < instruments_.count(); ++index) {
        for (const ClockKind clock : {ClockKind::event, ClockKind::received}) {
            if (!core::common(claims_.whole(index, clock), said).empty()) return true;
        }
    }
    return false;
}

boost::asio::awaitable<std::vector<std::string>> CoverageOfImport::remarks() {
    std::vector<std::string> lines = why_not_complete(doubt_of_complete());
    if (is_present(options_.complete_from) && !has_rows_of_complete()) {
        lines.push_back(fmt::format("it is said to be complete from {} to {}, and has no row of that time",
                                    to_string(options_.complete_from), to_string(options_.complete_to)));
    }
    if (options_.only_gaps) co_return lines;
    std::size_t shown = 0;
    std::vector<Source> sources;
    std::size_t more = 0;
    for (const auto& [index, pieces] : by_) {
        const core::Intervals whole = claims_.whole(index, claims_.main_clock(index));
        if (whole.empty()) continue;
        for (const CoveredTime& piece : pieces) {
            const Timestamp start = std::max(piece.start, whole.front().start);
            const Timestamp end = std::min(piece.end, whole.front().end);
            if (end <= start) continue;
            if (shown == kMaxOverlaps) {
                ++more;
                continue;
            }
            ++shown;
            if (sources.empty()) sources = co_await db_.get_sources();
            lines.push_back(fmt::format("{} {}: covered already from {} to {} ({} time), by {}", to_string(*dataset_),
                                        instruments_.name(index), to_string(start), to_string(end),
                                        piece.clock == ClockKind::event ? "event" : "received",
                                        reasons_text(piece, sources)));
        }
    }
    if (more > 0) lines.push_back(fmt::format("{} more stretches of its time are covered already", more));
    co_return lines;
}

/// All rows that are not taken are stored, by others, on every clock on which they have a time: the file claims as if all were taken.
bool CoverageOfImport::takes(std::size_t series, const FileClaims::Times& times) {
    claims_.stored(series, times);
    const auto found = covered_.find(series);
    if (!options_.only_gaps || found == covered_.end()) return true;
    // What another recorder received within a time may not be what this one did, so the clock of arrival alone does not tell.
    const auto is_covered = [&](ClockKind clock) {
        return core::contains(found->second[static_cast<std::size_t>(clock)].certain, times.of(clock));
    };
    const bool has_arrival = is_present(times.received);
    return !is_covered(ClockKind::event) || (has_arrival && !is_covered(ClockKind::received));
}

template <class Row>
std::uint64_t CoverageOfImport::take_rows(std::vector<Row>& rows, io::Batch& batch) {
    std::size_t kept = 0;
    in_file_order(
        batch, [&](const io::RowError&) { claims_.cut(); },
        [&](std::size_t at) {
            if (!takes(series_of(rows[at]), times_of(rows[at]))) return;
            batch.lines[kept] = batch.lines[at];
            rows[kept++] = rows[at];
        });
    const std::uint64_t left_out = rows.size() - kept;
    rows.resize(kept);
    batch.lines.resize(kept);
    return left_out;
}

std::uint64_t CoverageOfImport::take(io::Batch& batch) {
    return std::visit([&](auto& rows) { return take_rows(rows, batch); }, batch.rows);
}

void CoverageOfImport::add(std::vector<CoverageClaim>& claims, const FileClaims::Claim& claim, SourceId source) const {
    core::Intervals times(1, claim.time);
    const auto found = covered_.find(claim.series);
    if (options_.only_gaps && found != covered_.end()) {
        times = core::without(times, found->second[static_cast<std::size_t>(claim.clock)].all);
    }
    for (const core::Interval& time : times) {
        CoverageClaim& one = claims.emplace_back();
        one.dataset = *dataset_;
        one.symbol = SymbolId{instruments_.id(claim.series)};
        one.clock = claim.clock;
        one.kind = CoverageKind::file;
        one.source = source;
        one.start = time.start;
        one.end = time.end;
    }
}

boost::asio::awaitable<void> CoverageOfImport::open(SourceId source) {
    const bool may_claim = claims_by_itself_ || is_present(options_.complete_from);
    if (!is_kept() || !may_claim || !keeps_coverage(db_)) co_return;
    std::vector<CoverageClaim> claims;
    for (std::size_t index = 0; index < instruments_.count(); ++index) {
        const SymbolId symbol{instruments_.id(index)};
        if (symbol == SymbolId{} || !open_.insert(index).second) continue;
        add_pending(claims, *dataset_, symbol, CoverageKind::file, source);
    }
    if (!claims.empty()) co_await open_claims(db_, std::move(claims));
}

boost::asio::awaitable<void> CoverageOfImport::settle(SourceId source, std::vector<CoverageClaim> claims) {
    if (open_.empty()) co_return;
    CoverageFilter closes;
    closes.source = source;
    co_await settle_claims(db_, closes, std::move(claims));
}

std::vector<CoverageClaim> CoverageOfImport::so_far(SourceId source) {
    std::vector<CoverageClaim> claims;
    if (!is_kept() || !claims_by_itself_) return claims;
    for (const FileClaims::Claim& claim : claims_.so_far()) add(claims, claim, source);
    return claims;
}

std::vector<CoverageClaim> CoverageOfImport::at_end(SourceId source) const {
    std::vector<CoverageClaim> claims;
    if (!is_kept()) return claims;
    if (claims_by_itself_) {
        for (const FileClaims::Claim& claim : claims_.at_end()) add(claims, claim, source);
    }
    if (!is_present(options_.complete_from)) return claims;
    const core::Interval whole{options_.complete_from, options_.complete_to};
    for (const FileClaims::Claim& claim : claims_.of_complete(whole)) add(claims, claim, source);
    return claims;
}

}  // namespace marketdb::transfer
