#include <marketdb/queries.hpp>

#include <algorithm>
#include <array>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb {

std::string_view to_string(Dataset dataset) noexcept {
    switch (dataset) {
        case Dataset::book_tickers: return "book-tickers";
        case Dataset::trades: return "trades";
        case Dataset::funding_rates: return "funding-rates";
        case Dataset::balances: return "balances";
    }
    return "";
}

Dataset parse_dataset(std::string_view text) {
    for (const Dataset dataset : kDatasets) {
        if (text == to_string(dataset)) return dataset;
    }
    if (text == "quotes") return Dataset::book_tickers;
    if (text == "funding") return Dataset::funding_rates;
    throw Error(ErrorCode::invalid_argument,
                "dataset '" + core::printable(text) +
                    "' is unknown; expected book-tickers (quotes), trades, funding-rates (funding) or balances");
}

RowKey key_of(const BookTicker& row) noexcept {
    return {.timestamp = row.timestamp,
            .received_at = row.received_at,
            .series = static_cast<std::int32_t>(row.symbol_id),
            .sequence = row.sequence,
            .text = {}};
}

RowKey key_of(const Trade& row) noexcept {
    return {.timestamp = row.timestamp,
            .received_at = row.received_at,
            .series = static_cast<std::int32_t>(row.symbol_id),
            .sequence = row.sequence,
            .text = row.trade_id};
}

RowKey key_of(const FundingRate& row) noexcept {
    return {.timestamp = row.timestamp,
            .received_at = row.received_at,
            .series = static_cast<std::int32_t>(row.symbol_id),
            .sequence = static_cast<std::int64_t>(row.kind),
            .text = {}};
}

RowKey key_of(const Balance& row) noexcept {
    std::array<char, 63> text{};
    const std::string_view account = row.account;
    const std::string_view asset = row.asset_name;
    char* end = std::copy(account.begin(), account.end(), text.data());
    *end++ = '\0';
    end = std::copy(asset.begin(), asset.end(), end);
    return {.timestamp = row.timestamp,
            .received_at = row.received_at,
            .series = static_cast<std::int32_t>(row.exchange_id),
            .sequence = 0,
            .text = std::string_view(text.data(), static_cast<std::size_t>(end - text.data()))};
}

WriteResult& WriteResult::operator+=(const WriteResult& other) noexcept {
    inserted += other.inserted;
    updated += other.updated;
    unchanged += other.unchanged;
    folded += other.folded;
    rounded += other.rounded;
    return *this;
}

}  // namespace marketdb
