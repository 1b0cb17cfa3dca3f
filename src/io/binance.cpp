#include <string>
#include <utility>

#include <marketdb/error.hpp>

#include "io/row_format.hpp"
#include "io/venue.hpp"

/// Binance public data (data.binance.vision). The exchange's time only: received_at stays absent.
namespace marketdb::io {
namespace {

class BinanceFile {
 public:
    BinanceFile(Columns columns, FileContext& context, const FixedInstrument& instrument)
        : columns_(std::move(columns)), unit_(parse_time_unit(context.options.time_unit, TimeUnit::by_size)) {
        const auto describe = [&] {
            const KnownPair known{context.options.base, context.options.quote, kNoTime};
            return Instrument{instrument.exchange, describe_symbol(instrument.exchange, instrument.symbol, known)};
        };
        symbol_id_ = SymbolId{context.instruments.find_or_add(instrument.exchange, instrument.symbol, describe)};
    }

    void take(std::string_view record) { columns_.take_plain(record); }
    [[nodiscard]] Field operator[](std::size_t index) const noexcept { return columns_[index]; }
    [[nodiscard]] Timestamp time(std::size_t index) const { return integer_time(columns_[index], unit_); }
    [[nodiscard]] SymbolId symbol_id() const noexcept { return symbol_id_; }

 private:
    Columns columns_;
    TimeUnit unit_;
    SymbolId symbol_id_{};
};

class BookTickers final : public RowFormat<BookTicker> {
 public:
    explicit BookTickers(BinanceFile file) : file_(std::move(file)) {}

    bool read(std::string_view record, BookTicker& row) override {
        file_.take(record);
        row.symbol_id = file_.symbol_id();
        row.timestamp = file_.time(kTransactionTime);  // first, so that it is known of a row that is refused
        row.sequence = integer(file_[kUpdateId]);
        row.bid_price = optional_number(file_[kBidPrice]);
        row.bid_qty = optional_number(file_[kBidQty]);
        row.ask_price = optional_number(file_[kAskPrice]);
        row.ask_qty = optional_number(file_[kAskQty]);
        static_cast<void>(file_.time(kEventTime));
        drop_partial_sides(row);
        return true;
    }

 private:
    enum Own : std::size_t { kUpdateId, kBidPrice, kBidQty, kAskPrice, kAskQty, kTransactionTime, kEventTime };
    BinanceFile file_;
};

/// Where the columns of the trade layouts stand in them.
struct TradeColumns {
    static constexpr std::size_t kNone = ~std::size_t{0};
    std::size_t quote_quantity = kNone;
    std::size_t time = 0;
    std::size_t is_buyer_maker = 0;
    bool aggregated = false;
};

TradeColumns trade_columns(const Layout& layout) {
    if (&layout == &layouts::kBinanceSpotAggTrades || &layout == &layouts::kBinanceAggTrades) {
        return {.time = 5, .is_buyer_maker = 6, .aggregated = true};
    }
    // The fourth column of COIN-M is base_qty, which is not kept.
    const bool has_quote = &layout != &layouts::kBinanceCmTrades;
    return {.quote_quantity = has_quote ? 3 : TradeColumns::kNone, .time = 4, .is_buyer_maker = 5};
}

class Trades final : public RowFormat<Trade> {
 public:
    Trades(BinanceFile file, TradeColumns places) : file_(std::move(file)), places_(places) {}

    bool read(std::string_view record, Trade& row) override {
        file_.take(record);
        row.symbol_id = file_.symbol_id();
        row.timestamp = file_.time(places_.time);
        row.sequence = numeric_id(file_[kId].text);
        if (row.sequence < 0) fail(file_[kId], "a whole number below 2^53");
        row.trade_id = file_[kId].text;
        if (places_.aggregated) row.trade_id = std::string("a").append(file_[kId].text);
        row.price = number(file_[kPrice]);
        row.quantity = number(file_[kQuantity]);
        if (places_.quote_quantity != TradeColumns::kNone) row.quote_quantity = number(file_[places_.quote_quantity]);
        // The buyer had been waiting in the book, so the taker sold.
        row.side = boolean(file_[places_.is_buyer_maker]) ? Side::sell : Side::buy;
        return true;
    }

 private:
    enum Own : std::size_t { kId, kPrice, kQuantity };
    BinanceFile file_;
    TradeColumns places_;
};

class FundingRates final : public RowFormat<FundingRate> {
 public:
    explicit FundingRates(BinanceFile file) : file_(std::move(file)) {}

    bool read(std::string_view record, FundingRate& row) override {
        file_.take(record);
        row.symbol_id = file_.symbol_id();
        row.kind = FundingKind::settled;
        row.timestamp = file_.time(kCalcTime);
        row.funding_time = std::chrono::floor<std::chrono::minutes>(row.timestamp);
        const std::int64_t hours = integer(file_[kIntervalHours]);
        if (hours < 1 || hours > kMaxHours) fail(file_[kIntervalHours], "a number of hours from 1 to 8760");
        row.interval_minutes = static_cast<std::int32_t>(hours * 60);
        row.funding_rate = number(file_[kRate]);
        return true;
    }

 private:
    enum Own : std::size_t { kCalcTime, kIntervalHours, kRate };
    static constexpr std::int64_t kMaxHours = 8'760;
    BinanceFile file_;
};

}  // namespace

std::unique_ptr<RowFormat<BookTicker>> binance_book_tickers(Columns columns, FileContext& context,
                                                            const FixedInstrument& instrument) {
    return std::make_unique<BookTickers>(BinanceFile(std::move(columns), context, instrument));
}

std::unique_ptr<RowFormat<Trade>> binance_trades(const Layout& layout, Columns columns, FileContext& context,
                                                 const FixedInstrument& instrument) {
    return std::make_unique<Trades>(BinanceFile(std::move(columns), context, instrument), trade_columns(layout));
}

std::unique_ptr<RowFormat<FundingRate>> binance_funding_rates(Columns columns, FileContext& context,
                                                              const FixedInstrument& instrument) {
    return std::make_unique<FundingRates>(BinanceFile(std::move(columns), context, instrument));
}

}  // namespace marketdb::io
