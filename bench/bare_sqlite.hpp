#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <marketdb/marketdb.hpp>

/// The ceiling: the loops that a C programmer would write, with marketdb's pragmas, SQL, transactions and log handling.
namespace marketdb::bench {

class BareDatabase {
 public:
    explicit BareDatabase(const std::filesystem::path& file) {
        require(sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr), "open");
        for (const char* pragma : {"wal_autocheckpoint = 0", "trusted_schema = OFF", "cell_size_check = ON",
                                   "mmap_size = 0", "secure_delete = OFF", "cache_size = -8192", "temp_store = MEMORY",
                                   "synchronous = FULL", "foreign_keys = ON"}) {
            run(std::string("PRAGMA ") + pragma);
        }
        sqlite3_wal_hook(handle_, &BareDatabase::note_log, this);
        insert_ = prepare(
            R"(INSERT INTO "book_ticker_snapshots" ("symbol_id", "timestamp", "sequence", "received_at", "bid_price", )"
            R"("bid_qty", "ask_price", "ask_qty", "source_id") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) )"
            "ON CONFLICT DO NOTHING");
        count_ = prepare(
            "INSERT INTO series (dataset, series_id, account, asset_name, rows, first_timestamp, last_timestamp, "
            "min_skew, "
            "max_skew) VALUES ('book-tickers', ?1, '', '', ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET "
            "rows = rows + excluded.rows, first_timestamp = min(first_timestamp, excluded.first_timestamp), "
            "last_timestamp = max(last_timestamp, excluded.last_timestamp), "
            "min_skew = min(coalesce(min_skew, excluded.min_skew), coalesce(excluded.min_skew, min_skew)), "
            "max_skew = max(coalesce(max_skew, excluded.max_skew), coalesce(excluded.max_skew, max_skew))");
        select_ = prepare(
            R"(SELECT "symbol_id", "timestamp", "sequence", "received_at", "bid_price", "bid_qty", "ask_price", "ask_qty", )"
            R"("source_id" FROM "book_ticker_snapshots" WHERE "symbol_id" = ?1 ORDER BY "timestamp", "sequence")");
        begin_ = prepare("BEGIN IMMEDIATE");
        commit_ = prepare("COMMIT");
    }
    ~BareDatabase() {
        for (sqlite3_stmt* statement : {insert_, count_, select_, begin_, commit_}) sqlite3_finalize(statement);
        sqlite3_close(handle_);
    }
    BareDatabase(const BareDatabase&) = delete;
    BareDatabase& operator=(const BareDatabase&) = delete;

    /// One transaction. The rows are in key order.
    void insert(std::span<const BookTicker> rows, bool with_series) {
        step(begin_);
        for (const BookTicker& row : rows) insert_row(row);
        if (with_series) count_series(rows);
        step(commit_);
        fold_log_back();
    }

    /// All rows of a symbol, in order.
    std::vector<BookTicker> history(SymbolId symbol) {
        std::vector<BookTicker> rows;
        sqlite3_bind_int64(select_, 1, static_cast<std::int32_t>(symbol));
        while (sqlite3_step(select_) == SQLITE_ROW) rows.push_back(row_of(select_));
        sqlite3_reset(select_);
        return rows;
    }

    void run(const std::string& sql) {
        require(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr), sql.c_str());
    }

    std::int64_t number(const std::string& sql) {
        sqlite3_stmt* statement = prepare(sql.c_str());
        sqlite3_step(statement);
        const std::int64_t value = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return value;
    }

 private:
    /// Four MiB, as `Config::wal_checkpoint_bytes`; a page in the log is 4,096 bytes and a header of 24.
    static constexpr int kLogPages = (4 << 20) / (4096 + 24);

    static int note_log(void* self, sqlite3*, const char*, int pages) {
        static_cast<BareDatabase*>(self)->log_pages_ = pages;
        return SQLITE_OK;
    }

    void fold_log_back() {
        if (log_pages_ <= kLogPages) return;
        require(sqlite3_wal_checkpoint_v2(handle_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr), "checkpoint");
        log_pages_ = 0;
    }

    static std::int64_t count_of(Timestamp time) { return time.time_since_epoch().count(); }

    void insert_row(const BookTicker& row) {
        sqlite3_bind_int(insert_, 1, static_cast<std::int32_t>(row.symbol_id));
        sqlite3_bind_int64(insert_, 2, count_of(row.timestamp));
        sqlite3_bind_int64(insert_, 3, row.sequence);
        if (is_present(row.received_at)) {
            sqlite3_bind_int64(insert_, 4, count_of(row.received_at));
        } else {
            sqlite3_bind_null(insert_, 4);
        }
        sqlite3_bind_double(insert_, 5, row.bid_price);
        sqlite3_bind_double(insert_, 6, row.bid_qty);
        sqlite3_bind_double(insert_, 7, row.ask_price);
        sqlite3_bind_double(insert_, 8, row.ask_qty);
        sqlite3_bind_int(insert_, 9, static_cast<std::int32_t>(row.source_id));
        step(insert_);
    }

    void count_series(std::span<const BookTicker> rows) {
        for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
            std::int64_t least = std::numeric_limits<std::int64_t>::max();
            std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
            for (; end < rows.size() && rows[end].symbol_id == rows[begin].symbol_id; ++end) {
                const std::int64_t skew = count_of(rows[end].received_at) - count_of(rows[end].timestamp);
                least = std::min(least, skew);
                greatest = std::max(greatest, skew);
            }
            sqlite3_bind_int(count_, 1, static_cast<std::int32_t>(rows[begin].symbol_id));
            sqlite3_bind_int64(count_, 2, static_cast<std::int64_t>(end - begin));
            sqlite3_bind_int64(count_, 3, count_of(rows[begin].timestamp));
            sqlite3_bind_int64(count_, 4, count_of(rows[end - 1].timestamp));
            sqlite3_bind_int64(count_, 5, least);
            sqlite3_bind_int64(count_, 6, greatest);
            step(count_);
        }
    }

    static BookTicker row_of(sqlite3_stmt* statement) {
        const auto number_or_none = [statement](int column) {
            const double value = sqlite3_column_double(statement, column);
            return value == 0 && sqlite3_column_type(statement, column) == SQLITE_NULL ? kNoNumber : value;
        };
        BookTicker row;
        row.symbol_id = SymbolId{sqlite3_column_int(statement, 0)};
        row.timestamp = Timestamp(std::chrono::microseconds(sqlite3_column_int64(statement, 1)));
        row.sequence = sqlite3_column_int64(statement, 2);
        if (sqlite3_column_type(statement, 3) != SQLITE_NULL) {
            row.received_at = Timestamp(std::chrono::microseconds(sqlite3_column_int64(statement, 3)));
        }
        row.bid_price = number_or_none(4);
        row.bid_qty = number_or_none(5);
        row.ask_price = number_or_none(6);
        row.ask_qty = number_or_none(7);
        row.source_id = SourceId{sqlite3_column_int(statement, 8)};
        return row;
    }

    sqlite3_stmt* prepare(const char* sql) {
        sqlite3_stmt* statement = nullptr;
        require(sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr), sql);
        return statement;
    }

    void step(sqlite3_stmt* statement) {
        const int code = sqlite3_step(statement);
        sqlite3_reset(statement);
        if (code != SQLITE_DONE) require(code, sqlite3_sql(statement));
    }

    void require(int code, const char* doing) const {
        if (code == SQLITE_OK) return;
        throw std::runtime_error(std::string(doing) + ": " + sqlite3_errmsg(handle_));
    }

    sqlite3* handle_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
    sqlite3_stmt* count_ = nullptr;
    sqlite3_stmt* select_ = nullptr;
    sqlite3_stmt* begin_ = nullptr;
    sqlite3_stmt* commit_ = nullptr;
    int log_pages_ = 0;
};

}  // namespace marketdb::bench
