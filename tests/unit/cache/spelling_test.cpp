#include "cache/spelling.hpp"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace marketdb::cache {
namespace {

constexpr ExchangeId kExchange{7};

/// A text's key, made byte by byte.
struct PlainKey {
    std::string bytes;
    std::uint64_t breaks = 0;
};

PlainKey plain_key(std::string_view text, bool has_separators) {
    PlainKey key;
    std::string breaks(text.size() + 1, '0');
    for (const char c : text) {
        if (has_separators && std::string_view("/-_: \t").find(c) != std::string_view::npos) {
            breaks[key.bytes.size()] = '1';
        } else {
            key.bytes.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
        }
    }
    for (std::size_t n = 1; n < key.bytes.size(); ++n) {
        if (n < 64 && breaks[n] == '1') key.breaks |= std::uint64_t{1} << n;
    }
    return key;
}

void expect_key(const SpellingKey& key, const PlainKey& expected) {
    ASSERT_EQ(key.length, expected.bytes.size());
    EXPECT_EQ(key.breaks, expected.breaks);
    for (std::size_t i = 0; i < key.words.size() * 8; ++i) {
        const auto byte = static_cast<char>(key.words[i / 8] >> i % 8 * 8 & 0xff);
        ASSERT_EQ(byte, i < expected.bytes.size() ? expected.bytes[i] : '\0') << "byte " << i;
    }
}

void expect_plain(const std::string& given) {
    // At the end of its memory, so that a read beyond it is seen.
    const std::vector<char> memory(given.begin(), given.end());
    const std::string_view text(memory.data(), memory.size());
    SCOPED_TRACE(::testing::PrintToString(given));

    SpellingKey symbol;
    const PlainKey plain_symbol = plain_key(text, true);
    const bool symbol_fits =
        text.size() <= SpellingKey::kMaxText && plain_symbol.bytes.size() <= SpellingKey::kMaxLength;
    ASSERT_EQ(make_symbol_key(kExchange, text, symbol), symbol_fits);
    if (symbol_fits) {
        expect_key(symbol, plain_symbol);
        EXPECT_EQ(symbol.scope, static_cast<std::int32_t>(kExchange));
    }

    SpellingKey exchange;
    const PlainKey plain_exchange = plain_key(text, false);
    const bool exchange_fits = text.size() <= SpellingKey::kMaxLength;
    ASSERT_EQ(make_exchange_key(text, exchange), exchange_fits);
    if (exchange_fits) expect_key(exchange, plain_exchange);
}

TEST(Spelling, EveryByteAtEveryPlaceIsFoldedAsWhenReadAlone) {
    for (std::size_t size = 1; size <= 17; ++size) {
        for (std::size_t place = 0; place < size; ++place) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string text(size, 'x');
                text[place] = static_cast<char>(byte);
                expect_plain(text);
                if (::testing::Test::HasFailure()) return;
            }
        }
    }
}

TEST(Spelling, AnyTextOfAnyLengthHasTheKeyOfItsBytes) {
    std::mt19937 random(20261126);
    // Letters, digits, many separators, and bytes that differ from a separator or a letter in one bit.
    constexpr char kBytes[] = "azAZmM09/-_: \t/-_:.'^;!\x0b`{@[\0\xff\xaf\xe1";
    std::uniform_int_distribution<std::size_t> size(0, SpellingKey::kMaxText + 6);
    std::uniform_int_distribution<std::size_t> any(0, std::size(kBytes) - 2);
    for (int round = 0; round < 20000; ++round) {
        std::string text(size(random), '\0');
        for (char& c : text) c = kBytes[any(random)];
        expect_plain(text);
        if (::testing::Test::HasFailure()) return;
    }
}

TEST(Spelling, ATextOfSeparatorsAloneIsEmpty) {
    for (std::size_t size = 0; size <= SpellingKey::kMaxText; ++size) expect_plain(std::string(size, '/'));
}

TEST(Spelling, TheLongestTextFillsTheKeyAndOneByteMoreIsRefused) {
    const std::string full(SpellingKey::kMaxLength, 'a');
    expect_plain(full);
    expect_plain(full + "--------");
    expect_plain("--------" + full);
    expect_plain(full + "b");
    expect_plain(full + "-------b");
    expect_plain(full + "---------");
}

}  // namespace
}  // namespace marketdb::cache
