#pragma once

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/marketdb.hpp>

#include "bare_postgres.hpp"
#include "bench.hpp"
#include "market.hpp"
#include "peer.hpp"

/// What the PostgreSQL benchmarks share: schemas of the server, the sides that take turns, the table of what was wanted and found.
namespace marketdb::bench {

/// One line for each row of the wanted table, printed at the end.
class Summary {
 public:
    void at_least(const std::string& work, double measured, double wanted) {
        add(work, fmt::format("at least {}", wanted), measured, measured >= wanted);
    }
    void at_most(const std::string& work, double measured, double wanted) {
        add(work, fmt::format("at most {}", wanted), measured, measured <= wanted);
    }
    void note(const std::string& work, double measured) { lines_.push_back({work, "", measured, "reported"}); }

    void print() const {
        std::printf("\n%-66s  %-14s  %9s\n", "work", "wanted", "measured");
        for (const Line& line : lines_) {
            std::printf("%-66s  %-14s  %9.3f  %s\n", line.work.c_str(), line.wanted.c_str(), line.measured,
                        line.verdict.c_str());
        }
    }
    [[nodiscard]] bool is_good() const { return is_good_; }

 private:
    struct Line {
        std::string work;
        std::string wanted;
        double measured;
        std::string verdict;
    };

    void add(const std::string& work, const std::string& wanted, double measured, bool good) {
        lines_.push_back({work, wanted, measured, good ? "ok" : "MISSED"});
        is_good_ = is_good_ && good;
        std::printf("  %-64s %9.3f    wanted: %s\n", work.c_str(), measured, wanted.c_str());
        std::fflush(stdout);
    }

    std::vector<Line> lines_;
    bool is_good_ = true;
};

struct Setup {
    std::string url;      ///< With a `?`, without a schema.
    std::string asyncpg;  ///< Commands that start the others, URL and schema to come; empty: leave them out.
    std::string libpqxx;
    std::string existing;  ///< A file with the statements that make the existing schema; empty: leave it out.
    std::filesystem::path folder;
    std::size_t rows = 0;
    std::size_t rounds = 0;
    Summary* summary = nullptr;

    [[nodiscard]] Config config(const std::string& schema) const { return Config::from_url(url + "&schema=" + schema); }
    [[nodiscard]] std::unique_ptr<Peer> peer(const std::string& command, const std::string& schema) const {
        if (command.empty()) return nullptr;
        return std::make_unique<Peer>(fmt::format("exec {} '{}' {}", command, url, schema));
    }
};

/// Lays a schema out through the manager and gives it one exchange, symbols 1 to `symbols`, and a source.
inline void make_schema(const Setup& setup, const std::string& schema, std::size_t symbols) {
    BarePostgres server(setup.url, schema);
    {
        DatabaseManager db(setup.config(schema));
        db.wait(db.initialize());
        db.wait(db.ensure_exchange("BENCH_SPOT"));
        Source source;
        source.kind = "session";
        source.name = "bench";
        source.started_at = kMarketStart;
        // The rows name it; so nothing has to be registered while they are timed.
        if (db.wait(db.begin_source(source)) != SourceId{1})
            throw std::runtime_error("the first source has another id");
        db.wait(db.close());
    }
    server.run(fmt::format(
        "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type, "
        "contract_type, quantity_unit, is_active) SELECT 1, 'C' || i, 'USDT', 'C' || i || 'USDT', 'SPOT', 'spot', "
        "'base', true FROM generate_series(1, {}) AS i",
        symbols));
    server.run("VACUUM ANALYZE symbols");
}

inline std::vector<SymbolId> first_symbols(std::size_t count) {
    std::vector<SymbolId> ids;
    for (std::size_t i = 1; i <= count; ++i) ids.push_back(SymbolId{static_cast<std::int32_t>(i)});
    return ids;
}

inline std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(file.string() + ": cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}

/// No rows, and a server that has nothing left to do.
inline void empty_tables(BarePostgres& server) {
    server.run("TRUNCATE book_ticker_snapshots; DELETE FROM series");
    server.run("VACUUM ANALYZE series");
    server.run("CHECKPOINT");
}

using Batches = std::vector<std::vector<BookTicker>>;

inline std::size_t count_rows(const Batches& batches) {
    std::size_t rows = 0;
    for (const auto& batch : batches) rows += batch.size();
    return rows;
}

/// As the other programs read them.
inline void write_rows(const std::filesystem::path& file, const Batches& batches) {
    std::ofstream out(file, std::ios::binary);
    const auto put = [&](const auto& value) { out.write(reinterpret_cast<const char*>(&value), sizeof value); };
    for (const auto& batch : batches) {
        for (const BookTicker& row : batch) {
            put(row.symbol_id);
            put(row.timestamp.time_since_epoch().count());
            put(row.sequence);
            put(row.received_at.time_since_epoch().count());
            for (const double value : {row.bid_price, row.bid_qty, row.ask_price, row.ask_qty}) put(value);
            put(row.source_id);
        }
    }
    // The server's user is another.
    std::filesystem::permissions(file, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
}

/// One of those that take turns.
struct Runner {
    Side side;
    std::size_t rows = 0;
    std::function<Taken()> run;
};

/// Rounds in which each has one turn, in alternating order. What a runner does before the clock starts is its own business.
inline void take_turns(std::vector<Runner>& runners, std::size_t rounds) {
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < runners.size(); ++i) {
            Runner& runner = runners[round % 2 == 0 ? i : runners.size() - 1 - i];
            Taken taken = runner.run();
            // Per row, because some have fewer to write.
            taken.wall /= static_cast<double>(runner.rows);
            taken.cpu /= static_cast<double>(runner.rows);
            runner.side.rounds.push_back(taken);
        }
    }
    for (const Runner& runner : runners) {
        const std::vector<double> wall = runner.side.all(&Taken::wall);
        const auto [fastest, slowest] = std::minmax_element(wall.begin(), wall.end());
        std::printf("  %-44s %9.0f rows/s  (%.0f to %.0f), own processor %6.3f us a row\n", runner.side.name.c_str(),
                    1 / median(wall), 1 / *slowest, 1 / *fastest, median(runner.side.all(&Taken::cpu)) * 1e6);
    }
    std::fflush(stdout);
}

/// Writes batches one behind the other, on the manager's executor. Returns the sum of what happened.
inline boost::asio::awaitable<WriteResult> write_all(DatabaseManager& db, Batches batches) {
    WriteResult sum;
    for (std::vector<BookTicker>& batch : batches) {
        const WriteResult one = co_await db.insert_book_ticker_snapshots(std::move(batch));
        sum.inserted += one.inserted;
        sum.updated += one.updated;
        sum.unchanged += one.unchanged;
    }
    co_return sum;
}

/// The time of `write_all`; a batch with another outcome than `wanted` is an error.
inline Taken time_writes(DatabaseManager& db, const Batches& batches, std::uint64_t WriteResult::*wanted) {
    Batches own = batches;
    WriteResult result;
    const Taken taken = time_of([&] { result = db.wait(write_all(db, std::move(own))); });
    if (result.*wanted != count_rows(batches)) throw std::runtime_error("not every row was what it should be");
    return taken;
}

}  // namespace marketdb::bench
