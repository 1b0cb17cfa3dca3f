#include "cache/spelling.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>

namespace marketdb::cache {

namespace {

// Texts are read eight bytes at a time: a loop over bytes ends elsewhere for every text, and a wrong guess of the
// processor costs as much as five bytes do. A flag is the highest bit of a byte of a word.
constexpr std::uint64_t kInEach = 0x0101010101010101;
constexpr std::uint64_t kFlags = 0x80 * kInEach;

constexpr std::uint64_t flag_bytes(std::uint64_t word, char wanted) {
    const std::uint64_t differing = word ^ static_cast<unsigned char>(wanted) * kInEach;
    return ~(((differing & ~kFlags) + ~kFlags) | differing) & kFlags;
}

constexpr std::uint64_t flag_separators(std::uint64_t word) {
    // With its second bit set '-' is '/' as well, and no other byte becomes that.
    return flag_bytes(word | 0x02 * kInEach, '/') | flag_bytes(word, '_') | flag_bytes(word, ':') |
           flag_bytes(word, ' ') | flag_bytes(word, '\t');
}

constexpr std::uint64_t in_upper_case(std::uint64_t word) {
    const std::uint64_t low_bits = word & ~kFlags;
    const std::uint64_t from_a = low_bits + (0x80 - 'a') * kInEach;
    const std::uint64_t after_z = low_bits + (0x7f - 'z') * kInEach;
    return word ^ (from_a & ~after_z & ~word & kFlags) >> 2;
}

constexpr std::uint64_t bit(std::size_t position) { return std::uint64_t{1} << position; }

template <class Part>
std::uint64_t read(const char* from) noexcept {
    static_assert(std::endian::native == std::endian::little);
    Part part;
    std::memcpy(&part, from, sizeof(part));
    return part;
}

// The text's bytes from `at` on, at most eight, the first in the lowest bits.
std::uint64_t word_at(std::string_view text, std::size_t at) noexcept {
    const char* from = text.data() + at;
    const std::size_t size = text.size() - at;
    if (size >= 8) return read<std::uint64_t>(from);
    // Two reads that overlap, instead of a loop.
    if (at > 0) return read<std::uint64_t>(from + size - 8) >> (8 - size) * 8;
    if (size >= 4) return read<std::uint32_t>(from) | read<std::uint32_t>(from + size - 4) << (size - 4) * 8;
    if (size >= 2) return read<std::uint16_t>(from) | read<std::uint16_t>(from + size - 2) << (size - 2) * 8;
    return static_cast<unsigned char>(*from);
}

template <bool HasSeparators>
bool make_key(std::int32_t scope, std::string_view text, SpellingKey& key) noexcept {
    if (text.size() > SpellingKey::kMaxText) return false;

    std::size_t length = 0;
    for (std::size_t at = 0; at < text.size(); at += 8) {
        std::uint64_t word = in_upper_case(word_at(text, at));
        std::size_t count = std::min<std::size_t>(text.size() - at, 8);
        for (std::uint64_t flags = HasSeparators ? flag_separators(word) : 0; flags != 0; --count) {
            const std::uint64_t first = flags & -flags;
            const std::uint64_t before = (first >> 7) - 1;
            key.breaks |= bit(length + static_cast<std::size_t>(std::countr_zero(first)) / 8);
            word = (word & before) | (word >> 8 & ~before);
            flags = (flags ^ first) >> 8;
        }
        if (count == 0) continue;
        if (length + count > SpellingKey::kMaxLength) return false;
        const std::size_t offset = length % 8;
        key.words[length / 8] |= word << offset * 8;
        if (offset + count > 8) key.words[length / 8 + 1] = word >> (8 - offset) * 8;
        length += count;
    }
    key.scope = scope;
    key.length = static_cast<std::uint32_t>(length);
    key.breaks &= (bit(length) - 1) & ~std::uint64_t{1};
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
    return make_key<true>(static_cast<std::int32_t>(exchange), text, key);
}

bool make_exchange_key(std::string_view text, SpellingKey& key) noexcept { return make_key<false>(0, text, key); }

bool equal_any_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return in_upper_case(static_cast<unsigned char>(x)) == in_upper_case(static_cast<unsigned char>(y));
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
