#include "transfer/file_claims.hpp"

#include <algorithm>
#include <chrono>

namespace marketdb::transfer {
namespace {

using core::Interval;
using std::chrono::microseconds;

constexpr microseconds kStep{1};
/// A file that was set aside row by row is not worth the memory: it claims nothing.
constexpr std::size_t kMaxPieces = 100'000;

}  // namespace

bool FileClaims::Series::is_ordered(ClockKind clock) const noexcept {
    const bool has_clock = clock == ClockKind::event || has_received;
    return has_clock && is_in_order[static_cast<std::size_t>(clock)];
}

FileClaims::Series& FileClaims::series(std::size_t index) {
    if (index >= series_.size()) series_.resize(index + 1);
    return series_[index];
}

void FileClaims::survey(std::size_t index, Times times) {
    Series& one = series(index);
    for (const ClockKind clock : kClocks) {
        const auto i = static_cast<std::size_t>(clock);
        const Timestamp time = times.of(clock);
        if (!is_present(time)) continue;
        if (time < one.before[i] || time < latest_bad_[i]) one.is_in_order[i] = false;
        one.before[i] = time;
        one.first[i] = is_present(one.first[i]) ? std::min(one.first[i], time) : time;
        one.last[i] = std::max(one.last[i], time);
    }
    if (!is_present(times.received)) one.has_received = false;
}

void FileClaims::survey_bad(Times times) {
    has_bad_ = true;
    for (const ClockKind clock : kClocks) {
        const auto i = static_cast<std::size_t>(clock);
        const Timestamp time = times.of(clock);
        for (Series& one : series_) {
            if (is_present(time) && time < one.before[i]) one.is_in_order[i] = false;
        }
        latest_bad_[i] = std::max(latest_bad_[i], time);  // kNoTime is before every time
    }
}

void FileClaims::stored(std::size_t index, Times times) {
    Series& one = series(index);
    if (one.pieces.empty() || one.seen != cuts_) {
        // What was not stored may be of the very time of this row.
        const microseconds behind = cuts_ > 0 ? kStep : microseconds{0};
        Piece& piece = one.pieces.emplace_back();
        piece.start = piece.end = times;
        piece.start.event += behind;
        if (is_present(times.received)) piece.start.received += behind;
        one.seen = cuts_;
        ++pieces_;
        return;
    }
    one.pieces.back().end = times;
}

ClockKind FileClaims::main_clock(std::size_t index) const {
    const bool is_known = index < series_.size() && series_[index].has_rows();
    return is_known ? main_clock(series_[index]) : ClockKind::event;
}

ClockKind FileClaims::main_clock(const Series& one) {
    return one.is_ordered(ClockKind::received) ? ClockKind::received : ClockKind::event;
}

/// Where a row is missing only the main clock tells between which two it stood.
bool FileClaims::is_claimed(const Series& one, ClockKind clock) const {
    return one.is_ordered(clock) && (is_whole() || clock == main_clock(one));
}

core::Intervals FileClaims::whole(std::size_t index, ClockKind clock) const {
    if (index >= series_.size() || !series_[index].has_rows()) return {};
    const auto i = static_cast<std::size_t>(clock);
    if (!is_present(series_[index].first[i])) return {};
    return {{series_[index].first[i], series_[index].last[i] + kStep}};
}

std::vector<FileClaims::Claim> FileClaims::so_far() {
    std::vector<Claim> claims;
    if (!is_surveyed_ || pieces_ > kMaxPieces) return claims;
    for (std::size_t index = 0; index < series_.size(); ++index) {
        Series& one = series_[index];
        if (one.pieces.empty()) continue;
        for (const ClockKind clock : kClocks) {
            if (!is_claimed(one, clock)) continue;
            for (std::size_t at = one.told; at < one.pieces.size(); ++at) {
                Piece& piece = one.pieces[at];
                Timestamp& told = piece.told[static_cast<std::size_t>(clock)];
                // Without the last moment: a row of the same may come with the next part.
                const Interval time{std::max(piece.start.of(clock), told), piece.end.of(clock)};
                if (time.start >= time.end) continue;
                claims.push_back({index, clock, time});
                told = time.end;
            }
        }
        one.told = one.pieces.size() - 1;
    }
    return claims;
}

std::vector<FileClaims::Claim> FileClaims::at_end() const {
    std::vector<Claim> claims;
    if (pieces_ > kMaxPieces) return claims;
    for (std::size_t index = 0; index < series_.size(); ++index) {
        const Series& one = series_[index];
        if (one.pieces.empty()) continue;
        for (const ClockKind clock : kClocks) {
            for (const Interval& time : ends_of(one, clock)) {
                if (time.start < time.end) claims.push_back({index, clock, time});
            }
        }
    }
    return claims;
}

std::vector<Interval> FileClaims::ends_of(const Series& one, ClockKind clock) const {
    std::vector<Interval> times;
    if (is_claimed(one, clock)) {
        for (const Piece& piece : one.pieces) times.push_back({piece.start.of(clock), piece.end.of(clock)});
        if (one.seen == cuts_) times.back().end += kStep;
        return times;
    }
    if (!is_whole() || clock == ClockKind::received) return times;
    // In the order of arrival a row of any event time may have come before the file began, or come after its end.
    if (one.is_ordered(ClockKind::received)) return times;
    return {{one.first[0], one.last[0] + kStep}};
}

std::vector<FileClaims::Claim> FileClaims::of_complete(const Interval& time) const {
    std::vector<Claim> claims;
    for (std::size_t index = 0; index < series_.size(); ++index) {
        const Series& one = series_[index];
        if (!one.has_rows() || !is_whole()) continue;
        for (const ClockKind clock : kClocks) {
            if (one.is_ordered(clock) || clock == main_clock(index)) claims.push_back({index, clock, time});
        }
    }
    return claims;
}

}  // namespace marketdb::transfer
