#include "storage/sqlite/sqlite_engine.hpp"

namespace marketdb::storage {

std::unique_ptr<Engine> make_engine(const Config& config) {
    if (config.engine == EngineKind::postgres) {
        throw Error(ErrorCode::unavailable, "the PostgreSQL engine is not part of this version");
    }
    return std::make_unique<sqlite::SqliteEngine>(config);
}

}  // namespace marketdb::storage
