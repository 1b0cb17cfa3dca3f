#include "cache/spelling.hpp"

#include <algorithm>
#include <chrono>

namespace marketdb::cache {

namespace {

// Above every byte, so that a zero byte in a text stays a byte like others; its lower byte adds nothing to a key.
constexpr std::uint16_t kSeparator = 0x100;
using FoldTable = std::array<std::uint16_t, 256>;

constexpr FoldTable make_fold_table(std::string_view separators) {
    FoldTable table{};
    for (std::size_t byte = 0; byte < table.size(); ++byte) {
        table[byte] = static_cast<std::uint16_t>(byte >= 'a' && byte <= 'z' ? byte - 32 : byte);
    }
    for (const char separator : separators) table[static_cast<unsigned char>(separator)] = kSeparator;
    return table;
}

constexpr FoldTable kFoldSymbol = make_fold_table("/-_: \t");
constexpr FoldTable kFoldCase = make_fold_table("");

constexpr std::uint64_t bit(std::size_t position) { return std::uint64_t{1} << position; }

// Without a branch on what a byte is: where the separators stand differs from text to text, and a wrong guess of the
// processor costs as much as five bytes do.
bool make_key(const FoldTable& fold, std::int32_t scope, std::string_view text, SpellingKey& key) noexcept {
    if (text.size() > SpellingKey::kMaxText) return false;

    std::uint64_t word = 0;
    std::uint64_t breaks = 0;
    std::uint64_t length = 0;
    for (const char c : text) {
        const std::uint64_t folded = fold[static_cast<unsigned char>(c)];
        const std::uint64_t is_separator = folded >> 8;
        breaks |= is_separator << length;
        word |= (folded & 0xff) << (length % 8 * 8);
        length += 1 - is_separator;
        if (length % 8 == 0 && is_separator == 0) {
            if (length > SpellingKey::kMaxLength) return false;
            key.words[length / 8 - 1] = word;
            word = 0;
        }
    }
    if (length > SpellingKey::kMaxLength) return false;
    if (length % 8 != 0) key.words[length / 8] = word;
    key.scope = scope;
    key.length = static_cast<std::uint32_t>(length);
    key.breaks = breaks & (bit(length) - 1) & ~std::uint64_t{1};
    return true;
}

char byte_at(const SpellingKey& key, std::size_t index) {
    return static_cast<char>(key.words[index / 8] >> (index % 8 * 8) & 0xff);
}

bool has_bytes_at(const SpellingKey& key, std::size_t offset, const SpellingKey& part) {
    if (part.length == 0 || offset + part.length > key.length) return false;
    for (std::size_t i = 0; i < part.length; ++i) {
        if (byte_at(key, offset + i) != byte_at(part, i)) return false;
    }
    return true;
}

// An exchange that writes `BTCUSD_PERP` is also asked for as `BTC-USD-PERP`: the spelling may be separated where its base
// ends and where its quote begins or ends.
void add_breaks_of_pair(SpellingKey& spelling, const SpellingKey& base, const SpellingKey& quote) {
    std::uint64_t breaks = 0;
    if (has_bytes_at(spelling, 0, base)) {
        breaks |= bit(base.length);
        if (has_bytes_at(spelling, base.length, quote)) breaks |= bit(base.length + quote.length);
    }
    if (quote.length < spelling.length && has_bytes_at(spelling, spelling.length - quote.length, quote)) {
        breaks |= bit(spelling.length - quote.length);
    }
    spelling.breaks |= breaks & (bit(spelling.length) - 1);
}

class TextBuffer {
 public:
    void append(std::string_view text) {
        std::copy_n(text.data(), text.size(), bytes_.data() + size_);
        size_ += text.size();
    }
    void append_two_digits(unsigned number) {
        bytes_[size_++] = static_cast<char>('0' + number / 10 % 10);
        bytes_[size_++] = static_cast<char>('0' + number % 10);
    }
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
    // Base, quote, two separators and six digits.
    std::array<char, 23 + 23 + 2 + 6> bytes_;
    std::size_t size_ = 0;
};

TextBuffer pair_text(const Symbol& symbol) {
    TextBuffer text;
    text.append(symbol.symbol_base);
    text.append("/");
    text.append(symbol.symbol_quote);
    if (symbol.contract_type != ContractType::dated) return text;

    const std::chrono::year_month_day expiry(std::chrono::floor<std::chrono::days>(symbol.expires_at));
    text.append("-");
    text.append_two_digits(static_cast<unsigned>(static_cast<int>(expiry.year()) % 100));
    text.append_two_digits(static_cast<unsigned>(expiry.month()));
    text.append_two_digits(static_cast<unsigned>(expiry.day()));
    return text;
}

}  // namespace

bool make_symbol_key(ExchangeId exchange, std::string_view text, SpellingKey& key) noexcept {
    return make_key(kFoldSymbol, static_cast<std::int32_t>(exchange), text, key);
}

bool make_exchange_key(std::string_view text, SpellingKey& key) noexcept { return make_key(kFoldCase, 0, text, key); }

bool equal_any_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return kFoldCase[static_cast<unsigned char>(x)] == kFoldCase[static_cast<unsigned char>(y)];
    });
}

Spellings<2> spellings_of(const Symbol& symbol) noexcept {
    // The members' capacities keep every text below kMaxText and kMaxLength, so that each has a key.
    const auto key_of = [&symbol](std::string_view text) {
        SpellingKey key;
        make_symbol_key(symbol.exchange_id, text, key);
        return key;
    };
    Spellings<2> spellings;
    SpellingKey& own = spellings.keys[spellings.count++];
    own = key_of(symbol.exchange_symbol);

    const SpellingKey base = key_of(symbol.symbol_base);
    const SpellingKey quote = key_of(symbol.symbol_quote);
    const bool is_dated = symbol.contract_type == ContractType::dated;
    // Of a dated contract that an exchange spells like a pair, `BTCUSDT`, the text `BTC/USDT` still means the perpetual.
    if (!is_dated || own.length != base.length + quote.length) add_breaks_of_pair(own, base, quote);

    if (base.length == 0 || quote.length == 0) return spellings;
    if (is_dated && !is_storable(symbol.expires_at)) return spellings;
    const SpellingKey pair = key_of(pair_text(symbol).view());
    if (pair.same_bytes(own)) {
        own.breaks |= pair.breaks;
    } else {
        spellings.keys[spellings.count++] = pair;
    }
    return spellings;
}

Spellings<1> spellings_of(const Exchange& exchange) noexcept {
    Spellings<1> spellings;
    spellings.count = make_exchange_key(exchange.enum_value, spellings.keys[0]) ? 1 : 0;
    return spellings;
}

}  // namespace marketdb::cache
