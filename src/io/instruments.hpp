#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/parser.hpp"

namespace marketdb::io {

/// The instruments of a file by the texts that name them, in order of first appearance.
class InstrumentTable {
 public:
    /// More is taken for a fault of the file: a column of numbers read as symbols would fill the memory.
    static constexpr std::size_t kMaxInstruments = 100'000;

    /// The index for these texts; `make()` gives the Instrument of texts that are new.
    ///
    /// Errors: invalid_argument  `make` failed, kMaxInstruments is passed, or the same exchange_symbol comes under two
    ///                           descriptions.
    template <class Make>
    [[nodiscard]] std::int32_t find_or_add(std::string_view exchange, std::string_view symbol, Make&& make) {
        if (last_ >= 0 && exchange == last_exchange_ && symbol == last_symbol_) return last_;
        const std::int32_t found = find(exchange, symbol);
        return remember(exchange, symbol, found >= 0 ? found : add(exchange, symbol, make()));
    }

    [[nodiscard]] const std::vector<Instrument>& all() const noexcept { return instruments_; }

 private:
    [[nodiscard]] std::int32_t find(std::string_view exchange, std::string_view symbol) const;
    std::int32_t add(std::string_view exchange, std::string_view symbol, Instrument instrument);
    std::int32_t remember(std::string_view exchange, std::string_view symbol, std::int32_t index);

    std::vector<Instrument> instruments_;
    std::unordered_map<std::string, std::int32_t> by_texts_;
    std::unordered_map<std::string, std::int32_t> by_identity_;
    std::string last_exchange_;
    std::string last_symbol_;
    std::int32_t last_ = -1;
};

/// What a file says of an instrument.
struct ToldInstrument {
    std::string_view exchange_text;  ///< As it stands there: `binance`.
    std::string_view exchange;       ///< `BINANCE_SPOT`; empty: that is not known.
    std::string_view symbol;         ///< A spelling, or a pair; empty: none.
};

/// A warning where it is not what the user said, which goes before it; else empty.
[[nodiscard]] std::string contradiction(const ParserOptions& options, const ToldInstrument& told);

}  // namespace marketdb::io
