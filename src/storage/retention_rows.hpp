#pragma once

#include <cstdint>
#include <type_traits>

#include <marketdb/inline_string.hpp>
#include <marketdb/time.hpp>

/// What says how long rows stay, as it is stored (see marketdb/retention.hpp).
namespace marketdb::storage {

/// At most one a dataset.
struct RetentionPolicyRow {
    std::int32_t id = 0;
    InlineString<15> dataset;     ///< `book-tickers`.
    std::int64_t max_age_us = 0;  ///< 0: any age.
    std::int64_t max_bytes = 0;   ///< 0: any size.
    bool takes_imports = false;
    Timestamp updated_at = kNoTime;
};

struct RetentionHoldRow {
    std::int32_t id = 0;
    InlineString<15> dataset;        ///< Empty: all.
    Timestamp start_time = kNoTime;  ///< Absent: open.
    Timestamp end_time = kNoTime;    ///< Exclusive; absent: open.
    InlineString<254> reason;
    Timestamp created_at = kNoTime;
    Timestamp released_at = kNoTime;  ///< Absent: it holds.
};

static_assert(std::is_trivially_copyable_v<RetentionPolicyRow> && std::is_trivially_copyable_v<RetentionHoldRow>);

}  // namespace marketdb::storage
