#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/refuse.hpp"
#include "manager/impl.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::SeriesKey;
using storage::Table;

template <class Row>
std::chrono::microseconds age_of(const Row& row, Timestamp now) noexcept {
    return now - (is_present(row.received_at) ? row.received_at : row.timestamp);
}

}  // namespace

template <class Row>
std::optional<Latest<Row>> DatabaseManager::Impl::find_latest(const SeriesKey& series) const noexcept {
    if (!is_open()) return std::nullopt;
    const Table& table = storage::table_of<Row>();
    Latest<Row> found;
    const auto answer = latest_cache(*table.dataset)
                            .find(series, clock_->steady_now(), std::chrono::microseconds(-1), true,
                                  reinterpret_cast<std::byte*>(&found.row));
    if (answer != cache::LatestCache::Answer::row) return std::nullopt;
    found.age = age_of(found.row, clock_->now());
    return found;
}

awaitable<void> DatabaseManager::Impl::ask_latest(const Table& table, const std::vector<SeriesKey>& series,
                                                  RowBuffer& rows, Deadline deadline) {
    cache::LatestCache& cache = latest_cache(*table.dataset);
    const std::uint64_t token = cache.token();
    // Memory has learned the rows when it asked, not when the answer came: a slow answer is old already.
    const auto asked = clock_->steady_now();
    co_await engine_->latest(table, series, rows, deadline);
    const storage::RowSpan answer = rows.span(table);
    cache.learn_answer(series, answer, asked, token);
}

template <class Row>
awaitable<std::vector<Latest<Row>>> DatabaseManager::Impl::get_latest(OwnedSeriesFilter series, LatestFilter filter,
                                                                      Deadline deadline) {
    core::refuse(filter.max_age.count() < 0, "max_age: expected a length of time, or 0 for any age");
    const Table& table = storage::table_of<Row>();
    const std::vector<SeriesKey> chosen = co_await choose(table, series, deadline);
    std::vector<Latest<Row>> result;
    std::vector<SeriesKey> unknown;
    cache::LatestCache& cache = latest_cache(*table.dataset);
    const auto steady_now = clock_->steady_now();
    for (const SeriesKey& one : chosen) {
        Latest<Row> latest;
        const auto answer =
            cache.find(one, steady_now, filter.max_cache_age, false, reinterpret_cast<std::byte*>(&latest.row));
        if (answer == cache::LatestCache::Answer::unknown) unknown.push_back(one);
        if (answer == cache::LatestCache::Answer::row) result.push_back(latest);
    }
    cache.count(chosen.size() - unknown.size(), unknown.size());
    if (!unknown.empty()) {
        RowBuffer rows(table);
        co_await ask_latest(table, unknown, rows, deadline);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::memcpy(&result.emplace_back().row, rows[i], sizeof(Row));
        }
    }
    const Timestamp now = clock_->now();
    for (Latest<Row>& one : result) one.age = age_of(one.row, now);
    if (filter.max_age.count() > 0) {
        std::erase_if(result, [&filter](const Latest<Row>& one) { return one.age > filter.max_age; });
    }
    const auto bytes = [](const Latest<Row>& one) { return reinterpret_cast<const std::byte*>(&one.row); };
    std::sort(result.begin(), result.end(), [&](const Latest<Row>& a, const Latest<Row>& b) {
        if (a.row.timestamp != b.row.timestamp) return a.row.timestamp > b.row.timestamp;
        return storage::compare(bytes(a), bytes(b), table, table.series) < 0;
    });
    if (filter.limit > 0 && result.size() > filter.limit) result.resize(filter.limit);
    co_return result;
}

awaitable<std::vector<Latest<Balance>>> DatabaseManager::Impl::active_balances(OwnedSeriesFilter series,
                                                                               LatestFilter filter, double min_total,
                                                                               Deadline deadline) {
    // The newest of each first: an older row of an emptied account says nothing.
    const std::uint64_t limit = std::exchange(filter.limit, 0);
    std::vector<Latest<Balance>> balances = co_await get_latest<Balance>(std::move(series), filter, deadline);
    std::erase_if(balances, [min_total](const Latest<Balance>& one) {
        const Balance& row = one.row;
        return !(row.available_balance + row.locked_balance > min_total);
    });
    if (limit > 0 && balances.size() > limit) balances.resize(limit);
    co_return balances;
}

std::size_t DatabaseManager::Impl::invalidate(CacheCategory category, std::string_view pattern) {
    if (category == CacheCategory::all || category == CacheCategory::reference) ++refresh_wishes_;
    std::size_t gone = 0;
    for (std::size_t i = 0; i < latest_.size(); ++i) {
        const auto dataset = static_cast<Dataset>(i);
        const auto own = static_cast<CacheCategory>(static_cast<std::size_t>(CacheCategory::book_tickers) + i);
        if (category != CacheCategory::all && category != CacheCategory::latest && category != own) continue;
        gone += latest_[i]->erase_if([&](const SeriesKey& series, const std::byte*) {
            return fits_series(reference_, dataset, pattern, series);
        });
    }
    return gone;
}

std::optional<Latest<BookTicker>> DatabaseManager::find_latest_book_ticker(SymbolId symbol) const noexcept {
    return impl_->find_latest<BookTicker>(series_of(symbol));
}

std::optional<Latest<Trade>> DatabaseManager::find_latest_trade(SymbolId symbol) const noexcept {
    return impl_->find_latest<Trade>(series_of(symbol));
}

std::optional<Latest<FundingRate>> DatabaseManager::find_latest_funding_rate(SymbolId symbol) const noexcept {
    return impl_->find_latest<FundingRate>(series_of(symbol));
}

std::optional<Latest<Balance>> DatabaseManager::find_latest_balance(ExchangeId exchange, std::string_view account,
                                                                    std::string_view asset) const noexcept {
    return impl_->find_latest<Balance>(series_of(exchange, account, asset));
}

awaitable<std::vector<Latest<BookTicker>>> DatabaseManager::get_latest_book_tickers(LatestFilter filter,
                                                                                    Deadline deadline) {
    return impl_->start(&Impl::get_latest<BookTicker>, deadline, OwnedSeriesFilter(filter.series), filter);
}

awaitable<std::vector<Latest<Trade>>> DatabaseManager::get_latest_trades(LatestFilter filter, Deadline deadline) {
    return impl_->start(&Impl::get_latest<Trade>, deadline, OwnedSeriesFilter(filter.series), filter);
}

awaitable<std::vector<Latest<FundingRate>>> DatabaseManager::get_latest_funding_rates(LatestFilter filter,
                                                                                      Deadline deadline) {
    return impl_->start(&Impl::get_latest<FundingRate>, deadline, OwnedSeriesFilter(filter.series), filter);
}

awaitable<std::vector<Latest<Balance>>> DatabaseManager::get_latest_balances(LatestFilter filter, Deadline deadline) {
    return impl_->start(&Impl::get_latest<Balance>, deadline, OwnedSeriesFilter(filter.series), filter);
}

awaitable<std::vector<Latest<Balance>>> DatabaseManager::get_active_balances(LatestFilter filter, double min_total,
                                                                             Deadline deadline) {
    if (std::isnan(min_total)) throw Error(ErrorCode::invalid_argument, "min_total is no number; expected e.g. 0.001");
    return impl_->start(&Impl::active_balances, deadline, OwnedSeriesFilter(filter.series), filter, min_total);
}

}  // namespace marketdb
