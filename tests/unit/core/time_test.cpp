#include <marketdb/error.hpp>
#include <marketdb/time.hpp>

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace marketdb {
namespace {

using std::chrono::microseconds;

std::int64_t micros(std::string_view text) { return parse_timestamp(text).time_since_epoch().count(); }

void expect_refused(std::string_view text, std::string_view why) {
    try {
        static_cast<void>(parse_timestamp(text));
        ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << text;
        EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
}

TEST(Timestamp, IsPrintedInUtcWithSixDecimals) {
    EXPECT_EQ(to_string(Timestamp{microseconds{1'723'161'254'087'891}}), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(to_string(Timestamp{microseconds{0}}), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(to_string(Timestamp{microseconds{951'782'399'999'999}}), "2000-02-28T23:59:59.999999Z");
    EXPECT_EQ(to_string(Timestamp{microseconds{951'782'400'000'000}}), "2000-02-29T00:00:00.000000Z");
}

TEST(Timestamp, AbsentIsAnEmptyText) { EXPECT_EQ(to_string(kNoTime), ""); }

TEST(Timestamp, OutsideTheStorableRangeCanStillBePrinted) {
    EXPECT_EQ(to_string(Timestamp{microseconds{-1}}), "1969-12-31T23:59:59.999999Z");
    EXPECT_EQ(to_string(kMaxTime), "2262-04-11T23:47:16.854775Z");
    EXPECT_EQ(to_string(Timestamp{microseconds{-62'167'219'200'000'000}}), "0000-01-01T00:00:00.000000Z");
    EXPECT_EQ(to_string(Timestamp{microseconds{253'402'300'800'000'000}}), "+10000-01-01T00:00:00.000000Z");
    EXPECT_EQ(to_string(Timestamp::max()), "+294247-01-10T04:00:54.775807Z");
    EXPECT_EQ(to_string(Timestamp{microseconds{INT64_MIN + 1}}), "-290308-12-21T19:59:05.224193Z");
}

TEST(ParseTimestamp, ReadsEveryIsoForm) {
    EXPECT_EQ(micros("2024-08-08T23:54:14.087891Z"), 1'723'161'254'087'891);
    EXPECT_EQ(micros("2024-08-08t23:54:14.087891z"), 1'723'161'254'087'891);
    EXPECT_EQ(micros("2024-08-08 23:54:14.087891"), 1'723'161'254'087'891);
    EXPECT_EQ(micros("2024-08-08T23:54:14,5"), 1'723'161'254'500'000);
    EXPECT_EQ(micros("2024-08-08T23:54:14"), 1'723'161'254'000'000);
    EXPECT_EQ(micros("2024-08-08T23:54"), 1'723'161'240'000'000);
    EXPECT_EQ(micros("2024-08-08"), 1'723'075'200'000'000);
}

TEST(ParseTimestamp, CutsNanosecondsToMicroseconds) {
    EXPECT_EQ(micros("2024-08-08T23:54:14.087891999Z"), 1'723'161'254'087'891);
    EXPECT_EQ(micros("1723161254087891999"), 1'723'161'254'087'891);
}

TEST(ParseTimestamp, TakesAZoneOff) {
    EXPECT_EQ(micros("2024-08-09T01:54:14+02:00"), 1'723'161'254'000'000);
    EXPECT_EQ(micros("2024-08-09T01:54:14+0200"), 1'723'161'254'000'000);
    EXPECT_EQ(micros("2024-08-09T01:54:14+02"), 1'723'161'254'000'000);
    EXPECT_EQ(micros("2024-08-08T18:24:14-05:30"), 1'723'161'254'000'000);
    EXPECT_EQ(micros("1969-12-31T23:00:00-02:00"), 3'600'000'000);
}

TEST(ParseTimestamp, TellsTheUnitOfANumberByItsSize) {
    EXPECT_EQ(micros("1723161254"), 1'723'161'254'000'000);
    EXPECT_EQ(micros("1723161254087"), 1'723'161'254'087'000);
    EXPECT_EQ(micros("1723161254087891"), 1'723'161'254'087'891);
    EXPECT_EQ(micros("1723161254087891000"), 1'723'161'254'087'891);
    EXPECT_EQ(micros("0"), 0);
    EXPECT_EQ(micros("+1"), 1'000'000);
    EXPECT_EQ(micros("2024"), 2'024'000'000);
}

TEST(ParseTimestamp, TellsTheUnitExactlyAtItsLimits) {
    EXPECT_EQ(micros("1000000000000000000"), 1'000'000'000'000'000);  // ns
    EXPECT_EQ(micros("1000000000000000"), 1'000'000'000'000'000);     // us
    EXPECT_EQ(micros("1000000000000"), 1'000'000'000'000'000);        // ms
}

TEST(ParseTimestamp, RefusesWhatLiesBefore1970) {
    expect_refused("1969-12-31T23:59:59.999999Z", "before 1970");
    expect_refused("1970-01-01T00:00:00+00:01", "before 1970");
    expect_refused("-1", "before 1970");
    expect_refused("0001-01-01", "before 1970");
}

TEST(ParseTimestamp, RefusesWhatLiesAfter2262) {
    EXPECT_EQ(parse_timestamp("2262-04-11T23:47:16.854775Z"), kMaxTime);
    EXPECT_EQ(parse_timestamp("9223372036854775807"), kMaxTime);
    expect_refused("2262-04-11T23:47:16.854776Z", "after 2262");
    expect_refused("9999-12-31", "after 2262");
    expect_refused("99999999999", "after 2262");         // s
    expect_refused("999999999999999", "after 2262");     // ms
    expect_refused("999999999999999999", "after 2262");  // us
    expect_refused("9223372036854775808", "after 2262");
    expect_refused("99999999999999999999999", "after 2262");
}

TEST(ParseTimestamp, RefusesALeapSecond) { expect_refused("2016-12-31T23:59:60Z", "is no time"); }

TEST(ParseTimestamp, RefusesWhatIsNoTime) {
    for (const std::string_view text : {"",
                                        " ",
                                        "now",
                                        "2024-8-8",
                                        "2024-13-01",
                                        "2024-02-30",
                                        "2023-02-29",
                                        "2024-08-08T",
                                        "2024-08-08T24:00",
                                        "2024-08-08T23",
                                        "2024-08-08T23:60",
                                        "2024-08-08T23:54:",
                                        "2024-08-08T23:54:14.",
                                        "2024-08-08T23:54:14.0123456789",
                                        "2024-08-08T23:54:14.1x",
                                        "2024-08-08T23:54:14 Z",
                                        "2024-08-08T23:54:14+24:00",
                                        "2024-08-08T23:54:14+02:60",
                                        "2024-08-08T23:54:14+2",
                                        "2024-08-08T23:54:14+02:0",
                                        "2024-08-08X23:54:14",
                                        "2024-08-08Z",
                                        "20240808T235414Z",
                                        "2024-08-08T23:54:14ZZ",
                                        "1723161254.5",
                                        "0x10",
                                        "-",
                                        "2024-",
                                        "2024-08",
                                        "2024-08-",
                                        "2024-08-0",
                                        "2024-08-08T2a:00",
                                        "2024-08-08T23:5",
                                        "2024-08-08T23:54:1"}) {
        expect_refused(text, "is no time");
    }
}

TEST(ParseTimestamp, NamesTheTextWithoutItsControlBytes) { expect_refused("2024\n\x1b[31m", "'2024\\x0a\\x1b[31m'"); }

TEST(ParseDuration, ReadsEveryUnit) {
    EXPECT_EQ(parse_duration("7us"), microseconds{7});
    EXPECT_EQ(parse_duration("250ms"), microseconds{250'000});
    EXPECT_EQ(parse_duration("10s"), microseconds{10'000'000});
    EXPECT_EQ(parse_duration("10"), microseconds{10'000'000});
    EXPECT_EQ(parse_duration("1m"), microseconds{60'000'000});
    EXPECT_EQ(parse_duration("1.5h"), microseconds{5'400'000'000});
    EXPECT_EQ(parse_duration("7d"), microseconds{604'800'000'000});
    EXPECT_EQ(parse_duration("2w"), microseconds{1'209'600'000'000});
    EXPECT_EQ(parse_duration("0.1s"), microseconds{100'000});
    EXPECT_EQ(parse_duration("9007199254740993us"), microseconds{9'007'199'254'740'993});
}

TEST(ParseDuration, RefusesWhatIsNoPositiveLength) {
    const auto expect = [](std::string_view text, std::string_view why) {
        try {
            static_cast<void>(parse_duration(text));
            ADD_FAILURE() << "accepted: " << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
        }
    };
    expect("", "is not a number");
    expect("m", "is not a number");
    expect("-5m", "is not a number");
    expect("5 m", "is not a number");
    expect("5y", "is not a number");
    expect("1e3s", "is not a number");
    expect("inf", "is not a number");
    expect("1.2.3s", "is not a number");
    expect("0", "is not positive");
    expect("0.0000001s", "is not positive");
    expect("15300w", "is longer than 292 years");
    expect("99999999999999999999999s", "is longer than 292 years");
    EXPECT_EQ(parse_duration("15200w"), microseconds{9'192'960'000'000'000});
}

}  // namespace
}  // namespace marketdb
