#pragma once

#include <boost/asio/awaitable.hpp>

#include <marketdb/coverage_claim.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/queries.hpp>

#include "storage/engine.hpp"

namespace marketdb {

/// How much of [start, end) of one series is covered. The filter names dataset, symbol, clock and both times.
boost::asio::awaitable<CoverageShare> read_coverage_share(storage::Engine& engine, CoverageFilter filter,
                                                          Deadline deadline);

}  // namespace marketdb
