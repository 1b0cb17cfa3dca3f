#include <marketdb/maintenance.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/late.hpp"
#include "core/refuse.hpp"
#include "core/text.hpp"
#include "manager/access.hpp"
#include "manager/forecast.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::Table;
using Impl = ManagerAccess::Impl;

constexpr std::chrono::days kLongestAhead{366};
/// A disk that is full sooner needs a hand.
constexpr std::chrono::days kSoon{30};
constexpr std::chrono::days kVerySoon{3};

/// One run of it.
class Maintenance {
 public:
    Maintenance(DatabaseManager& db, Impl& impl, MaintenanceOptions options, Deadline deadline)
        : db_(db), impl_(impl), options_(options), deadline_(deadline) {}

    awaitable<MaintenanceReport> run() {
        impl_.refuse_read_only();
        for (const Dataset dataset : kSymbolDatasets) {
            const std::string_view name = to_string(dataset);
            co_await attempt("partitions", name, make_partitions(dataset));
        }
        const std::string_view nowhere;
        co_await attempt("rows", nowhere, clean());
        co_await attempt("vacuum", nowhere, tidy());
        co_await attempt("disk", nowhere, forecast());
        co_return std::move(report_);
    }

 private:
    void say(Severity severity, std::string_view check, std::string_view where, std::string what,
             std::string remedy = {}) {
        report_.steps.push_back({severity, std::string(check), std::string(where), std::move(what), std::move(remedy)});
    }

    /// What goes wrong in one step is told, and the next one is done.
    awaitable<void> attempt(std::string_view check, std::string_view where, awaitable<void> step) {
        try {
            co_await std::move(step);
        } catch (const Error& error) {
            if (ends_all(error)) throw;
            say(Severity::warning, check, where, error.what());
        }
    }

    [[nodiscard]] bool ends_all(const Error& error) const {
        // What is locked is not the whole database: a partition that others use all the time.
        constexpr std::string_view kLocked = "55P03";
        switch (error.code()) {
            case ErrorCode::closed:
            case ErrorCode::cancelled:
            case ErrorCode::in_doubt:
            case ErrorCode::read_only: return true;
            case ErrorCode::unavailable: return error.sqlstate() != kLocked;
            case ErrorCode::timeout: return core::has_passed(deadline_);
            default: return false;
        }
    }

    awaitable<void> make_partitions(Dataset dataset) {
        if (options_.ahead.count() == 0) co_return;
        const Timestamp now = impl_.now();
        const Table& table = storage::table_of(dataset);
        const Timestamp until = now + options_.ahead;
        const std::optional<std::uint64_t> made = co_await impl_.engine().make_partitions(table, now, until, deadline_);
        if (!made) co_return;
        say(Severity::fine, "partitions", to_string(dataset),
            fmt::format("{} made, there are some until {}", *made, to_string(until)));
    }

    awaitable<void> clean() {
        if (!impl_.engine().capabilities().own_tables) {
            say(Severity::note, "rows", {},
                "an existing schema stores no policies: `cleanup --older-than` removes rows");
            co_return;
        }
        const std::size_t steps_before = report_.steps.size();
        for (const Dataset dataset : kDatasets) {
            const std::string_view name = to_string(dataset);
            co_await attempt("rows", name, clean_dataset(dataset));
        }
        if (report_.steps.size() == steps_before) say(Severity::fine, "rows", {}, "no policy lets any go");
    }

    awaitable<void> clean_dataset(Dataset dataset) {
        CleanupOptions options;
        options.dataset = dataset;
        const CleanupResult cleaned = co_await impl_.cleanup(options, deadline_);
        CleanupResult& all = report_.cleaned;
        all.book_tickers += cleaned.book_tickers;
        all.trades += cleaned.trades;
        all.funding_rates += cleaned.funding_rates;
        all.balances += cleaned.balances;
        all.book_tickers_staying += cleaned.book_tickers_staying;
        all.trades_staying += cleaned.trades_staying;
        all.funding_rates_staying += cleaned.funding_rates_staying;
        all.balances_staying += cleaned.balances_staying;
        const auto i = static_cast<std::size_t>(dataset);
        all.cutoffs.at(i) = cleaned.cutoffs.at(i);
        all.beyond_limit.at(i) = cleaned.beyond_limit.at(i);
        // Of the others there are none.
        const std::uint64_t removed = cleaned.book_tickers + cleaned.trades + cleaned.funding_rates + cleaned.balances;
        const std::uint64_t staying = cleaned.book_tickers_staying + cleaned.trades_staying +
                                      cleaned.funding_rates_staying + cleaned.balances_staying;
        if (is_present(cleaned.cutoffs.at(i))) {
            std::string what = fmt::format("{} removed from before {}", removed, to_string(cleaned.cutoffs.at(i)));
            if (staying > 0)
                what += fmt::format("; {} stay: held, imported, or in a partition with newer ones", staying);
            say(Severity::fine, "rows", to_string(dataset), std::move(what));
        }
        if (cleaned.beyond_limit.at(i) == 0) co_return;
        say(Severity::warning, "rows", to_string(dataset),
            fmt::format(
                "{} too many for the size that the policy allows, and fewer than that may go: none went for its sake",
                cleaned.beyond_limit.at(i)),
            "release holds, let imported rows go too, or allow more (`marketdb retention set`)");
    }

    awaitable<void> tidy() {
        std::vector<Finding> done = co_await impl_.engine().tidy_up(deadline_);
        for (Finding& one : done) report_.steps.push_back(std::move(one));
    }

    awaitable<void> forecast() {
        report_.forecast = co_await forecast_disk(db_, options_.forecast, deadline_);
        const DiskForecast& made = report_.forecast;
        const std::string growth = fmt::format("rows of {} come a day", core::bytes_text(made.bytes_per_day));
        if (!made.free_bytes) {
            say(Severity::note, "disk", {}, growth + "; how much room the server's disk has cannot be seen from here");
            co_return;
        }
        const std::string room =
            fmt::format("{}, {} are free", growth, core::bytes_text(static_cast<double>(*made.free_bytes)));
        if (!is_present(made.full_at)) {
            say(Severity::fine, "disk", {}, room + ": that will do");
            co_return;
        }
        const auto left = made.full_at - made.at;
        const Severity severity = left < kVerySoon ? Severity::critical : Severity::warning;
        say(left < kSoon ? severity : Severity::fine, "disk", {},
            fmt::format("{}: full at {}", room, to_string(made.full_at)),
            left < kSoon ? "free some room, or keep less (`marketdb retention set`)" : "");
    }

    DatabaseManager& db_;
    Impl& impl_;
    const MaintenanceOptions options_;
    const Deadline deadline_;
    MaintenanceReport report_;
};

awaitable<MaintenanceReport> run_maintenance(DatabaseManager& db, std::shared_ptr<Impl> impl,
                                             MaintenanceOptions options, Deadline deadline) {
    Maintenance maintenance(db, *impl, options, deadline);
    MaintenanceReport report = co_await maintenance.run();
    co_return report;
}

}  // namespace

awaitable<MaintenanceReport> maintain(DatabaseManager& db, MaintenanceOptions options, Deadline deadline) {
    const bool is_out_of_range = options.ahead.count() < 0 || options.ahead > kLongestAhead;
    core::refuse(is_out_of_range, "ahead: expected a length of 0 to 366 days");
    refuse_window(options.forecast);
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, run_maintenance(db, impl, options, resolved));
}

}  // namespace marketdb
