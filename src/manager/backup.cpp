#include <marketdb/backup.hpp>

#include "manager/access.hpp"
#include "storage/postgres/tool_environment.hpp"

namespace marketdb {

boost::asio::awaitable<BackupReport> back_up(DatabaseManager& db, const std::filesystem::path& target,
                                             Deadline deadline) {
    if (target.empty()) throw Error(ErrorCode::invalid_argument, "no target is given: expected the name of a new file");
    const auto& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return ManagerAccess::Impl::run(impl, impl->engine().back_up(std::filesystem::absolute(target).string(), resolved));
}

std::vector<std::pair<std::string, std::string>> connection_environment(const Config& config) {
    if (config.engine != EngineKind::postgres) {
        throw Error(ErrorCode::invalid_argument, config.redacted_url() + " is no PostgreSQL database");
    }
    return storage::postgres::tool_environment(config);
}

}  // namespace marketdb
