#include "io/parser.hpp"

#include <gtest/gtest.h>

#include "compressed.hpp"
#include "io/instruments.hpp"
#include "parsed_file.hpp"
#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

namespace marketdb::testing {
namespace {

const std::string kQuoteHeader =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";

void expect_refused(const std::string& text, std::initializer_list<std::string_view> texts,
                    const io::ParserOptions& options = {}, const std::string& path = "folder/file.csv") {
    expect_error(
        ErrorCode::invalid_argument, [&] { parse(text, path, options); }, texts);
}

TEST(Parser, AnEmptyFileHasNoRows) {
    for (const std::string text : {"", "\n\n", "\xEF\xBB\xBF", "\r\n"}) {
        const ParsedFile file = parse(text);
        EXPECT_EQ(file.layout, "empty");
        EXPECT_EQ(file.dataset, std::nullopt);
        EXPECT_EQ(file.read, 0U);
        EXPECT_EQ(file.instruments.size(), 0U);
        EXPECT_EQ(file.warnings, Texts{});
    }
}

TEST(Parser, AFileOfNoBytesWithTheNameOfACompressedOneIsWarnedOf) {
    const TemporaryFolder folder;
    write_file(folder / "a.csv.gz", "");
    const auto none = drain(*io::open_parser(io::open_input(folder / "a.csv.gz", "a.csv.gz"), {}));
    EXPECT_EQ(none.warnings, Texts({"has no bytes at all, not even those of an empty .gz file"}));
    write_file(folder / "a.csv.gz", gzip(""));
    const auto empty = drain(*io::open_parser(io::open_input(folder / "a.csv.gz", "a.csv.gz"), {}));
    EXPECT_EQ(empty.warnings, Texts{});
    EXPECT_EQ(empty.layout, "empty");
}

TEST(Parser, AHeaderAloneHasADatasetAndNoRows) {
    const ParsedFile file = parse(kQuoteHeader);
    EXPECT_EQ(file.dataset, Dataset::book_tickers);
    EXPECT_EQ(file.read, 0U);
    EXPECT_EQ(file.rows, Texts{});
}

TEST(Parser, RowsComeInBatchesOfAtMostTheSizeAsked) {
    std::string text = kQuoteHeader;
    for (int row = 0; row < 5; ++row) text += "bybit,BTCUSDT," + std::to_string(row) + ",9,5,2,1,5\n";
    text += "bad\n";
    const auto parser = io::open_parser(std::make_unique<TextInput>(text), {});
    io::Batch batch;
    batch.rows = std::vector<Trade>(3);
    ASSERT_TRUE(parser->next(batch, 4));
    EXPECT_EQ(std::get<std::vector<BookTicker>>(batch.rows).size(), 4U);
    EXPECT_EQ(batch.lines, Lines64({2, 3, 4, 5}));
    ASSERT_TRUE(parser->next(batch, 4));
    EXPECT_EQ(batch.read, 2U);
    EXPECT_EQ(batch.lines, Lines64({6}));
    EXPECT_EQ(batch.errors.size(), 1U);
    ASSERT_FALSE(parser->next(batch, 4));
    EXPECT_EQ(batch.read, 0U);
    EXPECT_EQ(batch.errors.size(), 0U);
    EXPECT_EQ(std::get<std::vector<BookTicker>>(batch.rows).size(), 0U);
}

TEST(Parser, LinesAreCountedWithCrlf) {
    const ParsedFile file =
        parse("\xEF\xBB\xBF" + kQuoteHeader.substr(0, kQuoteHeader.size() - 1) + "\r\n" +
              "bybit,BTCUSDT,1,9,5,2,1,5\r\nbybit,BTCUSDT,1,9,5,2,x,5\r\nbybit,BTCUSDT,2,9,5,2,1,5");
    EXPECT_EQ(file.lines, Lines64({2, 4}));
    EXPECT_EQ(file.errors, Texts({"3: column bid_price: `x` is not a number"}));
}

TEST(Parser, AMissingColumnIsNamed) {
    expect_refused("exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price\n",
                   {"folder/file.csv:1: missing column `bid_amount`", "`tardis book_ticker`"});
    expect_refused("exchange,symbol,timestamp,id,side,price,amount\n",
                   {"missing column `local_timestamp`", "tardis trades"});
    expect_refused("update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,event_time\n",
                   {"missing column `transaction_time`", "binance futures bookTicker"});
    expect_refused("exchange,symbol,exchange_symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price\n",
                   {"missing column `ask_qty`", "marketdb book-tickers"});
}

TEST(Parser, AnExtraColumnIsNamed) {
    expect_refused(kQuoteHeader.substr(0, kQuoteHeader.size() - 1) + ",mid_price\n",
                   {"folder/file.csv:1: unknown column `mid_price`", "`tardis book_ticker`"});
    expect_refused("id,price,qty,quote_qty,time,is_buyer_maker,x\n", {"unknown column `x`", "binance um trades"});
    expect_refused("exchange,timestamp,asset_name,available_balance,locked_balance,note\n",
                   {"unknown column `note`", "marketdb balances"});
}

TEST(Parser, ADoubledColumnIsNamed) {
    expect_refused(kQuoteHeader.substr(0, kQuoteHeader.size() - 1) + ",bid_price\n",
                   {"folder/file.csv:1: doubled column `bid_price`"});
}

TEST(Parser, LayoutsThatAreKnownButNotReadAreRefusedByName) {
    const std::string read = "tardis book_ticker, tardis trades, tardis derivative_ticker, binance spot trades";
    expect_refused("id,timestamp,price,volume,side,rpi\n1,1767225600884,124.67,0.1,buy,0\n",
                   {":1: layout `bybit public spot trades` is not read", read});
    expect_refused(
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional,RPI\n"
        "1767225600.6864,SOLUSDT,Buy,0.2,124.650,PlusTick,7df520b4-f4a1-5eb9-86c2-3ac7ebac1832,2.493e+09,0.2,24.93,0\n",
        {"`bybit public trading trades` is not read"});
    expect_refused(
        "instrument_name,trade_id,side,price,size,created_time\nBTC-USDT-SWAP,1566502282,sell,104503.0,30.14,1\n",
        {"`okx trades` is not read", "marketdb balances"});
    expect_refused("exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n",
                   {"`tardis incremental_book_L2` is not read"});
    expect_refused(
        "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1]."
        "price\n",
        {"`tardis book_snapshot` is not read"});
}

TEST(Parser, UnknownColumnsListWhatIsRead) {
    expect_refused("time,open,high,low,close\n1,2,3,4,5\n",
                   {"folder/file.csv:1: ", "no layout that is read", "tardis book_ticker"});
    expect_refused("hello\n", {"no layout that is read"});
    expect_refused(std::string(100, ','), {"101 columns, expected at most 64"});
}

TEST(Parser, BinaryJunkIsNoText) {
    using namespace std::string_literals;
    expect_refused(
        "\x7f"
        "ELF\x02\x01\0\0\xff\xfe"s,
        {"folder/file.csv:1: the first line is no text"});
    expect_refused(
        "\xff\xfe"
        "e\0x\0\n\0"s,
        {"the first line is no text"});
    expect_refused("SQLite format 3\0"s, {"the first line is no text"});
    std::string junk;
    std::uint64_t state = 7;
    while (junk.size() < 2'000'000) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        junk += static_cast<char>(state >> 56U);
    }
    expect_error(ErrorCode::invalid_argument, [&] { parse(junk); }, {"folder/file.csv:1: "});
}

TEST(Parser, ALongLineInTheMiddleIsAnErrorOfTheFile) {
    const auto parser = io::open_parser(std::make_unique<TextInput>(kQuoteHeader + "bybit,BTCUSDT,1,9,5,2,1,5\nbybit," +
                                                                    std::string(1'100'000, 'x') + "\n"),
                                        {});
    expect_error(ErrorCode::invalid_argument, [&] { drain(*parser); }, {"folder/file.csv:3: the line is longer"});
}

TEST(Parser, TheLayoutCanBeGiven) {
    EXPECT_EQ(parse(kQuoteHeader, "f", {.layout = "tardis"}).layout, "tardis book_ticker");
    EXPECT_EQ(parse("1,1,1,1,1723161255342,True,True\n", "BTCUSDT-trades-1.csv", {.layout = "binance"}).layout,
              "binance spot trades");
    expect_refused(kQuoteHeader, {"file.csv:1: the columns are those of layout `tardis book_ticker`, and not what"},
                   {.layout = "binance"});
    expect_refused("price,qty\n", {"file.csv:1: ", "no layout that is read"}, {.layout = "binance"});
    expect_refused("1,1,1,1,1723161255342,True,True\n", {"the first line is no header"}, {.layout = "tardis"});
    expect_refused(kQuoteHeader, {"layout `kaiko` is not one of tardis, binance, marketdb, marketdb-jsonl"},
                   {.layout = "kaiko"});
    expect_refused(kQuoteHeader, {"the columns are those of layout `tardis book_ticker`"}, {.dataset = "trades"});
    expect_refused("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n",
                   {"the columns are those of layout `tardis trades`"}, {.dataset = "funding"});
    expect_refused(kQuoteHeader, {"--exchange: 'BYBIT' is not <VENUE>_SPOT or"}, {.exchange = "bybit"});
    EXPECT_EQ(parse(kQuoteHeader, "f", {.dataset = "quotes"}).dataset, Dataset::book_tickers);
    expect_error(ErrorCode::invalid_argument, [] { parse(kQuoteHeader, "f", {.dataset = "candles"}); }, {"candles"});
}

TEST(Parser, TheTextOfABadRowIsPrintableAndCut) {
    const ParsedFile file = parse(kQuoteHeader + "bybit,\x1b[31m\xff," + std::string(2000, 'x') + "\n");
    ASSERT_EQ(file.error_texts.size(), 1U);
    EXPECT_TRUE(file.error_texts[0].starts_with("bybit,\\x1b[31m\\xff,xxx")) << file.error_texts[0];
    EXPECT_LE(file.error_texts[0].size(), 513U);
}

TEST(Parser, AFileOfNumbersReadAsSymbolsDoesNotFillTheMemory) {
    io::InstrumentTable table;
    const auto add = [&table](std::size_t number) {
        const std::string name = std::to_string(number);
        io::Instrument instrument{"A_SPOT", {}};
        instrument.symbol.exchange_symbol = name;
        return table.find_or_add("a", name, [&] { return instrument; });
    };
    for (std::size_t number = 0; number < io::InstrumentTable::kMaxInstruments; ++number) add(number);
    EXPECT_EQ(add(99'999), 99'999);
    expect_error(ErrorCode::invalid_argument, [&] { add(100'000); }, {"more than 100000 symbols in one file"});
    EXPECT_EQ(add(0), 0);
}

}  // namespace
}  // namespace marketdb::testing
