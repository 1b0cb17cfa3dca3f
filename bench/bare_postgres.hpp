#pragma once

#include <libpq-fe.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/marketdb.hpp>

/// The ceiling: what a C programmer would write with blocking libpq and the binary format, for this one table.
namespace marketdb::bench {

/// Bytes in network order, appended. Times are microseconds since 2000-01-01.
class BareBytes {
 public:
    void int16(std::int16_t value) { append(__builtin_bswap16(static_cast<std::uint16_t>(value))); }
    void int32(std::int32_t value) { append(__builtin_bswap32(static_cast<std::uint32_t>(value))); }
    void int64(std::int64_t value) { append(__builtin_bswap64(static_cast<std::uint64_t>(value))); }
    void byte(char value) { append(value); }
    void float64(double value) { int64(static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(value))); }

    void int4_field(std::int32_t value) {
        int32(4);
        int32(value);
    }
    void int8_field(std::int64_t value) {
        int32(8);
        int64(value);
    }
    void time_field(Timestamp time) {
        if (!is_present(time)) return int32(-1);
        int8_field(time.time_since_epoch().count() - kEpoch);
    }
    void float8_field(double value) {
        if (!is_present(value)) return int32(-1);
        int32(8);
        float64(value);
    }

    void room_for(std::size_t bytes) {
        if (bytes_.size() < size_ + bytes) bytes_.resize(2 * (size_ + bytes));
    }
    void clear() { size_ = 0; }
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

    static constexpr std::int64_t kEpoch = 946'684'800'000'000;

 private:
    template <class Value>
    void append(Value value) {
        std::memcpy(bytes_.data() + size_, &value, sizeof value);
        size_ += sizeof value;
    }

    std::vector<char> bytes_;
    std::size_t size_ = 0;
};

/// Values out of bytes in network order.
struct BareReader {
    const char* at;

    std::int16_t int16() { return static_cast<std::int16_t>(__builtin_bswap16(take<std::uint16_t>())); }
    std::int32_t int32() { return static_cast<std::int32_t>(__builtin_bswap32(take<std::uint32_t>())); }
    std::int64_t int64() { return static_cast<std::int64_t>(__builtin_bswap64(take<std::uint64_t>())); }
    Timestamp time() { return Timestamp(std::chrono::microseconds(int64() + BareBytes::kEpoch)); }
    double float64() { return std::bit_cast<double>(int64()); }

    // With their length in front.
    std::int32_t int4_field() { return int32() < 0 ? 0 : int32(); }
    std::int64_t int8_field() { return int32() < 0 ? 0 : int64(); }
    Timestamp time_field() { return int32() < 0 ? kNoTime : time(); }
    double float8_field() { return int32() < 0 ? kNoNumber : float64(); }

 private:
    template <class Value>
    Value take() {
        Value value;
        std::memcpy(&value, at, sizeof value);
        at += sizeof value;
        return value;
    }
};

/// The fields of a book ticker as COPY has them, behind their count.
inline BookTicker read_book_ticker(BareReader from) {
    BookTicker row;
    row.symbol_id = SymbolId{from.int4_field()};
    row.timestamp = from.time_field();
    row.sequence = from.int8_field();
    row.received_at = from.time_field();
    row.bid_price = from.float8_field();
    row.bid_qty = from.float8_field();
    row.ask_price = from.float8_field();
    row.ask_qty = from.float8_field();
    row.source_id = SourceId{from.int4_field()};
    return row;
}

class BarePostgres {
 public:
    BarePostgres(const std::string& url, const std::string& schema) : link_(PQconnectdb(url.c_str())) {
        if (PQstatus(link_) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(link_));
        PQsetNoticeReceiver(
            link_, [](void*, const PGresult*) {}, nullptr);
        run("SET jit = off; SET TimeZone = 'UTC'; CREATE SCHEMA IF NOT EXISTS " + schema +
            "; SET search_path = " + schema);
    }
    ~BarePostgres() { PQfinish(link_); }
    BarePostgres(const BarePostgres&) = delete;
    BarePostgres& operator=(const BarePostgres&) = delete;

    void run(const std::string& sql) { require(PQexec(link_, sql.c_str())); }

    std::int64_t number(const std::string& sql) {
        const Result result = require(PQexec(link_, sql.c_str()));
        return std::stoll(PQgetvalue(result.get(), 0, 0));
    }

    std::size_t number_of_rows(const std::string& sql) { return static_cast<std::size_t>(PQntuples(query(sql).get())); }

    /// One transaction with a binary COPY into the table, and a statement behind it.
    void copy_in(std::span<const BookTicker> rows, const char* table = "book_ticker_snapshots",
                 const std::string& then = {}) {
        run("BEGIN");
        const std::string copy = std::string("COPY ") + table + kCopyColumns;
        require(PQexec(link_, copy.c_str()), PGRES_COPY_IN);
        bytes_.clear();
        bytes_.room_for(kHeader.size());
        put(kHeader);
        for (const BookTicker& row : rows) {
            if (bytes_.view().size() > kPiece) send_piece();
            append_row(row);
        }
        bytes_.room_for(2);
        bytes_.int16(-1);
        send_piece();
        if (PQputCopyEnd(link_, nullptr) != 1) throw std::runtime_error(PQerrorMessage(link_));
        const Result done = require(PQgetResult(link_));
        if (std::to_string(rows.size()) != PQcmdTuples(done.get())) throw std::runtime_error("rows were lost");
        PQclear(PQgetResult(link_));
        if (!then.empty()) run(then);
        run("COMMIT");
    }

    /// Makes ready for `upsert`: marketdb's own array statement, whose time bounds are those of the one partition.
    void prepare_upsert(const std::string& sql) { require(PQprepare(link_, "upsert", sql.c_str(), 0, nullptr)); }

    /// One statement, which is a transaction of its own. Returns how many rows were written.
    std::int64_t upsert(std::span<const BookTicker> rows) {
        begin_arrays(rows.size());
        add_array(kInt4, 4, rows, [&](const BookTicker& r) { bytes_.int32(static_cast<std::int32_t>(r.symbol_id)); });
        add_array(kTime, 8, rows, [&](const BookTicker& r) { put_time(r.timestamp); });
        add_array(kInt8, 8, rows, [&](const BookTicker& r) { bytes_.int64(r.sequence); });
        add_array(kTime, 8, rows, [&](const BookTicker& r) { put_time(r.received_at); });
        add_array(kFloat8, 8, rows, [&](const BookTicker& r) { bytes_.float64(r.bid_price); });
        add_array(kFloat8, 8, rows, [&](const BookTicker& r) { bytes_.float64(r.bid_qty); });
        add_array(kFloat8, 8, rows, [&](const BookTicker& r) { bytes_.float64(r.ask_price); });
        add_array(kFloat8, 8, rows, [&](const BookTicker& r) { bytes_.float64(r.ask_qty); });
        add_array(kInt4, 4, rows, [&](const BookTicker& r) { bytes_.int32(static_cast<std::int32_t>(r.source_id)); });
        const std::vector<Skew> skews = skews_of(rows);
        add_array(kInt4, 4, skews, [&](const Skew& s) { bytes_.int32(static_cast<std::int32_t>(s.symbol)); });
        add_array(kInt8, 8, skews, [&](const Skew& s) { bytes_.int64(s.least); });
        add_array(kInt8, 8, skews, [&](const Skew& s) { bytes_.int64(s.greatest); });
        return answer_of("upsert");
    }

    /// The rows of a `COPY (SELECT ..) TO STDOUT (FORMAT binary)`, decoded.
    std::vector<BookTicker> copy_out(const std::string& sql) {
        require(PQexec(link_, sql.c_str()), PGRES_COPY_OUT);
        std::vector<BookTicker> rows;
        char* bytes = nullptr;
        bool is_first = true;
        while (PQgetCopyData(link_, &bytes, 0) > 0) {
            BareReader from{is_first ? bytes + kHeader.size() : bytes};
            is_first = false;
            if (from.int16() > 0) rows.push_back(read_book_ticker(from));
            PQfreemem(bytes);
        }
        while (PGresult* rest = PQgetResult(link_)) require(rest);
        return rows;
    }

    void prepare(const char* name, const char* sql) { require(PQprepare(link_, name, sql, 0, nullptr)); }

    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    /// Runs a prepared statement with binary parameters. The answer is binary.
    Result query_prepared(const char* name, std::span<const std::string> parameters) {
        std::vector<const char*> values;
        std::vector<int> lengths;
        for (const std::string& one : parameters) {
            values.push_back(one.data());
            lengths.push_back(static_cast<int>(one.size()));
        }
        const std::vector<int> formats(values.size(), 1);
        return require(PQexecPrepared(link_, name, static_cast<int>(values.size()), values.data(), lengths.data(),
                                      formats.data(), 1));
    }

    /// Runs a statement without parameters, not prepared. The answer is binary.
    Result query(const std::string& sql) {
        return require(PQexecParams(link_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1));
    }

 private:
    static constexpr std::string_view kHeader{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
    static constexpr const char* kCopyColumns =
        " (symbol_id, timestamp, sequence, received_at, bid_price, bid_qty, ask_price, ask_qty, source_id) FROM STDIN "
        "(FORMAT binary)";
    static constexpr std::size_t kPiece = 64 * 1024;
    static constexpr std::size_t kRowBytes = 2 + 9 * 12;
    // Numbers of pg_type.
    static constexpr std::int32_t kInt4 = 23, kInt8 = 20, kFloat8 = 701, kTime = 1184;

    Result require(PGresult* given, ExecStatusType wanted = PGRES_COMMAND_OK) {
        Result result(given, &PQclear);
        const ExecStatusType status = PQresultStatus(given);
        if (status != wanted && status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(link_));
        return result;
    }

    void put(std::string_view text) {
        for (const char c : text) bytes_.byte(c);
    }
    void put_time(Timestamp time) { bytes_.int64(time.time_since_epoch().count() - BareBytes::kEpoch); }

    void append_row(const BookTicker& row) {
        bytes_.room_for(kRowBytes);
        bytes_.int16(9);
        bytes_.int4_field(static_cast<std::int32_t>(row.symbol_id));
        bytes_.time_field(row.timestamp);
        bytes_.int8_field(row.sequence);
        bytes_.time_field(row.received_at);
        bytes_.float8_field(row.bid_price);
        bytes_.float8_field(row.bid_qty);
        bytes_.float8_field(row.ask_price);
        bytes_.float8_field(row.ask_qty);
        bytes_.int4_field(static_cast<std::int32_t>(row.source_id));
    }

    void send_piece() {
        const std::string_view piece = bytes_.view();
        if (PQputCopyData(link_, piece.data(), static_cast<int>(piece.size())) != 1) {
            throw std::runtime_error(PQerrorMessage(link_));
        }
        bytes_.clear();
    }

    void begin_arrays(std::size_t rows) {
        bytes_.clear();
        bytes_.room_for(12 * (20 + 12 * rows));
        starts_.clear();
    }

    /// How far the clocks of a symbol are apart, in microseconds.
    struct Skew {
        SymbolId symbol;
        std::int64_t least;
        std::int64_t greatest;
    };

    /// Of rows in key order that all have both times.
    static std::vector<Skew> skews_of(std::span<const BookTicker> rows) {
        std::vector<Skew> skews;
        for (const BookTicker& row : rows) {
            const std::int64_t skew = (row.received_at - row.timestamp).count();
            if (skews.empty() || skews.back().symbol != row.symbol_id) skews.push_back({row.symbol_id, skew, skew});
            skews.back().least = std::min(skews.back().least, skew);
            skews.back().greatest = std::max(skews.back().greatest, skew);
        }
        return skews;
    }

    template <class Rows, class Put>
    void add_array(std::int32_t type, std::int32_t width, const Rows& rows, Put put_value) {
        starts_.push_back(bytes_.view().size());
        for (const std::int32_t number : {1, 0, type, static_cast<std::int32_t>(rows.size()), 1}) bytes_.int32(number);
        for (const auto& row : rows) {
            bytes_.int32(width);
            put_value(row);
        }
    }

    std::int64_t answer_of(const char* statement) {
        const std::string_view all = bytes_.view();
        std::vector<const char*> values;
        std::vector<int> lengths;
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            const std::size_t end = i + 1 < starts_.size() ? starts_[i + 1] : all.size();
            values.push_back(all.data() + starts_[i]);
            lengths.push_back(static_cast<int>(end - starts_[i]));
        }
        const std::vector<int> formats(values.size(), 1);
        const Result result = require(PQexecPrepared(link_, statement, static_cast<int>(values.size()), values.data(),
                                                     lengths.data(), formats.data(), 1));
        return BareReader{PQgetvalue(result.get(), 0, 0)}.int64();
    }

    PGconn* link_;
    BareBytes bytes_;
    std::vector<std::size_t> starts_;
};

}  // namespace marketdb::bench
