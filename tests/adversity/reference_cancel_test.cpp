#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "adversity/steps.hpp"
#include "support/existing_schema.hpp"

/// Exchanges and symbols whose making is cancelled wherever it waits.
namespace marketdb::testing {
namespace {

/// `B`, `C`, .. `BA`: older programs' tables want letters.
std::string letters(int number) {
    std::string text;
    for (; number > 0; number /= 26) text.insert(text.begin(), static_cast<char>('A' + number % 26));
    return text;
}

Exchange exchange_named(const std::string& name) {
    Exchange exchange;
    exchange.enum_value = name + "_SPOT";
    exchange.exchange_name = name;
    exchange.market_type = MarketType::spot;
    return exchange;
}

Symbol symbol_named(ExchangeId exchange, const std::string& name) {
    Symbol symbol;
    symbol.exchange_id = exchange;
    symbol.symbol_base = name;
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = name + "USDT";
    return symbol;
}

/// What is cancelled: it makes one exchange, or one symbol, of a name.
struct Victim {
    const char* name;
    std::function<asio::awaitable<void>(DatabaseManager& db, const std::string& name)> insert;
    std::function<asio::awaitable<void>(DatabaseManager& db, const std::string& name)> ensure;
    std::string rows;  ///< What its rows are called by, before the name.
};

const std::vector<Victim>& victims() {
    const auto insert_exchange = [](DatabaseManager& db, const std::string& name) {
        return ignoring(db.insert_exchange(exchange_named(name)));
    };
    const auto ensure_exchange = [](DatabaseManager& db, const std::string& name) {
        return ignoring(db.ensure_exchange(name + "_SPOT"));
    };
    const auto insert_symbol = [](DatabaseManager& db, const std::string& name) {
        return ignoring(db.insert_symbol(symbol_named(ExchangeId{1}, name)));
    };
    const auto ensure_symbol = [](DatabaseManager& db, const std::string& name) {
        return ignoring(db.ensure_symbol(symbol_named(ExchangeId{1}, name)));
    };
    const std::string exchanges = "exchanges WHERE exchange_name = '";
    const std::string symbols = "symbols WHERE symbol_base = '";
    static const std::vector<Victim> all{
        {"insert_exchange", insert_exchange, ensure_exchange, exchanges},
        {"ensure_exchange", ensure_exchange, ensure_exchange, exchanges},
        {"insert_symbol", insert_symbol, ensure_symbol, symbols},
        {"ensure_symbol", ensure_symbol, ensure_symbol, symbols},
    };
    return all;
}

/// On marketdb's own schema, and on the tables of older programs.
class PostgresReferenceCancel : public ::testing::TestWithParam<std::string_view> {
 protected:
    PostgresReferenceCancel() {
        if (GetParam() == "existing") {
            existing_ = std::make_unique<ExistingSchema>(std::vector<std::string>{"complete"});
        } else {
            lean_ = std::make_unique<PostgresDesk>(PostgresServer::shared());
        }
        setup_ = PostgresDesk::open(config());
        setup_->wait(setup_->ensure_exchange("ALPHA_SPOT"));
    }

    Config config() {
        Config settings = existing_ ? existing_->config() : lean_->config();
        settings.poll_interval = std::chrono::hours(1);
        settings.postgres.pool_max_size = 2;
        return settings;
    }
    std::string ask(const std::string& sql) { return existing_ ? existing_->value(sql) : lean_->ask(sql); }

    void cancel(const Victim& victim, Wish wish) {
        SCOPED_TRACE(victim.name);
        Steps steps;
        DatabaseManager db(config(), steps.managers().get_executor());
        steps.run(db.initialize());
        const auto next = [&] {
            const std::string name = letters(++names_);
            Attempt attempt;
            attempt.act = [&db, &victim, name] { return victim.insert(db, name); };
            attempt.again = [&db, &victim, name] { return victim.ensure(db, name); };
            attempt.check = [this, &victim, name](bool is_there) {
                EXPECT_EQ(ask("SELECT count(*) FROM " + victim.rows + name + "'"), is_there ? "1" : "0");
            };
            return attempt;
        };
        cancel_at_each_step(steps, db, wish, next, delays_, 0);
        steps.run(db.close());
    }

    std::unique_ptr<PostgresDesk> lean_;
    std::unique_ptr<ExistingSchema> existing_;
    std::unique_ptr<DatabaseManager> setup_;
    std::vector<Clock::duration> delays_;
    int names_ = 0;
};

TEST_P(PostgresReferenceCancel, ExchangesAndSymbolsAreMadeOrNotWhereverThatIsCancelled) {
    for (const Victim& victim : victims()) {
        cancel(victim, {true, asio::cancellation_type::terminal});
        if (HasFatalFailure()) return;
    }
    check_delays(delays_);
}

class PostgresReferenceCancelLong : public PostgresReferenceCancel {};

TEST_P(PostgresReferenceCancelLong, ExchangesAndSymbolsInTheOtherWays) {
    for (const Victim& victim : victims()) {
        cancel(victim, {true, asio::cancellation_type::total});
        cancel(victim, {false, asio::cancellation_type::terminal});
        cancel(victim, {false, asio::cancellation_type::total});
        if (HasFatalFailure()) return;
    }
    check_delays(delays_);
}

std::string schema_name(const ::testing::TestParamInfo<std::string_view>& tested) { return std::string(tested.param); }

INSTANTIATE_TEST_SUITE_P(Schema, PostgresReferenceCancel, ::testing::Values("lean", "existing"), schema_name);
INSTANTIATE_TEST_SUITE_P(Schema, PostgresReferenceCancelLong, ::testing::Values("lean", "existing"), schema_name);

}  // namespace
}  // namespace marketdb::testing
