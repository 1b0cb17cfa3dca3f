#include "storage/postgres/make_engine.hpp"
#include "storage/engine.hpp"
#include "storage/sqlite/sqlite_engine.hpp"

namespace marketdb::storage {

std::unique_ptr<Engine> make_engine(const Config& config, const boost::asio::any_io_executor& executor) {
    if (config.engine == EngineKind::postgres) return postgres::make_engine(config, executor);
    return std::make_unique<sqlite::SqliteEngine>(config);
}

}  // namespace marketdb::storage
