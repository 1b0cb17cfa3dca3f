#pragma once

#include <cstdint>
#include <span>

#include <marketdb/models.hpp>

/// The number that makes rows of one timestamp distinct and orders them by arrival, for feeds that give none.
namespace marketdb::storage {

/// Rows of equal series, timestamp and received_at that can be told apart.
inline constexpr std::int64_t kMaxOrdinal = 1024;
/// Sequences lie within +-this, so that JSON and float64 keep them.
inline constexpr std::int64_t kMaxSequence = (std::int64_t{1} << 53) - 1;

/// (received_at - timestamp) in microseconds * 1024 + n; n alone if received_at is absent.
///
/// @param n  0, 1, 2.. among rows of equal series, timestamp and received_at in the order of arrival.
/// Errors: invalid_argument  n is not in [0, 1024), timestamp is absent, or the result needs more than 53 bits.
[[nodiscard]] std::int64_t arrival_sequence(Timestamp timestamp, Timestamp received_at, std::int64_t n);

/// Gives trades with an empty trade_id and sequence 0 the sequence of their place in the batch. Others stay as they are.
///
/// Errors: invalid_argument  names the table and the row index; the trades before it are numbered.
void number_trades(std::span<Trade> trades);

}  // namespace marketdb::storage
