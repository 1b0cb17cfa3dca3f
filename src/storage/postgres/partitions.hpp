#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>

#include "storage/postgres/connection.hpp"
#include "storage/postgres/physical_table.hpp"
#include "storage/postgres/statements.hpp"

namespace marketdb::storage::postgres {

/// The time ranges of the partitioned tables, as this process knows them. Others add and drop partitions too, so reading
/// uses them only to cut time into pieces that touch few partitions: the pieces cover all of it.
class Partitions {
 public:
    /// Reads the bounds of one table; nothing to do for one that is not partitioned.
    boost::asio::awaitable<void> read(Connection& connection, const PhysicalTable& table, Deadline deadline);

    /// Whether a partition for one of the rows is not known.
    [[nodiscard]] bool misses(const PhysicalTable& table, RowSpan rows) const;
    /// What is known of a table is out of date.
    void forget(const PhysicalTable& table) { ranges_.erase(table.table); }
    /// Those that end at a moment or before it are gone, or about to go.
    void forget_before(const PhysicalTable& table, Timestamp time);

    /// Sees to it that there is a partition for each row. Makes those that are missing in a transaction of their own.
    ///
    /// Errors: unauthorized  the role may not make partitions; constraint  too many at once, or a time outside what is kept.
    boost::asio::awaitable<void> ensure(Connection& connection, const PhysicalTable& table, const SchemaName& schema,
                                        RowSpan rows, Deadline deadline);

    /// A range (an absent end is open) in pieces, in reading order: the first touches one partition, the next two, four, ..,
    /// none more than `at_most`.
    [[nodiscard]] std::vector<TimeRange> pieces(const PhysicalTable& table, const TimeRange& range, bool descending,
                                                std::size_t at_most = SIZE_MAX) const;

    /// The piece of all time in which a moment lies: one partition, or the time between two.
    [[nodiscard]] TimeRange piece_of(const PhysicalTable& table, Timestamp time) const;
    /// The least range of whole pieces in which all rows lie.
    [[nodiscard]] TimeRange piece_of(const PhysicalTable& table, RowSpan rows) const;

 private:
    [[nodiscard]] const std::vector<TimeRange>& ranges(const PhysicalTable& table) const;
    /// Days (UTC) with rows that no known partition takes, runs of days as one range.
    [[nodiscard]] std::vector<TimeRange> uncovered(const PhysicalTable& table, RowSpan rows) const;

    std::map<const Table*, std::vector<TimeRange>> ranges_;  // by start, disjoint
};

}  // namespace marketdb::storage::postgres
