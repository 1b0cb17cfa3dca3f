#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/postgres/wire.hpp"

/// The number types of existing schemas, which keep less than a double does.
///
/// A double stands for its shortest decimal text, as everywhere in marketdb: 0.1 is written as 0.1, and 0.1 is read back.
namespace marketdb::storage::postgres {

/// NUMERIC(precision, scale).
struct NumericType {
    int precision = 0;  ///< Digits in all; 0: as many as it takes.
    int scale = 0;      ///< Of these behind the point.

    /// From pg_attribute.atttypmod.
    [[nodiscard]] static NumericType from(std::int32_t modifier) noexcept;
};

/// What is read back after a value was written to a column of the type, rounded as the server rounds (half away from zero);
/// none if it is too large. The value is finite.
[[nodiscard]] std::optional<double> as_numeric(double value, NumericType type) noexcept;

/// The same for a REAL: its shortest text as a double.
[[nodiscard]] std::optional<double> as_real(double value) noexcept;

/// A length word, a header, and the digits of any double.
inline constexpr std::size_t kMaxNumericBytes = 4 + 8 + 6 * 2;

/// Writes a finite value with its length in front, exactly as its shortest text has it.
/// https://www.postgresql.org/docs/15/datatype-numeric.html; the format is that of numeric_send
void write_numeric(WireWriter& out, double value) noexcept;

/// The double that is nearest to a NUMERIC; NaN and infinities as they are. None if the bytes are no number.
[[nodiscard]] std::optional<double> read_numeric(std::string_view bytes);

/// A REAL as its shortest text reads.
[[nodiscard]] double read_real(float value) noexcept;

}  // namespace marketdb::storage::postgres
