#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"
#include "support/sanitized.hpp"

/// A link that breaks, stops or crawls at each message of an operation.
namespace marketdb::testing {
namespace {

/// An operation that is done again and again, each time for another symbol, so that what is stored tells them apart.
struct Conversation {
    std::function<void(DatabaseManager& db, const Symbol& symbol, Deadline deadline)> act;
    std::function<std::string(const PostgresDesk& desk, const Symbol& symbol)> stored;
    std::string nothing;  ///< What `stored` says before, and
    std::string whole;    ///< after it.
    /// From BEGIN to COMMIT it goes in one round trip.
    bool commits_at_once = false;
};

constexpr int kLargeInsertRows = 2'500;

Conversation insert_of(int rows) {
    Conversation insert;
    insert.act = [=](DatabaseManager& db, const Symbol& symbol, Deadline deadline) {
        db.wait(db.insert_book_ticker_snapshots(PostgresDesk::quotes(symbol.id, rows), deadline));
    };
    insert.stored = [](const PostgresDesk& desk, const Symbol& symbol) { return desk.stored_quotes(symbol.id); };
    insert.nothing = "0|0|0";
    const std::string count = std::to_string(rows);
    insert.whole = count + "|" + count + "|" + count;
    insert.commits_at_once = rows < kLargeInsertRows;
    return insert;
}

Conversation insert_of_an_exchange() {
    Conversation insert;
    insert.act = [](DatabaseManager& db, const Symbol& symbol, Deadline deadline) {
        db.wait(db.ensure_exchange(symbol.symbol_base.str() + "_SPOT", deadline));
    };
    insert.stored = [](const PostgresDesk& desk, const Symbol& symbol) {
        return desk.ask("SELECT count(*) FROM exchanges WHERE enum_value = '" + symbol.symbol_base.str() + "_SPOT'");
    };
    insert.nothing = "0";
    insert.whole = "1";
    insert.commits_at_once = true;
    return insert;
}

/// Of eight rows that are there before.
Conversation read_of_a_history() {
    Conversation read;
    read.act = [](DatabaseManager& db, const Symbol&, Deadline deadline) {
        const History<BookTicker> history = db.wait(db.get_book_ticker_history({}, deadline));
        EXPECT_EQ(history.rows.size(), 8U);
    };
    read.stored = [](const PostgresDesk&, const Symbol&) { return std::string(); };
    return read;
}

class PostgresLink : public ::testing::Test {
 protected:
    PostgresLink()
        : desk_(PostgresServer::shared()),
          proxy_(PostgresServer::shared()),
          db_(PostgresDesk::open(desk_.config(proxy_.url(desk_.parameters())))) {}

    /// A symbol that nothing is stored of, and a connection on which everything is prepared.
    Symbol next_symbol(const Conversation& conversation) {
        // Twice, so that also what the second time is done differently has been done once.
        for (int i = 0; i < 2; ++i) {
            const Symbol warm = PostgresDesk::make_symbol(*db_, "WARM" + std::to_string(++symbols_));
            conversation.act(*db_, warm, {});
        }
        return PostgresDesk::make_symbol(*db_, "COLD" + std::to_string(symbols_));
    }

    /// The messages of one operation that succeeds. A deadline that the session does not have already is told to the server,
    /// so the messages differ by it.
    std::vector<SeenMessage> trace(const Conversation& conversation, Deadline deadline) {
        const Symbol symbol = next_symbol(conversation);
        proxy_.forget_messages();
        conversation.act(*db_, symbol, deadline);
        std::vector<SeenMessage> messages = proxy_.messages();
        EXPECT_EQ(conversation.stored(desk_, symbol), conversation.whole);
        return messages;
    }

    /// None: it succeeded.
    std::optional<ErrorCode> code_of(const Conversation& conversation, const Symbol& symbol, Deadline deadline) {
        try {
            conversation.act(*db_, symbol, deadline);
            return std::nullopt;
        } catch (const Error& error) {
            last_error_ = error.what();
            return error.code();
        }
    }

    /// The default one, but for a stall, which ends with it.
    static Deadline deadline_of(FaultAction action, std::chrono::milliseconds stalled) {
        return action == FaultAction::stall ? Deadline::in(stalled) : Deadline{};
    }

    /// The operation, broken by the fault. On a slow machine a short deadline passes before its message comes: then with a
    /// longer one.
    std::optional<ErrorCode> code_of_broken(const Conversation& conversation, const Fault& fault, Symbol& symbol) {
        for (auto stalled = 250ms;; stalled *= 2) {
            symbol = next_symbol(conversation);
            const int before = proxy_.happened();
            proxy_.forget_messages();
            proxy_.inject(fault);
            const auto begin = std::chrono::steady_clock::now();
            const auto code = code_of(conversation, symbol, deadline_of(fault.action, stalled));
            spent_ = std::chrono::steady_clock::now() - begin - stalled;
            if (proxy_.happened() == before + 1) return code;
            proxy_.heal();
            if (fault.action != FaultAction::stall || stalled > 20s) {
                ADD_FAILURE() << "the message did not come";
                return std::nullopt;
            }
        }
    }

    /// Breaks the operation at each `stride`-th of its messages.
    void break_at_each_message(const Conversation& conversation, FaultAction action, std::size_t stride = 1) {
        const std::vector<SeenMessage> steps = trace(conversation, deadline_of(action, 30s));
        ASSERT_GT(steps.size(), 8U);
        int ordinals[2] = {0, 0};
        std::size_t index = 0;
        bool committed = false;
        for (const SeenMessage& step : steps) {
            Fault fault;
            fault.action = action;
            fault.direction = step.direction;
            fault.nth = ++ordinals[static_cast<int>(step.direction)];
            if (index++ % stride == 0) {
                SCOPED_TRACE("message " + std::to_string(index) + " of " + std::to_string(steps.size()) + ": " +
                             std::string(1, step.type) + " " + step.text);
                const bool is_last = index == steps.size();
                break_once(conversation, fault, is_last);
                if (HasFatalFailure()) return;
            }
            committed = committed || is_commit(step);
            // What is read behind a write that is stored is memory's affair, not the caller's.
            if (committed && step.type == 'Z') return;
        }
    }

    /// The server commits when it is told to execute what was prepared.
    static bool is_commit(const SeenMessage& message) { return message.type == 'E' && message.text == "COMMIT"; }

    /// What travels with the COMMIT: how many rows were inserted is asked for in front of it. A cut there leaves in doubt too.
    static bool is_sent_with_commit(const SeenMessage& message) {
        return message.text == "COMMIT" || message.text.find("marketdb.inserted") != std::string::npos;
    }

    /// How far a broken operation had come. What memory knows already makes it a message longer or shorter, so the trace does
    /// not say.
    struct Reached {
        bool commits = false;    ///< The round trip of the COMMIT was sent, or was about to be,
        bool committed = false;  ///< and the server has got it.
    };
    [[nodiscard]] Reached reached(const Conversation& conversation, const Fault& fault) const {
        Reached far;
        int left = fault.nth;
        for (const SeenMessage& message : proxy_.messages()) {
            far.commits = far.commits || is_sent_with_commit(message) ||
                          (conversation.commits_at_once && message.text.starts_with("BEGIN"));
            if (message.direction == fault.direction && --left == 0) break;
            far.committed = far.committed || is_commit(message);
        }
        return far;
    }

    void break_once(const Conversation& conversation, const Fault& fault, bool is_last) {
        Symbol symbol;
        const auto code = code_of_broken(conversation, fault, symbol);
        // Who has read all rows need not know that the end of the answer is missing.
        if (!code && is_last && conversation.whole.empty()) return proxy_.heal();
        ASSERT_TRUE(code) << "the link broke and nobody noticed";
        const bool stalls = fault.action == FaultAction::stall;
        const auto [commits, committed] = reached(conversation, fault);
        const ErrorCode expected = commits ? ErrorCode::in_doubt : stalls ? ErrorCode::timeout : ErrorCode::unavailable;
        EXPECT_EQ(to_string(*code), to_string(expected)) << last_error_;
        EXPECT_LT(spent_, 5s) << "a broken link is noticed at once, a stalled one at the deadline";
        proxy_.heal();
        // What the server has still to do it does now; its sessions end.
        ASSERT_TRUE(wait_until([&] { return proxy_.open_links() == 0 && desk_.sessions() == 0; }));
        const std::string stored = conversation.stored(desk_, symbol);
        if (stalls && commits && !committed) {
            // A link that goes on brings the server the COMMIT after all, but perhaps behind the wish to cancel.
            EXPECT_TRUE(stored == conversation.whole || stored == conversation.nothing) << stored;
        } else {
            EXPECT_EQ(stored, committed ? conversation.whole : conversation.nothing);
        }
        EXPECT_EQ(code_of(conversation, symbol, {}), std::nullopt) << last_error_;
        EXPECT_EQ(conversation.stored(desk_, symbol), conversation.whole) << "each row once, however often it is sent";
    }

    /// Cuts the opening of a schema that has its tables at each `stride`-th message.
    void cut_opening_at_each_message(std::size_t stride) {
        db_->wait(db_->close());
        ASSERT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
        proxy_.forget_messages();
        const Config config = desk_.config(proxy_.url(desk_.parameters()));
        PostgresDesk::open(config).reset();
        ASSERT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
        int ordinals[2] = {0, 0};
        std::size_t index = 0;
        for (const SeenMessage& step : proxy_.messages()) {
            // Of a Terminate nobody learns whether it arrived.
            if (step.type == 'X') continue;
            Fault cut;
            cut.direction = step.direction;
            cut.nth = ++ordinals[static_cast<int>(step.direction)];
            if (index++ % stride != 0) continue;
            SCOPED_TRACE(std::string(1, step.type) + " " + step.text);
            proxy_.inject(cut);
            DatabaseManager manager(config);
            const auto opens = [&] { manager.wait(manager.initialize()); };
            // Who has read all rows need not know that the end of the answer is missing.
            if (step.type == 'Z') {
                try {
                    opens();
                } catch (const Error& error) {
                    EXPECT_EQ(to_string(error.code()), "unavailable");
                }
            } else {
                expect_error(ErrorCode::unavailable, opens);
            }
            proxy_.heal();
            if (!manager.is_initialized()) manager.wait(manager.initialize());
            manager.wait(manager.close());
            ASSERT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
        }
    }

    void crawl(const Conversation& conversation, std::size_t segment) {
        const Symbol symbol = next_symbol(conversation);
        for (const Direction direction : {Direction::to_server, Direction::to_client})
            proxy_.trickle(direction, segment);
        EXPECT_EQ(code_of(conversation, symbol, {}), std::nullopt) << last_error_;
        EXPECT_EQ(conversation.stored(desk_, symbol), conversation.whole);
    }

    PostgresDesk desk_;
    FaultProxy proxy_;
    std::unique_ptr<DatabaseManager> db_;
    int symbols_ = 0;
    std::string last_error_;
    std::chrono::steady_clock::duration spent_{};  ///< By the broken operation, beyond its deadline.
};

class PostgresLinkLong : public PostgresLink {};

TEST_F(PostgresLink, AnInsertThatIsResetAtAnyMessageIsNeverHalfStored) {
    break_at_each_message(insert_of(3), FaultAction::reset);
}

TEST_F(PostgresLink, AnInsertThatIsClosedAtAMessageIsNeverHalfStored) {
    break_at_each_message(insert_of(3), FaultAction::close, 5);
}

TEST_F(PostgresLink, AnInsertThatStallsEndsAtItsDeadline) {
    break_at_each_message(insert_of(3), FaultAction::stall, 7);
}

TEST_F(PostgresLink, ALargeInsertThatIsResetAtAnyMessageIsNeverHalfStored) {
    break_at_each_message(insert_of(kLargeInsertRows), FaultAction::reset);
}

TEST_F(PostgresLink, ALargeInsertThatIsClosedAtAMessageIsNeverHalfStored) {
    break_at_each_message(insert_of(kLargeInsertRows), FaultAction::close, 5);
}

TEST_F(PostgresLink, ALargeInsertThatStallsEndsAtItsDeadline) {
    break_at_each_message(insert_of(kLargeInsertRows), FaultAction::stall, 4);
}

TEST_F(PostgresLink, AnExchangeWhoseInsertBreaksAtAnyMessageIsThereOnceOrNotAtAll) {
    break_at_each_message(insert_of_an_exchange(), FaultAction::reset, kIsSanitized ? 3 : 1);
    break_at_each_message(insert_of_an_exchange(), FaultAction::stall, 9);
}

TEST_F(PostgresLinkLong, EveryWriteIsClosedAtEachMessage) {
    break_at_each_message(insert_of(3), FaultAction::close);
    break_at_each_message(insert_of(kLargeInsertRows), FaultAction::close);
    break_at_each_message(insert_of_an_exchange(), FaultAction::close);
}

TEST_F(PostgresLinkLong, EveryWriteStallsAtEachMessage) {
    break_at_each_message(insert_of(3), FaultAction::stall);
    break_at_each_message(insert_of(kLargeInsertRows), FaultAction::stall);
    break_at_each_message(insert_of_an_exchange(), FaultAction::stall);
}

class PostgresLinkOfAReader : public PostgresLink {
 protected:
    PostgresLinkOfAReader() {
        const Symbol symbol = PostgresDesk::make_symbol(*db_);
        db_->wait(db_->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol.id, 8)));
    }
};

class PostgresLinkOfAReaderLong : public PostgresLinkOfAReader {};

TEST_F(PostgresLinkOfAReader, AHistoryWhoseLinkBreaksAtAnyMessageIsAnErrorAtOnce) {
    break_at_each_message(read_of_a_history(), FaultAction::reset);
    break_at_each_message(read_of_a_history(), FaultAction::close, 3);
}

TEST_F(PostgresLinkOfAReader, AHistoryThatStallsEndsAtItsDeadline) {
    break_at_each_message(read_of_a_history(), FaultAction::stall, 6);
}

TEST_F(PostgresLinkOfAReaderLong, AHistoryIsClosedAndStallsAtEachMessage) {
    break_at_each_message(read_of_a_history(), FaultAction::close);
    break_at_each_message(read_of_a_history(), FaultAction::stall);
}

TEST_F(PostgresLinkOfAReader, InSmallPiecesAHistoryIsTheSame) { crawl(read_of_a_history(), 1); }

TEST_F(PostgresLink, InSmallPiecesAnInsertIsTheSame) { crawl(insert_of(3), 1); }

TEST_F(PostgresLink, InSmallPiecesALargeInsertIsTheSame) { crawl(insert_of(kLargeInsertRows), 100); }

TEST_F(PostgresLink, OpeningThatIsCutAtAMessageFailsAndTheNextSucceeds) { cut_opening_at_each_message(4); }

TEST_F(PostgresLinkLong, OpeningIsCutAtEachMessage) { cut_opening_at_each_message(1); }

}  // namespace
}  // namespace marketdb::testing
