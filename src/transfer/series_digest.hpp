#pragma once

#include <string>

#include <marketdb/transfer.hpp>

#include "io/sha256.hpp"
#include "storage/table.hpp"

namespace marketdb::transfer {

/// The checksum of the rows of one series: SHA-256 over the series' name and the values of each row, in order, as
/// docs/reference.md ("Checksums") states it. Ids, sources and computed columns do not count. A copy goes on by itself.
class SeriesDigest {
 public:
    explicit SeriesDigest(const SeriesName& name);

    /// The next rows.
    void add(storage::RowSpan rows);

    [[nodiscard]] SeriesChecksum checksum() const;

 private:
    SeriesChecksum sum_;  // without its sha256
    io::Sha256 hash_;
    std::string bytes_;  // encoded, to be hashed
};

/// Whether two rows of different databases are the same: every value that counts is equal, bit for bit.
[[nodiscard]] bool is_same_row(const storage::Table& table, const std::byte* a, const std::byte* b) noexcept;

}  // namespace marketdb::transfer
