#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <marketdb/config.hpp>
#include <marketdb/error.hpp>
#include <marketdb/models.hpp>

#include "storage/sqlite/database.hpp"
#include "storage/table.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"
#include "support/temporary_folder.hpp"
#include "support/walkable_clock.hpp"

namespace marketdb::testing {

/// Collects rows; wants no more than `most`.
template <class Row>
class VectorSink final : public storage::RowSink {
 public:
    explicit VectorSink(std::vector<Row>& rows, std::size_t most = SIZE_MAX) : rows_(rows), most_(most) {}
    std::byte* slot() override {
        row_ = Row{};
        return reinterpret_cast<std::byte*>(&row_);
    }
    bool commit() override {
        rows_.push_back(row_);
        return rows_.size() < most_;
    }

 private:
    std::vector<Row>& rows_;
    std::size_t most_;
    Row row_;
};

/// The database file as another program sees it: SQLite's own library, nothing of ours.
class ForeignConnection {
 public:
    explicit ForeignConnection(const std::filesystem::path& file,
                               int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {
        if (sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr) != SQLITE_OK)
            throw std::runtime_error(file.string());
        // Never fold the log back on the side: marketdb does that.
        sqlite3_wal_autocheckpoint(handle_, 0);
        sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    ~ForeignConnection() { sqlite3_close_v2(handle_); }
    ForeignConnection(const ForeignConnection&) = delete;
    ForeignConnection& operator=(const ForeignConnection&) = delete;

    void execute(const std::string& sql) {
        if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
        }
    }
    /// All values, row by row, `|` between columns and `;` between rows; null is `-`.
    std::string query(const std::string& sql) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
        }
        std::string text;
        while (sqlite3_step(statement) == SQLITE_ROW) {
            if (!text.empty()) text += ';';
            for (int i = 0; i < sqlite3_column_count(statement); ++i) {
                const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
                text += (i == 0 ? "" : "|") + std::string(value == nullptr ? "-" : value);
            }
        }
        const int code = sqlite3_finalize(statement);
        if (code != SQLITE_OK) throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
        return text;
    }
    [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }

 private:
    sqlite3* handle_ = nullptr;
};

/// A database of its own, not opened yet.
class SqliteTest : public ::testing::Test {
 public:
    using Control = storage::sqlite::Control;

    [[nodiscard]] std::filesystem::path file() const { return folder_ / "market.db"; }
    [[nodiscard]] Config config(OpenMode mode = OpenMode::create) const {
        Config settings;
        settings.sqlite_path = file().string();
        settings.open_mode = mode;
        settings.clock = clock_;
        settings.program = "unit test";
        settings.busy_timeout = std::chrono::milliseconds(200);
        return settings;
    }
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& each : std::filesystem::directory_iterator(folder_.path()))
            names.push_back(each.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }

 protected:
    TemporaryFolder folder_;
    std::shared_ptr<WalkableClock> clock_ = std::make_shared<WalkableClock>();
};

inline constexpr SymbolId kBtc{1};
inline constexpr SymbolId kEth{2};

/// An open database with one exchange (id 1) and symbols 1, 2, 3 on it. Synchronous: no threads.
class StoreTest : public SqliteTest {
 public:
    StoreTest() { open(); }

    void open(OpenMode mode = OpenMode::create) {
        config_ = config(mode);
        database_ = std::make_unique<storage::sqlite::Database>(config_);
        database_->open(forever_);
        if (mode == OpenMode::create && count("exchanges") == 0) add_reference();
    }
    void close() { database_.reset(); }

    void add_reference() {
        Exchange exchange;
        exchange.enum_value = "ALPHA_SPOT";
        exchange.exchange_name = "ALPHA";
        exchange.market_type = MarketType::spot;
        insert(exchange);
        for (const char* base : {"BTC", "ETH", "SOL"}) insert(symbol(base));
    }
    static Symbol symbol(const std::string& base) {
        Symbol made;
        made.exchange_id = ExchangeId{1};
        made.symbol_type = MarketType::spot;
        made.contract_type = ContractType::spot;
        made.quantity_unit = QuantityUnit::base;
        made.symbol_base = base;
        made.symbol_quote = "USDT";
        made.exchange_symbol = base + "USDT";
        return made;
    }
    template <class Row>
    void insert(Row& row) {
        database_->insert_one(storage::table_of<Row>(), reinterpret_cast<std::byte*>(&row), forever_);
    }
    template <class Row>
    void insert(Row&& row) {
        Row copy = row;
        insert(copy);
    }
    /// As the manager does: prepared, sorted, folded.
    template <class Row>
    WriteResult write(std::vector<Row> rows) {
        storage::RowSpan span = storage::as_rows(rows);
        span.count = storage::prepare_batch(span);
        return database_->write(span, forever_);
    }
    template <class Row>
    WriteResult write(const Row& row) {
        return write(std::vector<Row>{row});
    }
    template <class Row>
    std::vector<Row> scan(storage::ScanRequest request = {}, std::size_t most = SIZE_MAX) {
        std::vector<Row> rows;
        VectorSink<Row> sink(rows, most);
        request.table = &storage::table_of<Row>();
        database_->store().scan(request, sink, forever_, database_->ticket());
        return rows;
    }
    std::int64_t count(const std::string& table) {
        return database_->connection().query_integer("SELECT count(*) FROM " + table);
    }
    std::string query(const std::string& sql) { return ForeignConnection(file(), SQLITE_OPEN_READWRITE).query(sql); }
    static storage::SeriesKey series(std::int32_t id) {
        storage::SeriesKey key;
        key.id = id;
        return key;
    }

 protected:
    Config config_;
    Control forever_{Deadline::never()};
    std::unique_ptr<storage::sqlite::Database> database_;
};

/// Runs one coroutine to its end on an `io_context` of its own.
template <class T>
T run(boost::asio::awaitable<T> operation) {
    boost::asio::io_context context;
    auto result = boost::asio::co_spawn(context, std::move(operation), boost::asio::use_future);
    context.run();
    return result.get();
}

}  // namespace marketdb::testing
