#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "storage/engine.hpp"

namespace marketdb::storage::postgres {

/// See `PostgresEngine`. Stands apart so that who makes an engine need not see libpq.
[[nodiscard]] std::unique_ptr<Engine> make_engine(const Config& config, const boost::asio::any_io_executor& executor);

}  // namespace marketdb::storage::postgres
