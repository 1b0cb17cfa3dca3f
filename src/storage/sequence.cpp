#include "storage/sequence.hpp"

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/table.hpp"

namespace marketdb::storage {
namespace {

struct Numbered {
    std::int64_t sequence = 0;
    std::optional<Problem> problem;
};

Numbered number(Timestamp timestamp, Timestamp received_at, std::int64_t n) {
    if (!is_present(timestamp)) return {.sequence = 0, .problem = Problem{"timestamp", "is absent"}};
    if (n < 0 || n >= kMaxOrdinal) {
        return {.sequence = 0,
                .problem = Problem{"sequence", fmt::format("more than {} rows of one series, timestamp and received_at "
                                                           "cannot be told apart",
                                                           kMaxOrdinal)}};
    }
    if (!is_present(received_at)) return {.sequence = n, .problem = std::nullopt};

    std::int64_t delay = 0;
    std::int64_t sequence = 0;
    const bool overflow =
        __builtin_sub_overflow(received_at.time_since_epoch().count(), timestamp.time_since_epoch().count(), &delay) ||
        __builtin_mul_overflow(delay, kMaxOrdinal, &sequence) || __builtin_add_overflow(sequence, n, &sequence);
    if (overflow || sequence > kMaxSequence || sequence < -kMaxSequence) {
        return {
            .sequence = 0,
            .problem = Problem{"received_at", fmt::format("{} is too far from timestamp {} (about 101 days at most)",
                                                          to_string(received_at), to_string(timestamp))}};
    }
    return {.sequence = sequence, .problem = std::nullopt};
}

/// Rows that only their order of arrival tells apart.
struct Moment {
    SymbolId symbol;
    Timestamp timestamp;
    Timestamp received_at;
    friend bool operator==(const Moment&, const Moment&) = default;
};

struct MomentHash {
    std::size_t operator()(const Moment& moment) const noexcept {
        const auto mix = [](std::size_t seed, std::int64_t value) {
            return (seed ^ std::hash<std::int64_t>{}(value)) * 0x9E3779B97F4A7C15ULL;  // 2^64 / golden ratio
        };
        const std::size_t times =
            mix(mix(1, moment.timestamp.time_since_epoch().count()), moment.received_at.time_since_epoch().count());
        const std::size_t all = mix(times, static_cast<std::int64_t>(moment.symbol));
        return all ^ (all >> 32U);
    }
};

}  // namespace

std::int64_t arrival_sequence(Timestamp timestamp, Timestamp received_at, std::int64_t n) {
    const Numbered numbered = number(timestamp, received_at, n);
    if (!numbered.problem) return numbered.sequence;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("column {}: {}", numbered.problem->column, numbered.problem->reason));
}

void number_trades(std::span<Trade> trades) {
    std::unordered_map<Moment, std::int64_t, MomentHash> ordinals;
    for (std::size_t index = 0; index < trades.size(); ++index) {
        Trade& trade = trades[index];
        if (!trade.trade_id.empty() || trade.sequence != 0) continue;
        const Moment moment{trade.symbol_id, trade.timestamp, trade.received_at};
        const Numbered numbered = number(trade.timestamp, trade.received_at, ordinals[moment]++);
        if (numbered.problem) {
            throw Error(ErrorCode::invalid_argument,
                        fmt::format("{} row {}: column {}: {}", table_of<Trade>().name, index, numbered.problem->column,
                                    numbered.problem->reason));
        }
        trade.sequence = numbered.sequence;
    }
}

}  // namespace marketdb::storage
