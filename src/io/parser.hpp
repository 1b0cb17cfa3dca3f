#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

#include "io/input.hpp"

/// Files to rows. Knows formats, not databases.
namespace marketdb::io {

/// A market that a file speaks of.
struct Instrument {
    std::string exchange;  ///< `BINANCE_SPOT`.
    Symbol symbol;         ///< exchange_symbol, and what the file or its name tells (contract_type, unit, base, quote
                           ///< where split, else both empty); ids are 0. Of balances: symbol_base holds the asset.
                           ///< May be of refused rows only.
    /// The spelling is that of the pair, `BTC/USDT`, because the file does not tell the exchange's own.
    bool is_pair = false;
    /// Base and quote are in the file; else they are taken from the spelling, or given by the caller.
    bool tells_pair = false;
};

/// Rows of one kind. `symbol_id` (balances: `exchange_id`) holds the index into `FileParser::instruments()`.
using Rows = std::variant<std::vector<BookTicker>, std::vector<Trade>, std::vector<FundingRate>, std::vector<Balance>>;

/// A row that could not be read or must not be stored.
struct RowError {
    std::int64_t line = 0;
    std::string reason;             ///< `column bid_price: ...`.
    std::string text;               ///< The line as read (printable, cut).
    Timestamp timestamp = kNoTime;  ///< Its times, as far as they could be read.
    Timestamp received_at = kNoTime;
};

struct Batch {
    Rows rows;
    std::vector<std::int64_t> lines;  ///< Of each row.
    std::vector<std::string> texts;   ///< Of each row, as in RowError; empty unless `ParserOptions::keeps_texts`.
    std::vector<RowError> errors;     ///< Rows left out of `rows`.
    std::uint64_t read = 0;           ///< Data rows read, errors included.
    std::uint64_t folded = 0;         ///< Of these, rows that say what the row before said (`derivative_ticker`).
};

/// What the caller knows better than the file, and wants of it.
struct ParserOptions {
    std::string layout = {};
    std::string dataset = {};
    std::string exchange = {};
    std::string symbol = {};
    std::string base = {};
    std::string quote = {};
    std::string time_unit = {};
    bool keeps_texts = false;  ///< The caller may yet refuse rows, and then wants their lines.
};

/// Reads one file. Layout and market are told from header, name and path at construction.
class FileParser {
 public:
    virtual ~FileParser() = default;

    [[nodiscard]] virtual std::string_view layout()
        const noexcept = 0;  ///< `tardis book_ticker`, `binance um bookTicker`.
    [[nodiscard]] virtual std::optional<Dataset> dataset() const noexcept = 0;  ///< None: an empty file.
    /// Fills `batch` (cleared first) with at most `max_rows` rows. False: the file has ended and the batch is empty.
    /// Errors: invalid_argument  the file itself is broken (truncated gzip, a line over 1 MiB); names file and line.
    virtual bool next(Batch& batch, std::size_t max_rows) = 0;
    /// In order of first appearance; grows while reading, old entries stay.
    [[nodiscard]] virtual const std::vector<Instrument>& instruments() const noexcept = 0;
    /// What was noticed and is no error.
    [[nodiscard]] virtual const std::vector<std::string>& warnings() const noexcept = 0;
};

/// Opens a parser on an input.
/// Errors: invalid_argument  unknown or unsupported layout (names it and what is accepted), a missing column, a market
///                           that stays open (asks for --exchange, --symbol, --layout).
[[nodiscard]] std::unique_ptr<FileParser> open_parser(std::unique_ptr<Input> input, const ParserOptions& options);

}  // namespace marketdb::io
