#include <marketdb/symbols.hpp>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/resolved.hpp"
#include "io/input.hpp"
#include "io/listing.hpp"
#include "io/venue.hpp"
#include "transfer/source_file.hpp"
#include "transfer/spool.hpp"
#include "transfer/sync_plan.hpp"

namespace marketdb {
namespace {

using transfer::SyncPlan;
using transfer::SyncPlanner;

/// Of the active symbols, one in so many may go without being asked.
constexpr std::size_t kOneIn = 5;
/// The greatest listing seen has 4 MiB.
constexpr std::size_t kMaxListing = std::size_t{256} << 20;

void require_few_gone(const SyncPlan& plan, const std::string& exchange, const SyncOptions& options) {
    const std::size_t gone = plan.report.deactivated.size();
    if (options.allow || gone * kOneIn <= plan.active) return;
    throw Error(
        ErrorCode::constraint,
        fmt::format("the listing would deactivate {} of {} active symbols of {}, more than a fifth ({}, ..); it may "
                    "not be the whole, or of another market; nothing was changed (allow does it all the same)",
                    gone, plan.active, exchange, plan.report.deactivated.front()));
}

std::string read_whole(io::Input& input) {
    std::string text;
    std::array<char, std::size_t{1} << 16> buffer{};
    for (;;) {
        const std::size_t count = input.read(buffer);
        if (count == 0) return text;
        text.append(buffer.data(), count);
        if (text.size() > kMaxListing) {
            throw Error(ErrorCode::invalid_argument, fmt::format("{}: more than {} MiB; that is no listing",
                                                                 input.path().string(), kMaxListing >> 20));
        }
    }
}

/// What is stored of the exchange, as it is now, beside what the listing says.
boost::asio::awaitable<SyncPlan> make_plan(DatabaseManager& db, const io::Listing& listing, std::string exchange,
                                           SyncOptions options, Deadline deadline) {
    co_await db.refresh_reference(deadline);
    std::vector<Symbol> stored;
    if (const Exchange* known = db.find_exchange(exchange)) {
        stored = co_await db.get_symbols_by_exchange(known->id, /*active_only=*/false, deadline);
    }
    SyncPlanner planner(listing, stored, options, db.keeps_contracts());
    SyncPlan plan = planner.plan();
    plan.report.exchange = exchange;
    require_few_gone(plan, exchange, options);
    co_return plan;
}

/// Returns false where somebody else has added a symbol since the plan was made.
boost::asio::awaitable<bool> carry_out(DatabaseManager& db, SyncPlan& plan, bool may_fail, Deadline deadline) {
    if (plan.added.empty() && plan.changed.empty()) co_return true;
    const Exchange exchange = co_await db.ensure_exchange(plan.report.exchange, deadline);
    for (Symbol& symbol : plan.added) symbol.exchange_id = exchange.id;
    try {
        std::vector<Symbol> added = plan.added;
        std::vector<SymbolChange> changed = plan.changed;
        const std::vector<Symbol> stored = co_await db.change_symbols(std::move(added), std::move(changed), deadline);
        static_cast<void>(stored);
    } catch (const Error& error) {
        if (!may_fail || error.code() != ErrorCode::constraint) throw;
        co_return false;
    }
    co_return true;
}

boost::asio::awaitable<SyncReport> synchronise(DatabaseManager& db, std::string exchange, io::Listing listing,
                                               SyncOptions options, Deadline deadline) {
    for (bool may_fail = true;; may_fail = false) {
        SyncPlan plan = co_await make_plan(db, listing, exchange, options, deadline);
        bool is_done = options.dry_run;
        if (!is_done) is_done = co_await carry_out(db, plan, may_fail, deadline);
        if (is_done) co_return plan.report;
    }
}

}  // namespace

boost::asio::awaitable<SyncReport> sync_symbols(DatabaseManager& db, std::string_view exchange,
                                                std::string_view listing, SyncOptions options, Deadline deadline) {
    std::string name = io::exchange_name(exchange, "exchange");
    io::Listing read = io::read_listing(name, listing);
    return synchronise(db, std::move(name), std::move(read), options, core::resolved(db.config(), deadline));
}

std::string read_listing(const std::filesystem::path& file) {
    if (!transfer::needs_spool(file)) {
        const std::unique_ptr<io::Input> input = io::open_input(file, file);
        return read_whole(*input);
    }
    transfer::Spool spool(file, {});
    while (spool.copy_some(nullptr)) {
    }
    const std::unique_ptr<io::Input> input = io::open_input(spool.path(), file);
    return read_whole(*input);
}

}  // namespace marketdb
