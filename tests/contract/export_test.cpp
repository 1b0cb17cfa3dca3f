#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include "import_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_IMPORT_SUITE(Export);
MARKETDB_IMPORT_SUITE(RoundTrip);

BookTicker one_sided(SymbolId symbol, Timestamp at, bool is_bid, std::int64_t sequence) {
    BookTicker row = quote(symbol, at, 100.1, 100.2, sequence);
    (is_bid ? row.ask_price : row.bid_price) = kNoNumber;
    (is_bid ? row.ask_qty : row.bid_qty) = kNoNumber;
    row.received_at = at + 1500us;
    return row;
}

/// Rows of every dataset with everything that may be odd. Symbols are made in an order that is not that of their names.
void fill(ImportTest& test) {
    const Symbol sol = test.make_symbol("SOL", "USDT", "ZETA_FUTURES", "SOL_USDT");
    const Symbol odd = test.make_symbol("A\"B,C", "USDT", "ZETA_FUTURES", "A\"B,C-USDT");
    const Symbol unicode = test.make_symbol("币安", "USDT", "ALPHA_SPOT", "币安USDT");
    const Symbol btc = test.make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTCUSDT");

    std::vector<BookTicker> quotes;
    for (const Symbol& symbol : {sol, odd, unicode, btc}) {
        quotes.push_back(quote(symbol.id, kNoon, 0.1, 1.0 / 3, 7));
        quotes.push_back(quote(symbol.id, kNoon, 61837.63, 61837.64, 8));
        quotes.push_back(one_sided(symbol.id, kNoon + 1ms, true, -1'048'576'000));
        quotes.push_back(one_sided(symbol.id, kNoon + 1ms, false, 9'007'199'254'740'991));
    }
    test.store(quotes);

    std::vector<Trade> trades{trade(btc.id, kNoon, "9", 100), trade(btc.id, kNoon, "10", 1e-9, 4.50554e+08, Side::sell),
                              trade(sol.id, kNoon, "a77", 1, 1, Side::unknown), trade(odd.id, kNoon, "", 3, 2),
                              trade(unicode.id, kNoon, "id,\"x\"", 9.12e-7)};
    trades[0].quote_quantity = 100;
    trades[0].is_buyer = Tristate::yes;
    trades[0].is_maker = Tristate::no;
    trades[1].received_at = kNoon - 1s;
    test.store(trades);

    std::vector<FundingRate> rates{funding(sol.id, kNoon, 0.00004405208333333333),
                                   funding(sol.id, kNoon, -0.0001, FundingKind::settled), funding(odd.id, kNoon, 0)};
    rates[0].funding_time = kNoon + 8h;
    rates[0].interval_minutes = 480;
    rates[1].mark_price = 82546.76734;
    test.store(rates);

    std::vector<Balance> balances{balance(btc.exchange_id, "USDT", kNoon, 10, 2),
                                  balance(sol.exchange_id, "BTC", kNoon, -0.5),
                                  balance(btc.exchange_id, "BTC", kNoon, 0)};
    balances[1].account = "sub 2";
    balances[1].borrowing_balance = 0.5;
    test.store(balances);
}

constexpr Dataset kDatasets[] = {Dataset::book_tickers, Dataset::trades, Dataset::funding_rates, Dataset::balances};

TEST_P(Export, RowsAreCsvWithTheExchangesSpelling) {
    const Symbol symbol = make_symbol("BTC", "USDT", "GATEIO_FUTURES", "BTC_USDT");
    store(std::vector<BookTicker>{one_sided(symbol.id, kNoon, true, 3), quote(symbol.id, kNoon + 1s, 9682, 9.7e3)});
    EXPECT_EQ(exported(Dataset::book_tickers),
              "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n"
              "GATEIO_FUTURES,BTC/USDT,BTC_USDT,2024-08-08T12:00:00.000000Z,2024-08-08T12:00:00.001500Z,3,100.1,1,,\n"
              "GATEIO_FUTURES,BTC/USDT,BTC_USDT,2024-08-08T12:00:01.000000Z,,0,9682,1,9700,2\n");
}

TEST_P(Export, RowsAreJsonLines) {
    const Symbol symbol = make_symbol();
    store(std::vector<Trade>{trade(symbol.id, kNoon, "7", 100.5, 2, Side::unknown)});
    EXPECT_EQ(exported(Dataset::trades, ExportFormat::ndjson),
              R"({"exchange":"ALPHA_SPOT","symbol":"BTC/USDT","exchange_symbol":"BTCUSDT",)"
              R"("timestamp":"2024-08-08T12:00:00.000000Z","received_at":null,"sequence":7,"trade_id":"7",)"
              R"("price":100.5,"quantity":2,"side":null,"quote_quantity":null,"is_buyer":null,"is_maker":null})"
              "\n");
}

TEST_P(Export, NothingIsAHeaderAlone) {
    EXPECT_EQ(exported(Dataset::balances),
              "exchange,timestamp,received_at,account,asset_name,available_balance,locked_balance,frozen_balance,"
              "borrowing_balance,interest_balance,total_balance\n");
    EXPECT_EQ(exported(Dataset::balances, ExportFormat::ndjson), "");
    const std::filesystem::path file = folder() / "nothing.csv";
    const ExportReport report = wait(export_file(db(), Dataset::trades, {}, file, ExportFormat::csv));
    EXPECT_EQ(report.rows, 0U);
    EXPECT_EQ(report.bytes, read_file(file).size());
    EXPECT_EQ(import_whole(file).read, 0U);
}

TEST_P(Export, RowsOfOneTimeComeByNameWhateverTheirIds) {
    fill(*this);
    HistoryFilter filter;
    filter.start = kNoon;
    filter.end = kNoon + 1ms;
    const std::string text = exported(Dataset::book_tickers, ExportFormat::csv, filter);
    std::vector<std::string> names;
    for (std::size_t at = text.find('\n') + 1; at < text.size(); at = text.find('\n', at) + 1) {
        names.push_back(text.substr(at, text.find(",2024", at) - at));
    }
    EXPECT_EQ(names,
              (Lines{"ALPHA_SPOT,BTC/USDT,BTCUSDT", "ALPHA_SPOT,BTC/USDT,BTCUSDT", "ALPHA_SPOT,币安/USDT,币安USDT",
                     "ALPHA_SPOT,币安/USDT,币安USDT", R"(ZETA_FUTURES,"A""B,C/USDT","A""B,C-USDT")",
                     R"(ZETA_FUTURES,"A""B,C/USDT","A""B,C-USDT")", "ZETA_FUTURES,SOL/USDT,SOL_USDT",
                     "ZETA_FUTURES,SOL/USDT,SOL_USDT"}));
    filter.order = Order::descending;
    std::string backwards = exported(Dataset::book_tickers, ExportFormat::csv, filter);
    EXPECT_EQ(backwards.find("ZETA_FUTURES,SOL/USDT"), backwards.find('\n') + 1) << backwards;
}

TEST_P(Export, AFilterChoosesAndTheReceivedClockCountsWhatItLeavesOut) {
    fill(*this);
    HistoryFilter filter;
    filter.series.exchange = "ALPHA_SPOT";
    filter.clock = ClockKind::received;
    std::string text;
    const ExportReport report = wait(export_rows(db(), Dataset::book_tickers, filter, ExportFormat::csv,
                                                 [&text](std::string_view lines) { text += lines; }));
    EXPECT_EQ(report.rows, 4U);
    EXPECT_EQ(report.without_received_at, 4U);
    EXPECT_EQ(report.bytes, text.size());
    filter.series.exchange = "NOBODY_SPOT";
    expect_error(ErrorCode::unknown_exchange, [&] { exported(Dataset::trades, ExportFormat::csv, filter); },
                 {"NOBODY_SPOT"});
    filter = {};
    filter.end = kNoon;
    filter.start = kNoon + 1s;
    expect_error(ErrorCode::invalid_argument, [&] {
        static_cast<void>(export_file(db(), Dataset::trades, filter, folder() / "x.csv", ExportFormat::csv));
    });
    EXPECT_FALSE(std::filesystem::exists(folder() / "x.csv"));
}

TEST_P(Export, FilesAppearWholeOrNotAtAll) {
    fill(*this);
    const std::filesystem::path file = write_file(folder() / "out" / "old.csv", "old");
    std::atomic<bool> stop{true};
    expect_error(ErrorCode::cancelled,
                 [&] { wait(export_file(db(), Dataset::trades, {}, file, ExportFormat::csv, &stop)); },
                 {"interrupted after 0 rows"});
    EXPECT_EQ(read_file(file), "old");
    HistoryFilter unknown;
    unknown.series.symbol = "NO/NE";
    expect_error(ErrorCode::unknown_symbol,
                 [&] { wait(export_file(db(), Dataset::trades, unknown, file, ExportFormat::csv)); });
    EXPECT_EQ(read_file(file), "old");

    wait(export_file(db(), Dataset::trades, {}, file, ExportFormat::csv));
    EXPECT_EQ(read_file(file), exported(Dataset::trades));
    const std::filesystem::directory_iterator folder_of_file(file.parent_path());
    EXPECT_EQ(std::distance(begin(folder_of_file), end(folder_of_file)), 1);
}

TEST_P(Export, ALinkStaysALinkAndADeviceADevice) {
    fill(*this);
    const std::filesystem::path file = write_file(folder() / "real.csv", "old");
    const std::filesystem::path link = folder() / "link.csv";
    std::filesystem::create_symlink("real.csv", link);
    wait(export_file(db(), Dataset::trades, {}, link, ExportFormat::csv));
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_EQ(read_file(file), exported(Dataset::trades));

    const std::filesystem::path device = folder() / "pipe.csv";
    ASSERT_EQ(::mkfifo(device.c_str(), 0600), 0);
    expect_error(ErrorCode::invalid_argument,
                 [&] { wait(export_file(db(), Dataset::trades, {}, device, ExportFormat::csv)); },
                 {"not a regular file"});
    EXPECT_TRUE(std::filesystem::is_fifo(device));
}

TEST_P(Export, AFileThatCannotBeWrittenIsAnErrorAndLeavesNothing) {
    fill(*this);
    const std::filesystem::path file = folder() / "absent" / "out.csv";
    expect_error(ErrorCode::unavailable, [&] { wait(export_file(db(), Dataset::trades, {}, file, ExportFormat::csv)); },
                 {"absent/out.csv"});
    const std::filesystem::path loop = folder() / "loop.csv";
    std::filesystem::create_symlink("loop.csv", loop);
    expect_error(ErrorCode::unavailable,
                 [&] { wait(export_file(db(), Dataset::trades, {}, loop, ExportFormat::csv)); });
    const std::filesystem::path blocked = folder() / "blocked.csv";
    std::filesystem::create_directories(folder() / "blocked.csv.part");
    expect_error(ErrorCode::unavailable,
                 [&] { wait(export_file(db(), Dataset::trades, {}, blocked, ExportFormat::csv)); });
    EXPECT_FALSE(std::filesystem::exists(blocked));
}

TEST_P(Export, AFailingReceiverEndsTheExport) {
    fill(*this);
    const auto refuse = [](std::string_view) { throw std::runtime_error("receiver"); };
    EXPECT_THROW(wait(export_rows(db(), Dataset::trades, {}, ExportFormat::csv, refuse)), std::runtime_error);
    EXPECT_THROW(static_cast<void>(export_rows(db(), static_cast<Dataset>(9), {}, ExportFormat::csv, refuse)), Error);
}

TEST_P(Export, ALongHistoryComesInPieces) {
    import_whole(file("quotes.csv", tardis_quotes(40'000)));
    std::size_t pieces = 0;
    std::uint64_t lines = 0;
    const auto count = [&](std::string_view text) {
        ++pieces;
        lines += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
        EXPECT_EQ(text.back(), '\n');
    };
    const ExportReport report = wait(export_rows(db(), Dataset::book_tickers, {}, ExportFormat::csv, count));
    EXPECT_EQ(report.rows, 40'000U);
    EXPECT_EQ(lines, 40'001U);
    EXPECT_GE(pieces, 3U);
}

TEST_P(RoundTrip, ThroughAnEmptyDatabaseGivesTheSameBytesAndSymbols) {
    fill(*this);
    for (const ExportFormat format : {ExportFormat::csv, ExportFormat::ndjson}) {
        for (const std::string compression : {"", ".gz", ".zst", ".xz"}) {
            const std::string ending = (format == ExportFormat::csv ? ".csv" : ".jsonl") + compression;
            SCOPED_TRACE(ending);
            ImportTest& first = *this;
            EngineFixture other(target());
            for (const Dataset dataset : kDatasets) {
                const std::string name = std::string(to_string(dataset)) + ending;
                const std::filesystem::path here = first.folder() / name;
                const std::filesystem::path there = other.folder() / name;
                const ExportReport before = wait(export_file(db(), dataset, {}, here, format));
                const ImportReport imported = other.wait(import_file(other.db(), here, {}));
                EXPECT_EQ(imported.error, "");
                EXPECT_EQ(imported.written, result(before.rows));
                const ExportReport after = other.wait(export_file(other.db(), dataset, {}, there, format));
                EXPECT_EQ(after.rows, before.rows);
                EXPECT_EQ(read_file(here), read_file(there));
            }
            const Exchange alpha = other.wait(other.db().get_exchange_by_enum("ALPHA_SPOT")).value();
            EXPECT_EQ(other.wait(other.db().get_symbols_by_exchange(alpha.id)).size(), 2U);
        }
    }
}

/// Everything that the symbols table says, but ids and when the row was made.
std::string describe(const Symbol& symbol) {
    std::string text = pair(symbol) + " (" + symbol.exchange_symbol.str() + ") ";
    text += std::string(to_string(symbol.symbol_type)) + " " + std::string(to_string(symbol.contract_type)) + " " +
            std::string(to_string(symbol.quantity_unit)) + " settles " + symbol.settle_asset.str();
    for (const double number : {symbol.contract_size, symbol.tick_size, symbol.lot_size, symbol.min_quantity}) {
        text += " " + text_of(number);
    }
    return text + " " + to_string(symbol.expires_at) + (symbol.is_active ? "" : " inactive");
}

Lines described_symbols(EngineFixture& fixture) {
    Lines lines;
    for (const Exchange& exchange : fixture.wait(fixture.db().get_all_exchanges())) {
        const std::vector<Symbol> symbols =
            fixture.wait(fixture.db().get_symbols_by_exchange(exchange.id, /*active_only=*/false));
        for (const Symbol& symbol : symbols) lines.push_back(exchange.enum_value.str() + ": " + describe(symbol));
    }
    return lines;
}

TEST_P(RoundTrip, OfASymbolWhatItsSpellingDoesNotTellStaysBehind) {
    Symbol given;
    given.exchange_id = wait(db().ensure_exchange("BINANCE_FUTURES")).id;
    given.symbol_base = "BTC";
    given.symbol_quote = "USDT";
    given.exchange_symbol = "BTCUSDT";
    given.settle_asset = "USDT";
    given.quantity_unit = QuantityUnit::base;
    given.tick_size = 0.1;
    given.lot_size = 0.001;
    given = wait(db().ensure_symbol(given));
    store(quote(given.id, kNoon, 1, 2));
    const std::filesystem::path exported_file = folder() / "all.csv";
    wait(export_file(db(), Dataset::book_tickers, {}, exported_file, ExportFormat::csv));

    EngineFixture other(target());
    EXPECT_EQ(other.wait(import_file(other.db(), exported_file, {})).error, "");
    const Symbol found = other.wait(other.db().resolve_symbol("BINANCE_FUTURES", "BTC/USDT"));
    EXPECT_EQ(found.exchange_symbol, "BTCUSDT");
    EXPECT_EQ(found.contract_type, ContractType::perpetual);
    EXPECT_EQ(found.settle_asset, target().can.own_tables ? "USDT" : "");
    EXPECT_EQ(found.quantity_unit, QuantityUnit::base);
    EXPECT_TRUE(std::isnan(found.tick_size));
    EXPECT_TRUE(std::isnan(found.lot_size));
}

TEST_P(RoundTrip, SymbolsOfEveryKindComeOutAsTheyWentIn) {
    std::string text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
    for (const char* market : {"okex-swap,BTC-USDT-SWAP",
                               "okex-swap,BTC-USD-SWAP",
                               "okex-futures,BTC-USD-261225",
                               "okex,BTC-USDT",
                               "bybit,1000BONKPERP",
                               "bybit,BTCUSD",
                               "bybit,BTC-25DEC26",
                               "binance-delivery,BTCUSD_PERP",
                               "binance-delivery,BTCUSD_261225",
                               "binance-futures,BTCUSDT",
                               "binance-futures,BTCUSDT_261225",
                               "binance,BTCUSDT",
                               "gate-io-futures,BTC_USDT",
                               "gate-io,BTC_USDT",
                               "deribit,BTC-PERPETUAL",
                               "deribit,BTC-25DEC26",
                               "bitmex,XBTUSD",
                               "kraken,XBT/USD",
                               "cryptofacilities,PI_XBTUSD",
                               "coinbase,BTC-USD",
                               "huobi-dm-swap,BTC-USD",
                               "hyperliquid,BTC",
                               "dydx-v4,BTC-USD",
                               "bitfinex,BTCUSD",
                               "bitfinex-derivatives,BTCF0:USTF0"}) {
        text += std::string(market) + ",1723118400000000,1723118400000000,2,101,100,1\n";
    }
    ImportOptions options;
    options.on_error = OnError::quarantine;  // what no pair can be told of is not here to be judged
    const ImportReport given = import_whole(file("markets.csv", text), options);
    EXPECT_GE(given.written.inserted, 18U);
    const std::filesystem::path exported_file = folder() / "all.csv";
    wait(export_file(db(), Dataset::book_tickers, {}, exported_file, ExportFormat::csv));

    EngineFixture other(target());
    EXPECT_EQ(other.wait(import_file(other.db(), exported_file, {})).error, "");
    EXPECT_EQ(described_symbols(other), described_symbols(*this));
}

}  // namespace
}  // namespace marketdb::testing
