#include <string>
#include <utility>

#include <fmt/format.h>

#include <marketdb/transfer.hpp>

#include "commands.hpp"
#include "copy_report.hpp"
#include "diagnostics.hpp"
#include "interrupt.hpp"
#include "query.hpp"
#include "session_impl.hpp"

namespace marketdb::cli {
namespace {

CopyReport copy(Session& from, Session& to, CopyOptions options) {
    CopyBar bar;
    options.on_progress = [&bar](const CopyProgress& progress) { bar.show(progress); };
    options.stop = interrupt_flag();
    try {
        return from.impl().run(copy_history(from.impl().manager, to.impl().manager, std::move(options)),
                               OnInterrupt::finish);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::cancelled || !is_interrupted()) throw;
        note(error.what());  // Says how much is copied.
        throw Interrupted{};
    }
}

}  // namespace

int run_copy(const GlobalOptions& global, const CopyArguments& arguments, const ReadOptions& read) {
    CopyOptions options;
    options.selection = read_selection(read);
    options.batch_rows = arguments.batch_rows;
    options.dry_run = arguments.dry_run;
    options.only_gaps = arguments.only_gaps;
    if (global.db || global.config) throw UsageError("copy takes FROM_URL and TO_URL instead of --db and --config");
    // The schema of the database that is read is none of this command's business.
    DatabaseChoice source = choose_database(arguments.from_url, "FROM_URL", /*migrate=*/false);
    DatabaseChoice target = choose_database(arguments.to_url, "TO_URL", global.migrate);
    target.config.allow_rounding = arguments.allow_rounding;
    if (are_one_database(source, target)) {
        throw UsageError(fmt::format("FROM_URL and TO_URL are the same database: {}", target.config.redacted_url()));
    }

    Session from(std::move(source), Access::read);
    Session to = Session::target(std::move(target), arguments.dry_run);
    const CopyReport report = copy(from, to, std::move(options));
    to.close();
    print_copy(report, arguments, from.name(), to.name());
    return report.different == 0 ? kOk : kFailure;
}

}  // namespace marketdb::cli
