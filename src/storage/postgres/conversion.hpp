#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/queries.hpp>

#include "storage/postgres/connection.hpp"
#include "storage/postgres/conversion_sql.hpp"

namespace marketdb::storage::postgres {

/// Makes an existing schema a lean one. The server does the work, step by step, each step one transaction; what it has come to
/// stands in tables there, so that it goes on after any end. While the rows are copied old programs may write: triggers note
/// what they change. One program at a time, by a lock of the session.
class Conversion {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    /// What would be done, and what stands against it. Reads only.
    /// Errors: schema_mismatch  an older shape.
    static awaitable<ConversionReport> plan(Connection& connection, const Config& config, ConversionDetail detail,
                                            Deadline deadline);
    /// Errors: schema_mismatch  there is nothing to convert; something that hangs on the tables cannot be made anew.
    ///         constraint       rows cannot be held.
    ///         unavailable      programs that may write are connected; another program converts.
    ///         A refusal before the first step changes nothing; otherwise the next run goes on.
    static awaitable<ConversionReport> run(Connection& connection, const Config& config, ConversionStep step,
                                           ConversionOptions options, Deadline deadline);

 private:
    Conversion(Connection& connection, const Config& config, Deadline deadline)
        : connection_(connection), config_(config), deadline_(deadline) {}

    // conversion.cpp
    awaitable<void> look();
    awaitable<void> take_lock();
    awaitable<void> up(ConversionOptions options);
    awaitable<void> begin();
    awaitable<void> make_lean_tables();
    awaitable<void> copy(ConversionOptions options);
    awaitable<void> copy_pieces(ConversionOptions options);
    awaitable<void> change_places(ConversionOptions options);
    awaitable<void> complete();
    [[nodiscard]] bool has_changed_places() const {
        return report_.phase == "completing" || report_.phase == "converted";
    }
    awaitable<void> finish();
    awaitable<void> down(ConversionOptions options);
    awaitable<void> stop();
    awaitable<void> refuse_sessions(ConversionOptions options);
    /// Calls a function of the conversion in a transaction; the function as text: `copy_piece(1000)`.
    awaitable<Result> call(std::string function, std::string_view isolation = "READ COMMITTED");
    awaitable<Result> ask(std::string sql);
    awaitable<void> transact(std::string text);
    /// Runs a text that ends in COMMIT.
    /// Errors: in_doubt  the link broke, the deadline passed, or it was cancelled before the server had answered.
    awaitable<void> end_with(std::string text);
    void say(const std::string& text, LogLevel level = LogLevel::info) const;

    // conversion_plan.cpp
    awaitable<void> find_all();
    awaitable<void> find_kept();
    awaitable<OldTables> old_tables();
    awaitable<void> find_rows(const ConvertedTable& table, const OldColumns& columns);
    awaitable<void> find_conditions();
    awaitable<void> find_dependents();
    awaitable<void> find_aggregates();
    awaitable<void> find_functions();
    awaitable<void> find_sessions();
    void add_grants();
    void add_locks();
    void require_possible(ConversionOptions options) const;
    ConversionFinding& add(std::string_view kind, std::string name, std::string_view outcome, std::string detail = {});

    Connection& connection_;
    const Config& config_;
    Deadline deadline_;
    ConversionSql sql_;
    ConversionReport report_;
};

}  // namespace marketdb::storage::postgres
