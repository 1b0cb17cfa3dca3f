#include <string>
#include <utility>
#include <vector>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/row_format.hpp"
#include "io/venue.hpp"

/// Tardis.dev CSV. Times are microseconds; equal times mean that the exchange gave none, and stay equal.
namespace marketdb::io {
namespace {

// The first four columns of every type.
enum Shared : std::size_t { kExchange, kSymbol, kTimestamp, kLocalTimestamp, kFirstOwn };

/// The part of a row that every type has.
class SharedColumns {
 public:
    SharedColumns(Columns columns, FileContext& context)
        : columns_(std::move(columns)),
          context_(context),
          unit_(parse_time_unit(context.options.time_unit, TimeUnit::microseconds)),
          is_unit_given_(!context.options.time_unit.empty()) {}

    template <class Row>
    std::int32_t read(std::string_view record, Row& row) {
        columns_.take_plain(record);
        row.timestamp = time(kTimestamp);
        row.received_at = time(kLocalTimestamp);
        const std::string_view exchange = columns_[kExchange].text;
        const std::string_view symbol = columns_[kSymbol].text;
        const std::int32_t index = context_.instruments.find_or_add(
            exchange, symbol, [&, this] { return describe(columns_[kExchange], columns_[kSymbol]); });
        row.symbol_id = SymbolId{index};
        return index;
    }
    template <class Row>
    [[nodiscard]] std::int64_t arrival(const Row& row, std::int32_t instrument) {
        return context_.sequencer.next(instrument, row.timestamp, row.received_at);
    }
    [[nodiscard]] Field operator[](std::size_t index) const noexcept { return columns_[index]; }
    [[nodiscard]] Timestamp time(std::size_t index) const {
        const Timestamp time = integer_time(columns_[index], unit_);
        if (!is_unit_given_ && is_of_another_unit(time)) {
            fail(columns_[index], "microseconds, as Tardis writes them; of others say --time-unit s or ms");
        }
        return time;
    }

 private:
    /// What would be a time from 2001 on as seconds or milliseconds, and is of the first months of 1970 as microseconds.
    [[nodiscard]] static bool is_of_another_unit(Timestamp time) noexcept {
        const std::int64_t count = time.time_since_epoch().count();
        return (count >= 1'000'000'000 && count < 10'000'000'000) ||
               (count >= 1'000'000'000'000 && count < 10'000'000'000'000);
    }
    [[nodiscard]] Instrument describe(Field exchange, Field symbol) const {
        const ParserOptions& options = context_.options;
        Instrument instrument{options.exchange, {}};
        if (instrument.exchange.empty()) instrument.exchange = exchange_of_tardis_id(clean_text(exchange));
        if (instrument.exchange.empty()) fail(exchange, "an exchange id that is known; give --exchange");
        context_.compare({exchange.text, exchange_of_tardis_id(exchange.text), symbol.text});
        const std::string_view spelling = options.symbol.empty() ? clean_text(symbol) : options.symbol;
        instrument.symbol = describe_symbol(instrument.exchange, spelling, {options.base, options.quote, kNoTime});
        return instrument;
    }

    Columns columns_;
    FileContext& context_;
    TimeUnit unit_;
    bool is_unit_given_;
};

class BookTickers final : public RowFormat<BookTicker> {
 public:
    BookTickers(Columns columns, FileContext& context) : shared_(std::move(columns), context) {}

    bool read(std::string_view record, BookTicker& row) override {
        const std::int32_t instrument = shared_.read(record, row);
        row.ask_qty = optional_number(shared_[kAskAmount]);
        row.ask_price = optional_number(shared_[kAskPrice]);
        row.bid_price = optional_number(shared_[kBidPrice]);
        row.bid_qty = optional_number(shared_[kBidAmount]);
        drop_partial_sides(row);
        row.sequence = shared_.arrival(row, instrument);
        return true;
    }

 private:
    enum Own : std::size_t { kAskAmount = kFirstOwn, kAskPrice, kBidPrice, kBidAmount };
    SharedColumns shared_;
};

Side taker_side(Field field) {
    if (field.text == "buy") return Side::buy;
    if (field.text == "sell") return Side::sell;
    if (field.text == "unknown") return Side::unknown;
    fail(field, "buy, sell or unknown");
}

class Trades final : public RowFormat<Trade> {
 public:
    Trades(Columns columns, FileContext& context) : shared_(std::move(columns), context) {}

    bool read(std::string_view record, Trade& row) override {
        const std::int32_t instrument = shared_.read(record, row);
        row.trade_id = shared_[kId].text;
        row.side = taker_side(shared_[kSide]);
        row.price = number(shared_[kPrice]);
        row.quantity = number(shared_[kAmount]);
        row.sequence = numeric_id(shared_[kId].text);
        if (row.sequence < 0) row.sequence = shared_.arrival(row, instrument);
        return true;
    }

 private:
    enum Own : std::size_t { kId = kFirstOwn, kSide, kPrice, kAmount };
    SharedColumns shared_;
};

/// A row is written when any of its seven values changes; only a new rate or funding time is a funding rate.
class FundingRates final : public RowFormat<FundingRate> {
 public:
    FundingRates(Columns columns, FileContext& context) : shared_(std::move(columns), context) {}

    bool read(std::string_view record, FundingRate& row) override {
        const auto instrument = static_cast<std::size_t>(shared_.read(record, row));
        row.kind = FundingKind::predicted;
        row.funding_rate = optional_number(shared_[kRate]);
        row.mark_price = optional_number(shared_[kMarkPrice]);
        if (!shared_[kFundingTimestamp].text.empty()) row.funding_time = shared_.time(kFundingTimestamp);
        for (const std::size_t unused : {kPredictedRate, kOpenInterest, kLastPrice, kIndexPrice}) {
            static_cast<void>(optional_number(shared_[unused]));
        }
        if (!is_present(row.funding_rate)) return false;

        if (instrument >= last_.size()) last_.resize(instrument + 1);
        Last& last = last_[instrument];
        if (last.rate == row.funding_rate && last.funding_time == row.funding_time) return false;
        last = {row.funding_rate, row.funding_time};
        return true;
    }

 private:
    enum Own : std::size_t {
        kFundingTimestamp = kFirstOwn,
        kRate,
        kPredictedRate,
        kOpenInterest,
        kLastPrice,
        kIndexPrice,
        kMarkPrice
    };
    struct Last {
        double rate = kNoNumber;
        Timestamp funding_time = kNoTime;
    };

    SharedColumns shared_;
    std::vector<Last> last_;  ///< By instrument.
};

}  // namespace

std::unique_ptr<RowFormat<BookTicker>> tardis_book_tickers(Columns columns, FileContext& context) {
    return std::make_unique<BookTickers>(std::move(columns), context);
}

std::unique_ptr<RowFormat<Trade>> tardis_trades(Columns columns, FileContext& context) {
    return std::make_unique<Trades>(std::move(columns), context);
}

std::unique_ptr<RowFormat<FundingRate>> tardis_funding_rates(Columns columns, FileContext& context) {
    return std::make_unique<FundingRates>(std::move(columns), context);
}

}  // namespace marketdb::io
