// Settings from a YAML file, and what a program can learn from an error.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <marketdb/marketdb.hpp>

int main() {
    const std::filesystem::path file = "06_config.yaml";
    std::ofstream(file) << "database:\n"
                           "  url: sqlite:${MARKETDB_EXAMPLE_FOLDER:-.}/06_market.db\n"
                           "  cache:\n"
                           "    latest_ttl_seconds: 10\n"
                           "logging:\n"
                           "  level: info   # other sections are other programs'\n";
    marketdb::Config config = marketdb::Config::from_file(file);
    config.log = [](marketdb::LogLevel, std::string_view text) { std::cerr << "log: " << text << "\n"; };
    std::cout << "target: " << config.redacted_url() << "\n";

    int errors = 0;
    {
        // Reading never creates a file.
        marketdb::Config reading = config;
        reading.open_mode = marketdb::OpenMode::read_only;
        marketdb::DatabaseManager db(reading);
        try {
            db.wait(db.initialize());
        } catch (const marketdb::Error& error) {
            ++errors;
            std::cout << marketdb::to_string(error.code()) << (error.retryable() ? " (may be tried again): " : ": ")
                      << error.what() << "\n";
        }
    }
    marketdb::DatabaseManager db(config);
    db.wait(db.initialize());
    try {
        marketdb::BookTicker crossed;
        crossed.symbol_id = marketdb::SymbolId{1};
        crossed.timestamp = marketdb::parse_timestamp("2026-01-05T12:00:00Z");
        crossed.bid_price = 101;
        crossed.bid_qty = 1;
        crossed.ask_price = 100;  // below the bid: refused, and the message names row and column
        crossed.ask_qty = 1;
        db.wait(db.insert_book_ticker_snapshots({crossed}));
    } catch (const marketdb::Error& error) {
        ++errors;
        std::cout << marketdb::to_string(error.code()) << ": " << error.what() << "\n";
    }
    // Absence is no error.
    std::cout << "an exchange that is not there: " << (db.wait(db.get_exchange_by_enum("MEXC_SPOT")) ? "found" : "none")
              << "\n";
    db.wait(db.close());
    for (const char* name : {"06_config.yaml", "06_market.db", "06_market.db-lock"}) std::filesystem::remove(name);
    return errors == 2 ? 0 : 1;
}
