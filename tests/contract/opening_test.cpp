#include <gmock/gmock.h>

#include <fstream>

#include "every_method.hpp"
#include "support/child_process.hpp"

namespace marketdb::testing {
namespace {

namespace fs = std::filesystem;

MARKETDB_CONTRACT_SUITE(Opening);

class OpeningModes : public EngineTest {
 protected:
    [[nodiscard]] Config in_mode(OpenMode mode) const {
        Config settings = config();
        settings.open_mode = mode;
        return settings;
    }
    [[nodiscard]] fs::path file() const { return folder() / "market.db"; }
    void write_file(std::string_view bytes) const { std::ofstream(file(), std::ios::binary) << bytes; }
};

class OpeningShared : public OpeningModes {};
INSTANTIATE_TEST_SUITE_P(On, OpeningShared, ::testing::ValuesIn(shared_engines()), engine_name);

class OpeningFile : public OpeningModes {
 protected:
    [[nodiscard]] std::string read_file() const {
        std::ifstream in(file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    /// What a child process does to the file, so that this process never opens it beside SQLite.
    static void in_child(const std::function<void()>& body) {
        ChildProcess child([&](LineChannel&) {
            body();
            return 0;
        });
        ASSERT_EQ(child.wait(), 0);
    }
};
INSTANTIATE_TEST_SUITE_P(On, OpeningFile, ::testing::ValuesIn([] {
                             std::vector<EngineTarget> targets = all_engines();
                             std::erase_if(targets, [](const EngineTarget& target) { return !target.is_file; });
                             return targets;
                         }()),
                         engine_name);

TEST(SqliteMemory, AUsersOwnTestNeedsFiveLines) {
    DatabaseManager db(Config::from_url("sqlite::memory:"));
    db.wait(db.initialize());
    const Exchange mexc = db.wait(db.ensure_exchange("MEXC_SPOT"));
    EXPECT_EQ(db.wait(db.insert_balance_snapshots({balance(mexc.id, "USDT", kNoon, 5)})).inserted, 1U);
    EXPECT_EQ(db.wait(db.get_latest_balances()).at(0).row.available_balance, 5);
}

TEST(SqliteMemory, TwoManagersHaveTwoDatabases) {
    DatabaseManager first(Config::from_url("sqlite::memory:"));
    DatabaseManager second(Config::from_url("sqlite::memory:"));
    first.wait(first.initialize());
    second.wait(second.initialize());
    static_cast<void>(first.wait(first.ensure_exchange("ALPHA_SPOT")));
    EXPECT_EQ(second.wait(second.get_all_exchanges()).size(), 0U);
}

// --- lifecycle ---------------------------------------------------------------------------------------------------------

TEST_P(Opening, InitializeTwiceAndCloseTwiceDoNothingTheSecondTime) {
    DatabaseManager manager(config());
    EXPECT_FALSE(manager.is_initialized());
    manager.wait(manager.initialize());
    EXPECT_TRUE(manager.is_initialized());
    static_cast<void>(manager.wait(manager.ensure_exchange("ALPHA_SPOT")));
    manager.wait(manager.initialize());
    EXPECT_EQ(manager.wait(manager.get_all_exchanges()).size(), 1U);
    manager.wait(manager.close());
    EXPECT_FALSE(manager.is_initialized());
    manager.wait(manager.close());
}

TEST_P(Opening, EveryMethodOfAManagerThatIsNotInitialisedFailsWithClosed) {
    DatabaseManager manager(config());
    Symbol symbol;
    symbol.id = SymbolId{1};
    symbol.exchange_id = ExchangeId{1};
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";
    for (const MethodCall& method : every_suspending_method(symbol)) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::closed, [&] { method.call(manager); });
    }
    EXPECT_EQ(manager.find_exchange(ExchangeId{1}), nullptr);
    EXPECT_EQ(manager.find_exchange("ALPHA_SPOT"), nullptr);
    EXPECT_EQ(manager.find_symbol(SymbolId{1}), nullptr);
    EXPECT_EQ(manager.find_symbol(ExchangeId{1}, "BTCUSDT"), nullptr);
    EXPECT_FALSE(manager.find_latest_book_ticker(SymbolId{1}).has_value());
}

TEST_P(Opening, EveryMethodOfAClosedManagerFailsWithClosed) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    HistoryReader<BookTicker> reader = db().read_history<BookTicker>();
    db().wait(db().close());
    for (const MethodCall& method : every_suspending_method(symbol)) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::closed, [&] { method.call(db()); });
    }
    for (const MethodCall& method : every_migration_method()) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::closed, [&] { method.call(db()); });
    }
    expect_error(ErrorCode::closed, [&] { static_cast<void>(db().wait(reader.next())); });
    expect_error(ErrorCode::closed, [&] { db().wait(db().initialize()); });
    EXPECT_EQ(db().find_exchange(symbol.exchange_id), nullptr);
    EXPECT_EQ(db().find_symbol(symbol.id), nullptr);
    EXPECT_EQ(db().find_symbol(symbol.exchange_id, "BTC/USDT"), nullptr);
    EXPECT_FALSE(db().find_latest_book_ticker(symbol.id).has_value());
    if (!target().is_shared) return;
    close();
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 1x1 ask 2x2"})) << "nothing of what failed was stored";
    EXPECT_EQ(wait(db().get_all_exchanges()).size(), 1U);
}

TEST_P(Opening, SettingsThatAreOutOfRangeAreRefusedByTheConstructor) {
    Config settings = config();
    settings.max_pending_operations = 0;
    expect_error(ErrorCode::invalid_argument, [&] { const DatabaseManager manager(settings); },
                 {"max_pending_operations"});
    settings = config();
    settings.latest_ttl = -1s;
    expect_error(ErrorCode::invalid_argument, [&] { const DatabaseManager manager(settings); }, {"latest_ttl"});
}

TEST_P(OpeningShared, TheDestructorClosesAndWhatWasStoredStays) {
    SymbolId symbol{};
    {
        const auto manager = open(config());
        Symbol row;
        row.exchange_id = manager->wait(manager->ensure_exchange("ALPHA_SPOT")).id;
        row.symbol_base = "BTC";
        row.symbol_quote = "USDT";
        row.exchange_symbol = "BTCUSDT";
        symbol = manager->wait(manager->ensure_symbol(row)).id;
        static_cast<void>(manager->wait(manager->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)})));
    }
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
}

TEST_P(OpeningShared, TwoDesksWorkOnOneDatabase) {
    const auto first = open(config());
    const auto second = open(config());
    Symbol symbol;
    symbol.exchange_id = first->wait(first->ensure_exchange("ALPHA_SPOT")).id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";
    symbol = first->wait(first->ensure_symbol(symbol));
    EXPECT_EQ(first->wait(first->insert_book_ticker_snapshots({quote(symbol.id, kNoon, 1, 2)})), result(1));
    EXPECT_EQ(second->wait(second->insert_book_ticker_snapshots({quote(symbol.id, kNoon, 1, 2)})), result(0, 0, 1));
    EXPECT_EQ(second->wait(second->insert_book_ticker_snapshots({quote(symbol.id, kNoon + 1s, 3, 4)})), result(1));
    EXPECT_EQ(first->wait(first->get_book_ticker_history()).rows.size(), 2U);
}

// --- open modes --------------------------------------------------------------------------------------------------------

TEST_P(OpeningShared, AnEmptyDatabaseIsFilledOnlyIfTheModeAllowsToCreate) {
    start_empty();
    for (const OpenMode mode : {OpenMode::existing, OpenMode::read_only}) {
        DatabaseManager manager(in_mode(mode));
        EXPECT_THROW(manager.wait(manager.initialize()), Error);
        EXPECT_FALSE(manager.is_initialized());
        EXPECT_EQ(target().tables(folder()), Lines{});
    }
    EXPECT_EQ(wait(db().get_all_exchanges()).size(), 0U);
    EXPECT_THAT(target().tables(folder()), ::testing::Contains("book_ticker_snapshots"));
}

TEST_P(OpeningShared, AfterAFailureInitializeCanBeTriedAgain) {
    start_empty();
    DatabaseManager manager(in_mode(OpenMode::existing));
    EXPECT_THROW(manager.wait(manager.initialize()), Error);
    make_symbol();
    close();
    manager.wait(manager.initialize());
    EXPECT_NE(manager.find_exchange("ALPHA_SPOT"), nullptr);
}

TEST_P(OpeningShared, AReadOnlyManagerReadsEverythingAndWritesNothing) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    static_cast<void>(wait(db().ensure_exchange("NEW_SPOT")));
    Symbol other = symbol;
    other.exchange_id = db().find_exchange("NEW_SPOT")->id;
    static_cast<void>(wait(db().ensure_symbol(other)));
    close();
    const auto reader = open(in_mode(OpenMode::read_only));
    EXPECT_EQ(lines_of(reader->wait(reader->get_book_ticker_history()).rows), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
    for (const MethodCall& method : every_reading_method(symbol)) {
        SCOPED_TRACE(method.name);
        EXPECT_NO_THROW(method.call(*reader));
    }
    for (const MethodCall& method : every_writing_method(symbol)) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::read_only, [&] { method.call(*reader); });
    }
    EXPECT_EQ(reader->wait(reader->get_exchange_by_enum("NEWER_SPOT")), std::nullopt);
    EXPECT_EQ(reader->wait(reader->ensure_exchange("ALPHA_SPOT")).id, symbol.exchange_id)
        << "what is there already needs no write";
    reader->wait(reader->close());
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
}

TEST_P(OpeningShared, TheTablesOfAnotherProgramAreRefusedAndLeftAlone) {
    start_empty();
    target().run_sql(folder(), "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')");
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        Config settings = in_mode(mode);
        settings.migrate = mode != OpenMode::read_only;
        DatabaseManager manager(settings);
        expect_error(ErrorCode::schema_mismatch, [&] { manager.wait(manager.initialize()); },
                     {target().shown(folder())});
    }
    EXPECT_EQ(target().tables(folder()), (Lines{"notes"}));
    EXPECT_EQ(target().query(folder(), "SELECT text FROM notes"), (Lines{"mine"}));
}

TEST_P(OpeningShared, ANewerSchemaIsRefusedWithBothVersionsUnlessItSaysThatReadingIsFine) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    close();
    target().run_sql(folder(), "INSERT INTO schema_migrations SELECT version + 1, 'future', 'x', 7, 8, " +
                                   target().sql_time(kNoon) +
                                   ", 'marketdb 9' FROM schema_migrations ORDER BY version DESC LIMIT 1");
    for (const bool migrate : {false, true}) {
        Config settings = config();
        settings.migrate = migrate;
        DatabaseManager writer(settings);
        expect_error(ErrorCode::schema_mismatch, [&] { writer.wait(writer.initialize()); }, {"8", "7"});
    }
    {
        const auto reader = open(in_mode(OpenMode::read_only));
        EXPECT_EQ(reader->wait(reader->get_book_ticker_history()).rows.size(), 1U);
    }
    target().run_sql(folder(), "UPDATE schema_migrations SET min_reader = version WHERE name = 'future'");
    DatabaseManager reader(in_mode(OpenMode::read_only));
    expect_error(ErrorCode::schema_mismatch, [&] { reader.wait(reader.initialize()); }, {"8", "7"});
}

TEST_P(OpeningShared, AnOlderSchemaIsMigratedOnlyIfTheConfigurationSaysSo) {
    become_owner();
    make_symbol();
    static_cast<void>(wait(db().migrate_down(2)));
    close();
    {
        DatabaseManager manager(config());
        expect_error(ErrorCode::schema_mismatch, [&] { manager.wait(manager.initialize()); }, {"2", "7", "migrate"});
        EXPECT_EQ(manager.wait(manager.migrate_status()).version, 2U) << "nothing was changed";
    }
    Config settings = config();
    settings.migrate = true;
    const auto manager = open(settings);
    EXPECT_EQ(manager->wait(manager->migrate_status()).version, 7U);
    EXPECT_NE(manager->find_exchange("ALPHA_SPOT"), nullptr);
}

TEST_P(OpeningFile, ReadingNeverMakesAFile) {
    for (const OpenMode mode : {OpenMode::existing, OpenMode::read_only}) {
        DatabaseManager manager(in_mode(mode));
        expect_error(ErrorCode::unavailable, [&] { manager.wait(manager.initialize()); }, {"market.db"});
        EXPECT_FALSE(manager.is_initialized());
        EXPECT_TRUE(fs::is_empty(folder()));
    }
}

TEST_P(OpeningFile, AnEmptyFileIsFilledOnlyIfTheModeAllowsToCreate) {
    write_file("");
    for (const OpenMode mode : {OpenMode::existing, OpenMode::read_only}) {
        DatabaseManager manager(in_mode(mode));
        EXPECT_THROW(manager.wait(manager.initialize()), Error);
        EXPECT_EQ(fs::file_size(file()), 0U);
    }
    EXPECT_EQ(wait(db().get_all_exchanges()).size(), 0U);
}

TEST_P(OpeningFile, TheFolderMustExist) {
    Config settings = Config::from_url("sqlite:" + (folder() / "nowhere" / "market.db").string());
    DatabaseManager manager(settings);
    expect_error(ErrorCode::unavailable, [&] { manager.wait(manager.initialize()); }, {"nowhere"});
    EXPECT_TRUE(fs::is_empty(folder()));
}

TEST_P(OpeningFile, AFolderIsNoDatabase) {
    fs::create_directory(file());
    DatabaseManager manager(config());
    EXPECT_THROW(manager.wait(manager.initialize()), Error);
    EXPECT_TRUE(fs::is_empty(file()));
}

TEST_P(OpeningFile, AFileThatIsNoDatabaseIsCorruptAndStaysAsItIs) {
    const std::string text = "exchange,symbol,timestamp\n" + std::string(5000, 'x');
    write_file(text);
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        DatabaseManager manager(in_mode(mode));
        expect_error(ErrorCode::corrupt, [&] { manager.wait(manager.initialize()); }, {"market.db"});
        EXPECT_EQ(read_file(), text);
    }
}

TEST_P(OpeningFile, ATruncatedDatabaseIsAnErrorAndNotAnEmptyAnswer) {
    const Symbol symbol = make_symbol();
    std::vector<BookTicker> rows;
    for (int i = 0; i < 5000; ++i) rows.push_back(quote(symbol.id, kNoon + i * 1s, 1, 2));
    store(rows);
    close();
    const auto size = fs::file_size(file());
    ASSERT_GT(size, 100'000U);
    for (const std::uintmax_t kept :
         {size / 2 / 4096 * 4096, std::uintmax_t{4096}, std::uintmax_t{1000}, std::uintmax_t{50}}) {
        SCOPED_TRACE(kept);
        in_child([&] { fs::resize_file(file(), kept); });
        const auto use = [&] {
            DatabaseManager manager(in_mode(OpenMode::existing));
            manager.wait(manager.initialize());
            static_cast<void>(manager.wait(manager.get_book_ticker_history()));
        };
        try {
            use();
            ADD_FAILURE() << "a truncated file was read without an error";
        } catch (const Error& error) {
            EXPECT_EQ(to_string(error.code()), "corrupt") << error.what();
        }
    }
}

// --- migrations --------------------------------------------------------------------------------------------------------

TEST_P(Opening, StatusAndPlanOfACurrentSchema) {
    const MigrationStatus status = wait(db().migrate_status());
    EXPECT_TRUE(status.exists);
    EXPECT_EQ(status.version, status.newest);
    ASSERT_EQ(status.steps.size(), status.newest);
    for (const MigrationStep& step : status.steps) {
        EXPECT_TRUE(step.applied) << step.version;
        EXPECT_TRUE(is_present(step.applied_at));
        EXPECT_FALSE(step.name.empty());
        const bool is_for_one_engine = step.version == 4;
        EXPECT_TRUE(is_for_one_engine || !step.statements.empty()) << step.name;
    }
    EXPECT_TRUE(wait(db().migrate_plan()).empty());
    EXPECT_TRUE(wait(db().migrate_up()).empty());
}

TEST_P(OpeningShared, StatusAndPlanWorkBeforeInitializeAndMakeNothing) {
    start_empty();
    DatabaseManager manager(config());
    const MigrationStatus status = manager.wait(manager.migrate_status());
    EXPECT_FALSE(status.exists);
    EXPECT_EQ(status.version, 0U);
    EXPECT_GT(status.newest, 0U);
    const std::vector<MigrationStep> plan = manager.wait(manager.migrate_plan());
    EXPECT_EQ(plan.size(), status.newest);
    EXPECT_FALSE(plan.at(0).statements.empty());
    EXPECT_EQ(target().tables(folder()), Lines{});
    EXPECT_TRUE(fs::is_empty(folder())) << "looking makes no file";
}

TEST_P(OpeningShared, UpRunsWhatThePlanSaysAndASecondTimeNothing) {
    start_empty();
    if (target().is_file) write_file("");
    DatabaseManager manager(config());
    const std::size_t planned = manager.wait(manager.migrate_plan()).size();
    EXPECT_EQ(manager.wait(manager.migrate_up()).size(), planned);
    EXPECT_EQ(manager.wait(manager.migrate_up()).size(), 0U);
    manager.wait(manager.initialize());
    EXPECT_EQ(manager.wait(manager.get_database_stats()).schema_version, planned);
}

TEST_P(OpeningShared, DownUndoesStepsAndUpBringsThemBack) {
    become_owner();
    make_symbol();
    const std::vector<MigrationStep> undone = wait(db().migrate_down(1));
    ASSERT_EQ(undone.size(), 6U);
    EXPECT_EQ(undone[0].version, 7U) << "newest first";
    EXPECT_EQ(undone[5].version, 2U);
    close();
    DatabaseManager manager(config());
    EXPECT_EQ(manager.wait(manager.migrate_status()).version, 1U);
    EXPECT_EQ(manager.wait(manager.migrate_up()).size(), 6U);
    manager.wait(manager.initialize());
    EXPECT_NE(manager.find_exchange("ALPHA_SPOT"), nullptr) << "what stayed is still there";
}

TEST_P(OpeningShared, DownRefusesToDropATableWithRowsAndChangesNothing) {
    become_owner();
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().migrate_down(0))); },
                 {"book_ticker_snapshots"});
    EXPECT_EQ(wait(db().migrate_status()).version, wait(db().migrate_status()).newest);
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
}

// --- a database that dies under an open manager ------------------------------------------------------------------------

TEST_P(OpeningFile, EveryMethodOnAFileThatWasRemovedFailsAndNeverAnswersEmpty) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    for (const auto& entry : fs::directory_iterator(folder())) fs::remove(entry.path());
    for (const MethodCall& method : every_reading_method(symbol)) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::unavailable, [&] { method.call(db()); });
    }
    for (const MethodCall& method : every_writing_method(symbol)) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::unavailable, [&] { method.call(db()); });
    }
    for (const MethodCall& method : every_migration_method()) {
        SCOPED_TRACE(method.name);
        expect_error(ErrorCode::unavailable, [&] { method.call(db()); });
    }
    // What is in memory is answered from there, and is not empty.
    EXPECT_EQ(wait(db().get_all_exchanges()).size(), 1U);
    EXPECT_EQ(wait(db().get_symbols_by_exchange(symbol.exchange_id)).size(), 1U);
}

TEST_P(OpeningFile, AFileThatWasReplacedIsNoticed) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    fs::rename(file(), folder() / "old.db");
    in_child([&] { write_file(std::string(8192, '\0')); });
    expect_error(ErrorCode::unavailable, [&] { store(quote(symbol.id, kNoon + 1s, 1, 2)); }, {"market.db"});
    expect_error(ErrorCode::unavailable, [&] { static_cast<void>(stored_quotes()); }, {"market.db"});
}

TEST_P(OpeningFile, EveryReadOfAFileThatWasOverwrittenFailsAndNeverAnswersEmpty) {
    const Symbol symbol = make_symbol();
    std::vector<BookTicker> rows;
    for (int i = 0; i < 20'000; ++i) rows.push_back(quote(symbol.id, kNoon + i * 1s, 1, 2));
    store(rows);
    close();
    ASSERT_EQ(wait(db().get_all_exchanges()).size(), 1U) << "open again, and nothing read of the rows yet";
    in_child([&] {
        const auto size = fs::file_size(file());
        std::fstream out(file(), std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(4096);
        const std::string junk(size - 4096, '\x5a');
        out << junk;
    });
    HistoryFilter all;
    expect_error(ErrorCode::corrupt, [&] { static_cast<void>(wait(db().get_book_ticker_history(all))); });
    LatestFilter ask;
    ask.max_cache_age = 0us;
    EXPECT_THROW(static_cast<void>(wait(db().get_latest_book_tickers(ask))), Error);
    EXPECT_THROW(store(quote(symbol.id, kNoon - 1s, 1, 2)), Error);
}

}  // namespace
}  // namespace marketdb::testing
