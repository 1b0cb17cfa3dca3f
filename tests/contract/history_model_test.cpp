#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "engine_fixture.hpp"
#include "support/sanitized.hpp"

/// Answers of the history compared with the obvious way to compute them from all rows, for many random questions.
namespace marketdb::testing {
namespace {

constexpr std::uint32_t kSeed = 20'240'808;
constexpr int kRows = 600;
constexpr int kQuestions = fewer_if_sanitized(150);

Timestamp clock_time(const BookTicker& row, ClockKind clock) {
    return clock == ClockKind::received ? row.received_at : row.timestamp;
}

/// The definition: filter, order by (time, symbol, timestamp, sequence), last row of each bucket of each series, cut.
std::vector<BookTicker> by_definition(std::vector<BookTicker> rows, const HistoryFilter& filter) {
    std::erase_if(rows, [&](const BookTicker& row) {
        const Timestamp time = clock_time(row, filter.clock);
        return !is_present(time) || (is_present(filter.start) && time < filter.start) ||
               (is_present(filter.end) && time >= filter.end);
    });
    std::sort(rows.begin(), rows.end(), [&](const BookTicker& a, const BookTicker& b) {
        return std::tuple(clock_time(a, filter.clock), a.symbol_id, a.timestamp, a.sequence) <
               std::tuple(clock_time(b, filter.clock), b.symbol_id, b.timestamp, b.sequence);
    });
    if (filter.every.count() > 0) {
        std::map<std::pair<SymbolId, std::int64_t>, std::size_t> last;
        const auto bucket = [&](const BookTicker& row) {
            return std::pair(row.symbol_id, clock_time(row, filter.clock).time_since_epoch() / filter.every);
        };
        for (std::size_t i = 0; i < rows.size(); ++i) last[bucket(rows[i])] = i;
        std::vector<BookTicker> sampled;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (last[bucket(rows[i])] == i) sampled.push_back(rows[i]);
        }
        rows = std::move(sampled);
    }
    if (filter.order == Order::descending) std::reverse(rows.begin(), rows.end());
    return rows;
}

class HistoryModel : public EngineTest {
 protected:
    std::vector<BookTicker> make_rows(std::mt19937& random) {
        std::vector<SymbolId> symbols;
        for (const char* base : {"BTC", "ETH", "SOL", "XRP", "ADA"}) symbols.push_back(make_symbol(base).id);
        std::map<std::tuple<SymbolId, Timestamp, std::int64_t>, BookTicker> rows;
        for (int i = 0; i < kRows; ++i) {
            BookTicker row =
                quote(symbols[random() % symbols.size()], kNoon + std::chrono::milliseconds(random() % 3'000), 100 + i,
                      101 + i, static_cast<std::int64_t>(random() % 3));
            if (!target().can.keeps_sequence) row.sequence = 0;
            if (random() % 8 != 0 && target().can.keeps_received_at) {
                row.received_at = row.timestamp + std::chrono::milliseconds(static_cast<int>(random() % 400) - 150);
            }
            rows.emplace(std::tuple(row.symbol_id, row.timestamp, row.sequence), row);
        }
        std::vector<BookTicker> all;
        for (const auto& [key, row] : rows) all.push_back(row);
        std::shuffle(all.begin(), all.end(), random);
        return all;
    }

    static HistoryFilter random_question(std::mt19937& random) {
        HistoryFilter filter;
        const auto moment = [&random] {
            return kNoon + std::chrono::milliseconds(static_cast<int>(random() % 3'600) - 300);
        };
        if (random() % 2 == 0) filter.start = moment();
        if (random() % 2 == 0) filter.end = std::max(moment(), filter.start);
        if (random() % 2 == 0) filter.clock = ClockKind::received;
        if (random() % 2 == 0) filter.order = Order::descending;
        if (random() % 2 == 0) filter.every = std::chrono::milliseconds(1 + random() % 250);
        return filter;
    }

    std::vector<BookTicker> in_pages(HistoryFilter filter, std::uint64_t page_size) {
        std::vector<BookTicker> all;
        filter.limit = page_size;
        for (bool more = true; more;) {
            const History<BookTicker> page = wait(db().get_book_ticker_history(filter));
            all.insert(all.end(), page.rows.begin(), page.rows.end());
            more = page.truncated;
            if (!page.rows.empty()) filter.after = key_of(page.rows.back());
        }
        return all;
    }

    std::vector<BookTicker> in_batches(const HistoryFilter& filter, std::size_t batch_rows) {
        HistoryReader<BookTicker> reader = db().read_history<BookTicker>(filter);
        std::vector<BookTicker> all;
        for (;;) {
            const std::vector<BookTicker> batch = wait(reader.next(batch_rows));
            if (batch.empty()) return all;
            all.insert(all.end(), batch.begin(), batch.end());
        }
    }
};
INSTANTIATE_TEST_SUITE_P(On, HistoryModel, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(HistoryModel, EveryAnswerIsTheOneOfTheDefinition) {
    std::mt19937 random(kSeed);
    const std::vector<BookTicker> rows = make_rows(random);
    store(rows);
    std::vector<SymbolId> symbols;
    for (const BookTicker& row : rows) symbols.push_back(row.symbol_id);
    std::sort(symbols.begin(), symbols.end());
    symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());

    for (int question = 0; question < kQuestions; ++question) {
        HistoryFilter filter = random_question(random);
        std::shuffle(symbols.begin(), symbols.end(), random);
        const std::vector<SymbolId> chosen(symbols.begin(), symbols.begin() + 1 + random() % symbols.size());
        filter.series.symbols = chosen;
        std::vector<BookTicker> relevant = rows;
        std::erase_if(relevant, [&](const BookTicker& row) {
            return std::find(chosen.begin(), chosen.end(), row.symbol_id) == chosen.end();
        });
        const Lines expected = lines_of(by_definition(relevant, filter));

        SCOPED_TRACE("question " + std::to_string(question));
        ASSERT_EQ(lines_of(wait(db().get_book_ticker_history(filter)).rows), expected);
        ASSERT_EQ(lines_of(in_pages(filter, 1 + random() % 40)), expected);
        ASSERT_EQ(lines_of(in_batches(filter, 1 + random() % 40)), expected);
    }
}

}  // namespace
}  // namespace marketdb::testing
