#include "manager/balance_snapshot.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <marketdb/error.hpp>
#include <marketdb/time.hpp>

namespace marketdb {

void check_complete(std::span<const Balance> snapshot) {
    for (std::size_t i = 0; i < snapshot.size(); ++i) {
        const Balance& row = snapshot[i];
        const auto first = std::find_if(snapshot.begin(), snapshot.end(), [&row](const Balance& one) {
            return one.exchange_id == row.exchange_id && one.account == row.account;
        });
        if (first->timestamp == row.timestamp) continue;
        throw Error(ErrorCode::invalid_argument, "balance_snapshots row " + std::to_string(i) +
                                                     ": column timestamp: a complete snapshot of account " +
                                                     row.account.str() + " has one timestamp, " +
                                                     to_string(first->timestamp) + ", not also " +
                                                     to_string(row.timestamp));
    }
}

std::vector<AbsentBalance> absent_balances(std::span<const storage::SeriesInfo> stored,
                                           std::span<const Balance> snapshot) {
    std::vector<AbsentBalance> absent;
    for (const storage::SeriesInfo& one : stored) {
        const auto same_account = [&one](const Balance& row) {
            return static_cast<std::int32_t>(row.exchange_id) == one.series.id && row.account == one.series.account;
        };
        const auto beside = std::find_if(snapshot.begin(), snapshot.end(), same_account);
        if (beside == snapshot.end()) continue;
        const bool named = std::any_of(snapshot.begin(), snapshot.end(), [&](const Balance& row) {
            return same_account(row) && row.asset_name == one.series.asset;
        });
        if (!named) absent.push_back({one.series, *beside});
    }
    return absent;
}

std::optional<Balance> zero_after(const Balance& last, const Balance& beside) {
    Balance zero = last;
    zero.source_id = beside.source_id;
    zero.timestamp = beside.timestamp;
    zero.received_at = beside.received_at;
    bool was_zero = true;
    for (double* amount : std::array{&zero.available_balance, &zero.locked_balance, &zero.frozen_balance,
                                     &zero.borrowing_balance, &zero.interest_balance}) {
        if (!is_present(*amount)) continue;
        was_zero = was_zero && *amount == 0.0;
        *amount = 0;
    }
    if (was_zero) return std::nullopt;
    return zero;
}

}  // namespace marketdb
