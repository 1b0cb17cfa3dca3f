#include "io/instruments.hpp"

#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::io {
namespace {

std::string key_of(std::string_view exchange, std::string_view symbol) {
    // No text that passed as a name holds a zero byte.
    std::string key(exchange);
    key += '\0';
    key += symbol;
    return key;
}

/// `BTC/USDT`, `btc_usdt` and `BTCUSDT` are one.
std::string without_separators(std::string_view symbol) {
    std::string plain = core::to_upper(symbol);
    std::erase_if(plain, [](char c) { return c == '/' || c == '-' || c == '_'; });
    return plain;
}

}  // namespace

std::int32_t InstrumentTable::find(std::string_view exchange, std::string_view symbol) const {
    const auto found = by_texts_.find(key_of(exchange, symbol));
    return found == by_texts_.end() ? -1 : found->second;
}

std::int32_t InstrumentTable::add(std::string_view exchange, std::string_view symbol, Instrument instrument) {
    if (instruments_.size() >= kMaxInstruments) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("column symbol: more than {} symbols in one file", kMaxInstruments));
    }
    const Symbol& described = instrument.symbol;
    const std::string_view spelling = described.exchange_symbol;
    const std::string_view name = spelling.empty() ? described.symbol_base.view() : spelling;
    const auto index = static_cast<std::int32_t>(instruments_.size());
    const auto [place, is_new] = by_identity_.emplace(key_of(instrument.exchange, name), index);
    if (!is_new) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("column symbol: `{}` names {} of {}, which had another text before",
                                core::printable(symbol), core::printable(name), instrument.exchange));
    }
    instruments_.push_back(std::move(instrument));
    by_texts_.emplace(key_of(exchange, symbol), index);
    return index;
}

std::int32_t InstrumentTable::remember(std::string_view exchange, std::string_view symbol, std::int32_t index) {
    last_exchange_ = exchange;
    last_symbol_ = symbol;
    return last_ = index;
}

std::string contradiction(const ParserOptions& options, const ToldInstrument& told) {
    const bool is_other_exchange =
        !options.exchange.empty() && !told.exchange.empty() && told.exchange != options.exchange;
    const bool is_other_symbol = !options.symbol.empty() && !told.symbol.empty() &&
                                 without_separators(told.symbol) != without_separators(options.symbol);
    if (!is_other_exchange && !is_other_symbol) return {};
    std::string warning = fmt::format("the file says {}", core::printable(told.exchange_text));
    if (!told.symbol.empty()) warning += " " + core::printable(told.symbol);
    if (is_other_exchange) warning += fmt::format(", --exchange {}", options.exchange);
    if (is_other_symbol) warning += fmt::format(", --symbol {}", options.symbol);
    return warning + ", which is taken";
}

}  // namespace marketdb::io
