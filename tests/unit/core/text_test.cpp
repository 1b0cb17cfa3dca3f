#include "core/text.hpp"

#include <cfenv>
#include <clocale>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace marketdb::core {
namespace {

using namespace std::string_literals;

TEST(ParseDouble, ReadsEveryCommonForm) {
    EXPECT_EQ(parse_double("9682"), 9682.0);
    EXPECT_EQ(parse_double("3.528e-05"), 3.528e-05);
    EXPECT_EQ(parse_double("1E3"), 1000.0);
    EXPECT_EQ(parse_double("+1"), 1.0);
    EXPECT_EQ(parse_double("-1.5"), -1.5);
    EXPECT_EQ(parse_double(".5"), 0.5);
    EXPECT_EQ(parse_double("5."), 5.0);
    EXPECT_EQ(parse_double("007"), 7.0);
    EXPECT_EQ(parse_double("123456789.12345678"), 123456789.12345678);
    EXPECT_EQ(parse_double("5e-324"), std::numeric_limits<double>::denorm_min());
    EXPECT_EQ(parse_double("1.7976931348623157e308"), std::numeric_limits<double>::max());
    EXPECT_EQ(parse_double("inf"), std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::signbit(parse_double("-0").value()));
}

TEST(ParseDouble, TakesTheWholeTextOrNothing) {
    for (const std::string_view text : {"",
                                        "+",
                                        "-",
                                        ".",
                                        "e5",
                                        "1e",
                                        " 1",
                                        "1 ",
                                        "1,5",
                                        "1_000",
                                        "0x10",
                                        "+-1",
                                        "--1",
                                        "nan",
                                        "1.2.3",
                                        "1e400",
                                        "1e-400",
                                        "abc",
                                        "1f",
                                        "\xef\xbb\xbf"
                                        "1"}) {
        EXPECT_EQ(parse_double(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_double("1\0"s), std::nullopt);
}

TEST(ParseInt, TakesTheWholeTextOrNothing) {
    EXPECT_EQ(parse_int("0"), 0);
    EXPECT_EQ(parse_int("+42"), 42);
    EXPECT_EQ(parse_int("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(parse_int("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    for (const std::string_view text :
         {"", "+", "-", "+-1", "1.0", "1e3", " 1", "1 ", "0x1", "9223372036854775808", "one"}) {
        EXPECT_EQ(parse_int(text), std::nullopt) << text;
    }
}

TEST(FormatDouble, IsTheShortestThatReadsBack) {
    EXPECT_EQ(format_double(61837.63), "61837.63");
    EXPECT_EQ(format_double(100000), "100000");
    EXPECT_EQ(format_double(9.12e-07), "9.12e-07");
    EXPECT_EQ(format_double(0.0001), "0.0001");
    EXPECT_EQ(format_double(0.00001), "1e-05");
    EXPECT_EQ(format_double(1e15), "1000000000000000");
    EXPECT_EQ(format_double(1e16), "1e+16");
    EXPECT_EQ(format_double(0.1 + 0.2), "0.30000000000000004");
    EXPECT_EQ(format_double(123456789.12345678), "123456789.12345678");
    EXPECT_EQ(format_double(-0.5), "-0.5");
    EXPECT_EQ(format_double(std::numeric_limits<double>::denorm_min()), "5e-324");
    EXPECT_EQ(format_double(-2.2250738585072014e-308), "-2.2250738585072014e-308");
    EXPECT_EQ(format_double(std::numeric_limits<double>::infinity()), "inf");
}

TEST(FormatDouble, DoesNotCareForRoundingModeOrLocale) {
    const char* const german = std::setlocale(LC_NUMERIC, "de_DE.UTF-8");  // may be absent; the rounding mode never is
    const int rounding = std::fegetround();
    std::fesetround(FE_UPWARD);
    const std::string text = format_double(0.1);
    const auto number = parse_double("1.5");
    std::fesetround(rounding);
    if (german != nullptr) std::setlocale(LC_NUMERIC, "C");
    EXPECT_EQ(text, "0.1");
    EXPECT_EQ(number, 1.5);
}

TEST(AppendDouble, KeepsWhatIsThere) {
    std::string out = "a,";
    append_double(out, 1.25);
    EXPECT_EQ(out, "a,1.25");
}

TEST(Case, ChangesAsciiOnly) {
    EXPECT_EQ(to_upper("btc-usdt1\xc3\xa4"), "BTC-USDT1\xc3\xa4");
    EXPECT_EQ(to_lower("BTC-USDT1\xc3\x84"), "btc-usdt1\xc3\x84");
}

TEST(MatchesPattern, StarStandsForAnyRun) {
    EXPECT_TRUE(matches_pattern("*", ""));
    EXPECT_TRUE(matches_pattern("*", "BINANCE_SPOT:BTC/USDT"));
    EXPECT_TRUE(matches_pattern("binance_*:btc/*", "BINANCE_SPOT:BTC/USDT"));
    EXPECT_TRUE(matches_pattern("*USDT", "BTC/USDT"));
    EXPECT_TRUE(matches_pattern("B*T*T", "BTC/USDT"));
    EXPECT_TRUE(matches_pattern("a*ab", "aaaab"));
    EXPECT_TRUE(matches_pattern("BTC**", "BTC"));
    EXPECT_TRUE(matches_pattern("", ""));
}

TEST(MatchesPattern, TheRestMustFitExactly) {
    EXPECT_FALSE(matches_pattern("", "a"));
    EXPECT_FALSE(matches_pattern("BTC", "BTC/USDT"));
    EXPECT_FALSE(matches_pattern("BTC/USDT", "BTC"));
    EXPECT_FALSE(matches_pattern("*USDC", "BTC/USDT"));
    EXPECT_FALSE(matches_pattern("B?C", "BTC"));
    EXPECT_FALSE(matches_pattern("a*b*c", "ab"));
}

TEST(MatchesPattern, ManyStarsTakeNoExponentialTime) {
    std::string pattern;
    for (int count = 0; count < 50; ++count) pattern += "a*";
    EXPECT_FALSE(matches_pattern(pattern + "b", std::string(5000, 'a')));
}

TEST(CleanUtf8, AcceptsEveryPlane) {
    EXPECT_TRUE(is_clean_utf8(""));
    EXPECT_TRUE(is_clean_utf8("BTC/USDT'\"%\\\n"));
    EXPECT_TRUE(is_clean_utf8("\xc3\xa4 \xe2\x82\xbf \xf0\x9f\x9a\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80"));
}

TEST(CleanUtf8, RefusesNulAndEveryMalformedForm) {
    EXPECT_FALSE(is_clean_utf8("BT\0C"s));
    for (const std::string_view text : {"\xff", "\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf",
                                        "\xed\xa0\x80", "\xe2\x82", "\xe2\x82(", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80", "\xf0\x9f\x9a", "\xf0\x9f\x9a(", "a\xe2"}) {
        EXPECT_FALSE(is_clean_utf8(text)) << printable(text);
    }
}

TEST(Printable, EscapesWhatATerminalObeys) {
    EXPECT_EQ(printable("BTC/USDT \xe2\x82\xbf"), "BTC/USDT \xe2\x82\xbf");
    EXPECT_EQ(printable("a\nb\x1b[0m\x7f"), "a\\x0ab\\x1b[0m\\x7f");
    EXPECT_EQ(printable("\0"s), "\\x00");
    EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
    EXPECT_EQ(printable("\xc2\x9b\x33\x31m"), "\\xc2\\x9b\x33\x31m");
    EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(Printable, CutsBetweenCharacters) {
    EXPECT_EQ(printable("abcdefghij", 10), "abcdefghij");
    EXPECT_EQ(printable("abcdefghijk", 10), "abcdefg...");
    EXPECT_EQ(printable("abcdef\xe2\x82\xbfxyz", 10), "abcdef...");
    EXPECT_EQ(printable("abcde\n\n\n", 10), "abcde...");
    EXPECT_EQ(printable("abcdef", 2), "..");
    EXPECT_EQ(printable(std::string(200, 'x')).size(), 120U);
}

TEST(AppendTime, KeepsWhatIsThere) {
    std::string out = "t=";
    append_time(out, 1'723'161'254'087'891);
    EXPECT_EQ(out, "t=2024-08-08T23:54:14.087891Z");
}

}  // namespace
}  // namespace marketdb::core
