/// What libpqxx 6.4 takes to read a history into a vector. Its stream_from reads whole tables only, so it is a query.
///
/// Usage: libpqxx_peer URL SCHEMA. Reads `query SYMBOL` a line, answers `WALL CPU COUNT`.
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "../bench.hpp"

namespace marketdb::bench {
namespace {

/// libpqxx has no type for a time. They stay text here, which is less work than what the others do.
struct Quote {
    int symbol = 0;
    std::string time;
    long long sequence = 0;
    std::optional<std::string> received;
    std::optional<double> bid, bid_size, ask, ask_size;
    std::optional<int> source;
};

std::string statement(const std::string& symbol) {
    return "SELECT symbol_id, timestamp, sequence, received_at, bid_price, bid_qty, ask_price, ask_qty, source_id FROM "
           "book_ticker_snapshots WHERE symbol_id = " +
           symbol + " ORDER BY timestamp, sequence";
}

template <class Value>
std::optional<Value> optional_of(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return field.as<Value>();
}

std::vector<Quote> query(pqxx::connection& connection, const std::string& symbol) {
    pqxx::read_transaction transaction(connection);
    const pqxx::result answer = transaction.exec(statement(symbol));
    std::vector<Quote> quotes;
    for (const pqxx::row& row : answer) {
        quotes.push_back({row[0].as<int>(), row[1].as<std::string>(), row[2].as<long long>(),
                          optional_of<std::string>(row[3]), optional_of<double>(row[4]), optional_of<double>(row[5]),
                          optional_of<double>(row[6]), optional_of<double>(row[7]), optional_of<int>(row[8])});
    }
    return quotes;
}

int run(const char* url, const std::string& schema) {
    pqxx::connection connection(url);
    connection.set_variable("search_path", schema);
    connection.set_variable("jit", "off");
    std::string work;
    std::string symbol;
    while (std::cin >> work >> symbol) {
        std::size_t count = 0;
        const Taken taken = time_of([&] { count = query(connection, symbol).size(); });
        std::printf("%.9f %.9f %zu\n", taken.wall, taken.cpu, count);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace
}  // namespace marketdb::bench

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    try {
        return marketdb::bench::run(argv[1], argv[2]);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}
