// Import a file as Tardis.dev delivers it, and export it again.
#include <filesystem>
#include <fstream>
#include <iostream>

#include <marketdb/marketdb.hpp>

int main() {
    const std::filesystem::path given = "03_binance_book_ticker_2026-01-05_BTCUSDT.csv";
    std::ofstream(given) << "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
                            "binance,BTCUSDT,1767614400000000,1767614400000000,1.5,97250.9,97250.1,0.8\n"
                            "binance,BTCUSDT,1767614400250000,1767614400250000,,,97250.1,0.7\n";

    marketdb::DatabaseManager db(marketdb::Config::from_url("sqlite::memory:"));
    db.wait(db.initialize());

    // Layout, market and symbol are told from the file; exchanges and symbols that are missing are created.
    const marketdb::ImportReport first = db.wait(marketdb::import_file(db, given, {}));
    if (!first.error.empty()) {
        std::cerr << first.error << "\n";  // a fault of the file is in the report; nothing of the file was stored
        return 1;
    }
    std::cout << first.layout << ": " << first.written.inserted << " rows of " << first.exchange << ":"
              << first.symbols.front() << "\n";

    const marketdb::ImportReport second = db.wait(marketdb::import_file(db, given, {}));
    std::cout << "again: " << (second.skipped ? "skipped, it was imported before" : "read") << "\n";

    const std::filesystem::path exported = "03_quotes.csv.gz";  // the ending chooses the compression
    marketdb::HistoryFilter filter;
    filter.series.exchange = "BINANCE_SPOT";
    const marketdb::ExportReport report = db.wait(
        marketdb::export_file(db, marketdb::Dataset::book_tickers, filter, exported, marketdb::ExportFormat::csv));
    std::cout << "exported " << report.rows << " rows to " << exported.string() << ":\n";
    db.wait(marketdb::export_rows(db, marketdb::Dataset::book_tickers, filter, marketdb::ExportFormat::csv,
                                  [](std::string_view lines) { std::cout << lines; }));

    db.wait(db.close());
    std::filesystem::remove(given);
    std::filesystem::remove(exported);
    return second.skipped && report.rows == 2 ? 0 : 1;
}
