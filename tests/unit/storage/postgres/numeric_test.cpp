#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <marketdb/models.hpp>

#include "storage/postgres/numeric.hpp"

namespace marketdb::storage::postgres {
namespace {

constexpr NumericType kPrice{20, 8};
constexpr NumericType kRate{12, 8};

/// The bytes that go to the server, without the length, in hex.
std::string hex_of(double value) {
    std::array<char, kMaxNumericBytes> bytes{};
    WireWriter out(bytes.data());
    write_numeric(out, value);
    const std::string_view written(bytes.data(), static_cast<std::size_t>(out.position() - bytes.data()));
    EXPECT_EQ(static_cast<std::size_t>(get_int32(written.data())), written.size() - 4);
    std::string hex;
    for (const char c : written.substr(4)) {
        hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        hex += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return hex;
}

std::optional<double> read_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t at = 0; at < hex.size(); at += 2) {
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
    }
    return read_numeric(bytes);
}

double there_and_back(double value) {
    std::array<char, kMaxNumericBytes> bytes{};
    WireWriter out(bytes.data());
    write_numeric(out, value);
    return read_numeric({bytes.data() + 4, static_cast<std::size_t>(out.position() - bytes.data()) - 4}).value();
}

TEST(Numeric, IsWrittenInGroupsOfFourDigits) {
    // count, weight, sign, digits behind the point; then the groups
    EXPECT_EQ(hex_of(0), "0000000000000008");
    EXPECT_EQ(hex_of(1), "00010000000000080001");
    EXPECT_EQ(hex_of(-1.5), "000200004000000800011388");
    EXPECT_EQ(hex_of(12345.6789),
              "00030001000000080001"
              "0929"
              "1a85");
    EXPECT_EQ(hex_of(0.00000001), "0001fffe000000080001");
    EXPECT_EQ(hex_of(1e22),
              "000100050000000000"
              "64");
    EXPECT_EQ(hex_of(1e-10), "0001fffd0000000a0064");
    EXPECT_EQ(hex_of(0.1), "0001ffff0000000803e8");
}

TEST(Numeric, IsReadToTheNearestDouble) {
    EXPECT_EQ(read_hex("0000000000000000"), 0.0);
    EXPECT_EQ(read_hex("00020000400000020001"
                       "1388"),
              -1.5);
    EXPECT_EQ(read_hex("00040002000000080001"
                       "0929"
                       "1a85"
                       "04d2"),
              123456789.1234);
    // 123456789.12345678, which a cast from double precision in SQL would have cut
    EXPECT_EQ(read_hex("00050002000000080001"
                       "0929"
                       "1a85"
                       "04d2"
                       "162e"),
              123456789.12345678);
    EXPECT_TRUE(std::isnan(read_hex("00000000c0000000").value()));
    EXPECT_EQ(read_hex("00000000d0000000"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(read_hex("0002000000000000"
                       "0001"),
              std::nullopt)
        << "cut";
    EXPECT_EQ(read_hex("0002"), std::nullopt);
}

TEST(Numeric, AnyDoubleComesBackAsItWas) {
    for (const double value : {0.1, 1.0 / 3, 2.0 / 3 * 1e-9, 123456789.12345678, 61837.63, 1e15, 999999999999999.9,
                               9007199254740993.0, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 1e-7}) {
        EXPECT_EQ(there_and_back(value), value);
        EXPECT_EQ(there_and_back(-value), -value);
    }
}

TEST(Numeric, TheTypeOfAColumnIsReadFromItsModifier) {
    EXPECT_EQ(NumericType::from((20 << 16 | 8) + 4).precision, 20);
    EXPECT_EQ(NumericType::from((20 << 16 | 8) + 4).scale, 8);
    EXPECT_EQ(NumericType::from((5 << 16 | (-3 & 0x7ff)) + 4).scale, -3);
    EXPECT_EQ(NumericType::from(-1).precision, 0);
}

TEST(Numeric, RoundsAsTheServerDoes) {
    EXPECT_EQ(as_numeric(61837.63, kPrice), 61837.63);
    EXPECT_EQ(as_numeric(0.123456784, kPrice), 0.12345678);
    EXPECT_EQ(as_numeric(0.123456785, kPrice), 0.12345679) << "half away from zero";
    EXPECT_EQ(as_numeric(-0.123456785, kPrice), -0.12345679);
    EXPECT_EQ(as_numeric(0.000000005, kPrice), 0.00000001);
    EXPECT_EQ(as_numeric(0.0000000049, kPrice), 0.0);
    EXPECT_EQ(as_numeric(1e-30, kPrice), 0.0);
    EXPECT_EQ(as_numeric(123456789.12345678, kPrice), 123456789.12345678);
    EXPECT_EQ(as_numeric(1.0 / 3, NumericType{}), 1.0 / 3) << "a numeric without limits";
    EXPECT_EQ(as_numeric(1250, NumericType{5, -2}), 1300.0);
}

TEST(Numeric, ATooLargeValueIsNone) {
    EXPECT_EQ(as_numeric(999999999999.5, kPrice), 999999999999.5);
    EXPECT_EQ(as_numeric(1e12, kPrice), std::nullopt);
    EXPECT_EQ(as_numeric(9999.5, kRate), 9999.5);
    EXPECT_EQ(as_numeric(10000, kRate), std::nullopt);
    EXPECT_EQ(as_numeric(9999.999999996, kRate), std::nullopt) << "it rounds up to 10000";
}

TEST(Real, StandsForItsShortestText) {
    EXPECT_EQ(as_real(0.1), 0.1);
    EXPECT_EQ(as_real(123456789.12), 123456790.0) << "1.2345679e+08";
    EXPECT_EQ(as_real(16777216.0), 16777216.0);
    EXPECT_EQ(as_real(1e39), std::nullopt);
    EXPECT_EQ(as_real(1e-60), 0.0);
    EXPECT_EQ(read_real(0.3F), 0.3);
    EXPECT_EQ(read_real(65950168.0F), 65950168.0) << "65950170 lies half-way to the next REAL";
    EXPECT_EQ(read_real(186799008.0F), 186799010.0) << "and 186799000 too";
    EXPECT_EQ(read_real(-12.0F), -12.0);
}

}  // namespace
}  // namespace marketdb::storage::postgres
