#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <marketdb/models.hpp>

#include "io/instruments.hpp"
#include "io/layout.hpp"
#include "io/parser.hpp"
#include "io/sequencer.hpp"

/// One record of a file to one row: a class for each vendor and dataset.
namespace marketdb::io {

/// What all records of a file share.
struct FileContext {
    ParserOptions options;
    InstrumentTable instruments;
    Sequencer sequencer;
    std::vector<std::string> warnings;

    /// Warns where the user said something else; of one file only a few times.
    void compare(const ToldInstrument& told) {
        constexpr std::size_t kMaxWarnings = 5;
        std::string warning = contradiction(options, told);
        if (!warning.empty() && warnings.size() < kMaxWarnings) warnings.push_back(std::move(warning));
    }
};

/// Reads records of one kind. Keeps what later records need to know of earlier ones.
template <class Row>
class RowFormat {
 public:
    virtual ~RowFormat() = default;

    /// Fills the row, which is default-constructed. False: the record holds nothing to store.
    /// Errors: invalid_argument  `column NAME: ...`.
    virtual bool read(std::string_view record, Row& row) = 0;
};

/// Instrument of the files that name it once, in their name.
struct FixedInstrument {
    std::string exchange;
    std::string symbol;
};

// The context outlives the format.
[[nodiscard]] std::unique_ptr<RowFormat<BookTicker>> tardis_book_tickers(Columns columns, FileContext& context);
[[nodiscard]] std::unique_ptr<RowFormat<Trade>> tardis_trades(Columns columns, FileContext& context);
[[nodiscard]] std::unique_ptr<RowFormat<FundingRate>> tardis_funding_rates(Columns columns, FileContext& context);

[[nodiscard]] std::unique_ptr<RowFormat<BookTicker>> binance_book_tickers(Columns columns, FileContext& context,
                                                                          const FixedInstrument& instrument);
[[nodiscard]] std::unique_ptr<RowFormat<Trade>> binance_trades(const Layout& layout, Columns columns,
                                                               FileContext& context, const FixedInstrument& instrument);
[[nodiscard]] std::unique_ptr<RowFormat<FundingRate>> binance_funding_rates(Columns columns, FileContext& context,
                                                                            const FixedInstrument& instrument);

template <class Row>
[[nodiscard]] std::unique_ptr<RowFormat<Row>> own_csv(const Layout& layout, Columns columns, FileContext& context);
template <class Row>
[[nodiscard]] std::unique_ptr<RowFormat<Row>> own_json(const Layout& layout, FileContext& context);

/// The keys of one JSON object.
/// Errors: invalid_argument  no JSON object, or a nested one.
[[nodiscard]] std::vector<std::string> json_keys(std::string_view record);

}  // namespace marketdb::io
