#include "storage/postgres/conversion.hpp"

#include <array>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/identity.hpp"
#include "core/late.hpp"
#include "storage/postgres/catalogue.hpp"
#include "storage/postgres/migrator.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/server_error.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

asio::awaitable<ConversionReport> Conversion::run(Connection& connection, const Config& config, ConversionStep step,
                                                  ConversionOptions options, Deadline deadline) {
    if (options.piece_rows == 0 || options.piece_rows > 1'000'000) {
        throw Error(ErrorCode::invalid_argument, "piece_rows: expected 1 to 1,000,000");
    }
    Conversion conversion(connection, config, deadline);
    co_await conversion.look();
    co_await conversion.take_lock();
    // Only with the lock is it certain how far another program has come.
    co_await conversion.look();
    // From here on all names say their schema, and nothing that users have made is found instead of the server's own.
    std::string path = "SET search_path = pg_catalog";
    co_await connection.run_text(std::move(path), deadline);
    switch (step) {
        case ConversionStep::up: co_await conversion.up(options); break;
        case ConversionStep::finish: co_await conversion.finish(); break;
        case ConversionStep::down: co_await conversion.down(options); break;
    }
    co_return conversion.report_;
}

asio::awaitable<void> Conversion::look() {
    const Catalogue catalogue = co_await Catalogue::read(connection_, config_.postgres.schema, deadline_);
    sql_ = ConversionSql(catalogue.schema(), config_.legacy_clock);
    report_.phase = catalogue.is_existing() ? "existing" : "none";
    if (!sql_.is_possible()) {
        if (report_.phase == "none") co_return;
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{}: schema {}: its name is too long, or has quotes in it; rename it first",
                                connection_.shown(), sql_.schema().quoted()));
    }
    // A role that may not look into that schema has nothing to do with a conversion.
    std::string there = fmt::format(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = "
        "c.relnamespace "
        "WHERE n.nspname = {} AND c.relname = 'state' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))",
        literal(sql_.before().text()));
    const Result begun = co_await ask(std::move(there));
    if (!begun.boolean(0, 0)) co_return;
    std::string state = fmt::format("SELECT phase, legacy_clock FROM {}", sql_.before().table("state"));
    const Result found = co_await ask(std::move(state));
    report_.phase = found.text(0, 0);
    // It is gone through with the clock that it began with.
    const bool is_received = found.bytes(0, 1) == "received";
    sql_ = ConversionSql(catalogue.schema(), is_received ? LegacyClock::received : LegacyClock::event);
}

asio::awaitable<void> Conversion::take_lock() {
    if (connection_.is_pooled()) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{}: a schema is converted in one session; connect to the server itself, not to its "
                                "pooler",
                                connection_.shown()));
    }
    std::string text = fmt::format(
        "SET lock_timeout = '10s'; SET statement_timeout = 0; SELECT pg_catalog.pg_advisory_lock("
        "pg_catalog.hashtextextended({}, 0)); SET lock_timeout = 0; "
        // So that a long statement, with its locks, ends soon after its program.
        "SELECT pg_catalog.set_config('client_connection_check_interval', '2s', false) WHERE "
        "pg_catalog.current_setting('server_version_num')::integer >= 140000",
        literal("marketdb convert " + sql_.schema().text()));
    connection_.statement_timeout = std::chrono::milliseconds{0};
    try {
        co_await connection_.run_text(std::move(text), deadline_);
    } catch (const StatementError& refused) {
        if (refused.sqlstate() != "55P03") throw;
        throw Error(ErrorCode::unavailable, fmt::format("{}: another program converts schema {} at the moment",
                                                        connection_.shown(), sql_.schema().quoted()));
    }
}

asio::awaitable<void> Conversion::up(ConversionOptions options) {
    if (report_.phase == "none") {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: schema {} holds no tables of older programs; there is nothing to convert",
                                connection_.shown(), sql_.schema().quoted()));
    }
    if (report_.phase == "existing") {
        co_await find_all();
        require_possible(options);
        co_await begin();
        report_.phase = "begun";
    }
    if (report_.phase == "begun") {
        co_await make_lean_tables();
        report_.phase = "copying";
    }
    if (report_.phase == "copying") {
        co_await copy(options);
        co_await refuse_sessions(options);
        co_await change_places(options);
        report_.phase = "completing";
    }
    if (report_.phase == "completing") co_await complete();
    report_.findings.clear();
    co_await find_kept();
}

/// Writers are waited for only briefly, again and again: others would wait behind us, and none is to be ended by
/// deadlock_timeout.
asio::awaitable<void> Conversion::begin() {
    constexpr int kMaxTries = 30;
    const OldTables tables = co_await old_tables();
    const std::string text = "SET LOCAL lock_timeout = '500ms'; " + sql_.begin(tables);
    for (int tries = 1;; ++tries) {
        bool must_wait = false;
        try {
            std::string again = text;
            co_await transact(std::move(again));
        } catch (const StatementError& refused) {
            if (refused.sqlstate() != "55P03" || tries == kMaxTries) throw;
            must_wait = true;
        }
        if (!must_wait) co_return;
        co_await connection_.roll_back(deadline_);
        say("the tables are being written to; trying again");
    }
}

asio::awaitable<void> Conversion::make_lean_tables() {
    Config lean = config_;
    lean.postgres.schema = sql_.next().text();
    lean.postgres.hypertables = false;  // They could not change their schema's name with the others.
    co_await Migrator::up(connection_, lean, deadline_);

    std::string text = fmt::format("SELECT wrong FROM {}.try_hanging() AS tried (wrong)", sql_.before().quoted());
    const Result wrong = co_await ask(std::move(text));
    if (wrong.rows() > 0) {
        std::string all;
        for (int row = 0; row < wrong.rows(); ++row) all += (row == 0 ? "" : "; ") + wrong.text(row, 0);
        co_await stop();
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: schema {} cannot be converted: {}; nothing was changed", connection_.shown(),
                                sql_.schema().quoted(), all));
    }
    std::string source = fmt::format(
        "WITH made AS (INSERT INTO {} (kind, name, program, host, started_at, rows) VALUES ('migration', {}, {}, {}, "
        "now(), 0) RETURNING id) UPDATE {} SET source_id = (SELECT id FROM made), phase = 'copying'",
        sql_.next().table("sources"), literal(sql_.schema().text()), literal(core::program_name(config_)),
        literal(core::host_name()), sql_.before().table("state"));
    co_await transact(std::move(source));
}

/// Old programs may write as fast as their rows are followed: when a round over what was noted has left more than half as much
/// to the next, the rest is left for when they wait.
asio::awaitable<void> Conversion::copy(ConversionOptions options) {
    for (std::int64_t before = std::numeric_limits<std::int64_t>::max();;) {
        co_await copy_pieces(options);
        std::string count = fmt::format("SELECT count(*) FROM {}", sql_.before().table("changes"));
        const Result changes = co_await ask(std::move(count));
        const std::int64_t noted = changes.integer(0, 0);
        if (noted > before / 2) break;
        for (std::int64_t followed = 0; followed < noted;) {
            std::string notes = fmt::format("catch_up({})", options.piece_rows);
            const Result some = co_await call(std::move(notes), "REPEATABLE READ");
            if (some.integer(0, 0) == 0) break;
            followed += some.integer(0, 0);
        }
        // A table that was emptied meanwhile is copied anew.
        std::string whole =
            fmt::format("SELECT bool_and(is_copied) IS NOT FALSE FROM {}", sql_.before().table("datasets"));
        const Result copied = co_await ask(std::move(whole));
        if (noted < options.piece_rows && copied.boolean(0, 0)) co_return;
        before = copied.boolean(0, 0) ? noted : std::numeric_limits<std::int64_t>::max();
    }
    say("old programs write as fast as their rows are followed; they will wait while the last ones are copied",
        LogLevel::warning);
}

asio::awaitable<void> Conversion::copy_pieces(ConversionOptions options) {
    for (std::int64_t copied = 0;;) {
        std::string piece = fmt::format("copy_piece({})", options.piece_rows);
        const Result rows = co_await call(std::move(piece), "REPEATABLE READ");
        if (rows.is_null(0, 0)) co_return;
        copied += rows.integer(0, 0);
        say(fmt::format("{} rows copied", copied));
    }
}

asio::awaitable<void> Conversion::change_places(ConversionOptions options) {
    constexpr int kMaxTries = 3;
    for (int tries = 1;; ++tries) {
        std::string text = fmt::format("BEGIN; SET LOCAL statement_timeout = 0; SELECT {}.convert({})",
                                       sql_.before().quoted(), options.leave_behind);
        const Result differs = co_await connection_.run_text(std::move(text), deadline_);
        if (differs.is_null(0, 0)) {
            std::string commit = "COMMIT";
            co_await end_with(std::move(commit));
            co_return;
        }
        const std::string dataset = differs.text(0, 0);
        co_await connection_.roll_back(deadline_);
        if (tries == kMaxTries) {
            throw Error(ErrorCode::corrupt,
                        fmt::format("{}: the copied {} are not the old ones, three times; nothing was "
                                    "changed for other programs",
                                    connection_.shown(), dataset));
        }
        say(fmt::format("the copied {} are not the old ones; they are copied again", dataset), LogLevel::warning);
        std::string anew = fmt::format("copy_anew({})", literal(dataset));
        co_await call(std::move(anew));
        co_await copy(options);
    }
}

asio::awaitable<void> Conversion::complete() {
    for (;;) {
        std::string one = "finish_one()";
        const Result done = co_await call(std::move(one));
        if (done.is_null(0, 0)) break;
        say(done.text(0, 0));
    }
    std::string analyze;
    for (const ConvertedTable& table : converted_tables()) {
        analyze += fmt::format("ANALYZE {}; ", sql_.schema().table(table.name));
    }
    analyze += fmt::format("UPDATE {} SET phase = 'converted'", sql_.before().table("state"));
    co_await transact(std::move(analyze));
    report_.phase = "converted";
}

asio::awaitable<void> Conversion::finish() {
    if (!has_changed_places()) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: schema {} keeps no old tables that could be dropped (its conversion: {})",
                                connection_.shown(), sql_.schema().quoted(), report_.phase));
    }
    if (report_.phase == "completing") co_await complete();
    co_await find_kept();
    for (ConversionFinding& finding : report_.findings) {
        finding.outcome = "dropped";
        finding.detail.clear();
    }
    std::string text = fmt::format("SELECT {0}.drop_old(); DROP SCHEMA {0} CASCADE", sql_.before().quoted());
    co_await transact(std::move(text));
    report_.phase = "finished";
}

asio::awaitable<void> Conversion::down(ConversionOptions options) {
    if (report_.phase == "none" || report_.phase == "existing") {
        throw Error(ErrorCode::schema_mismatch, fmt::format("{}: schema {} has no conversion that could be undone",
                                                            connection_.shown(), sql_.schema().quoted()));
    }
    if (!has_changed_places()) {
        co_await stop();
        report_.phase = "existing";
        co_return;
    }
    co_await refuse_sessions(options);
    std::string back = fmt::format("BEGIN; SET LOCAL statement_timeout = 0; SELECT {}.bring_all_back({})",
                                   sql_.before().quoted(), options.leave_behind);
    co_await connection_.run_text(std::move(back), deadline_);
    std::string returned = fmt::format(
        "SELECT r.table_name, coalesce(r.reason, ''), sum(r.rows)::bigint FROM {} AS r GROUP BY 1, 2 HAVING "
        "sum(r.rows) "
        "> 0 ORDER BY 1, 2",
        sql_.before().table("returned"));
    const Result rows = co_await ask(std::move(returned));
    report_.findings.clear();
    for (int row = 0; row < rows.rows(); ++row) {
        const bool came_back = rows.bytes(row, 1).empty();
        add("rows", rows.text(row, 0), came_back ? "brought back" : "left behind", rows.text(row, 1)).rows =
            rows.integer(row, 2);
    }
    std::string text = fmt::format(
        "SELECT {0}.take_everything('prepare_lean'); {1} SELECT {0}.move_old_back(); DROP SCHEMA {0} CASCADE; COMMIT",
        sql_.before().quoted(), sql_.drop_lean());
    co_await end_with(std::move(text));
    report_.phase = "existing";
}

/// Nothing of it has been seen by anybody yet.
asio::awaitable<void> Conversion::stop() {
    std::string text = fmt::format(
        "SELECT {0}.lock_tables('ACCESS EXCLUSIVE', false); SELECT {0}.end_noting(); DROP SCHEMA IF EXISTS {1} "
        "CASCADE; DROP SCHEMA {0} "
        "CASCADE",
        sql_.before().quoted(), sql_.next().quoted());
    co_await transact(std::move(text));
}

asio::awaitable<Result> Conversion::call(std::string function, std::string_view isolation) {
    const std::string begin = fmt::format("BEGIN ISOLATION LEVEL {}", isolation);
    const std::string sql = fmt::format("SELECT {}.{}", sql_.before().quoted(), function);
    const std::array steps{Step{begin}, Step{sql}, Step{"COMMIT"}};
    core::require_time(deadline_);
    std::vector<Result> results = co_await connection_.run(steps, deadline_);
    co_return std::move(results[1]);
}

asio::awaitable<Result> Conversion::ask(std::string sql) {
    const Step step{sql};
    Result result = co_await connection_.run_one(step, deadline_);
    co_return result;
}

asio::awaitable<void> Conversion::transact(std::string text) {
    std::string whole =
        fmt::format("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL search_path = pg_catalog; {}; COMMIT", text);
    co_await end_with(std::move(whole));
}

asio::awaitable<void> Conversion::end_with(std::string text) {
    core::require_time(deadline_);
    std::optional<std::string> doubt;
    try {
        co_await connection_.run_text(std::move(text), deadline_);
    } catch (const StatementError&) {
        throw;
    } catch (const Error& lost) {
        doubt = lost.what();
    }
    if (!doubt) co_return;
    throw Error(
        ErrorCode::in_doubt,
        fmt::format("it is not known whether this step was done (run it again, it goes on from there): {}", *doubt));
}

void Conversion::say(const std::string& text, LogLevel level) const {
    if (config_.log) config_.log(level, text);
}

}  // namespace marketdb::storage::postgres
