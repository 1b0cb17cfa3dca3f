#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <marketdb/error.hpp>
#include <marketdb/format.hpp>

#include "io/parser.hpp"
#include "support/text_input.hpp"

/// Any bytes as a market-data file: only marketdb::Error may come out, and what was read survives a round trip through
/// marketdb's own CSV and JSON. The first byte chooses the file's name and the options.
namespace {

using namespace marketdb;

struct Choice {
    const char* path;
    io::ParserOptions options;
};

const std::array<Choice, 8>& choices() {
    static const std::array<Choice, 8> kChoices{
        {{"file.csv", {}},
         {"um/BTCUSDT-trades-2024-08-08.csv", {}},
         {"BTCUSD_PERP-aggTrades-2024-08-08.csv", {}},
         {"spot/BTCUSDT-aggTrades-2024-08.csv", {}},
         {"um/BTCUSDT-bookTicker-2024-08-08.csv", {}},
         {"BTCUSDT-fundingRate-2024-08.csv", {.time_unit = "ms"}},
         {"-", {.exchange = "A_FUTURES", .symbol = "X", .base = "B", .quote = "Q"}},
         {"file.jsonl", {.layout = "marketdb-jsonl"}}}};
    return kChoices;
}

void require(bool holds) {
    if (!holds) std::abort();
}

/// Header and rows as `export` writes them.
struct Text {
    std::string csv;
    std::string json;
    std::uint64_t rows = 0;
};

template <class Row>
void append(Text& text, const Row& row, const std::vector<io::Instrument>& instruments) {
    std::size_t index = 0;
    if constexpr (std::is_same_v<Row, Balance>) {
        index = static_cast<std::size_t>(row.exchange_id);
    } else {
        index = static_cast<std::size_t>(row.symbol_id);
    }
    require(index < instruments.size());
    const io::Instrument& instrument = instruments[index];
    const std::string symbol = pair(instrument.symbol);
    const RowContext context{instrument.exchange, symbol, instrument.symbol.exchange_symbol, true, std::nullopt};
    append_row(text.csv, row, context, TextFormat::csv);
    text.csv += '\n';
    append_row(text.json, row, context, TextFormat::json);
    text.json += '\n';
    ++text.rows;
}

Text read(std::string_view file, const char* path, const io::ParserOptions& options) {
    auto input = std::make_unique<testing::TextInput>(std::string(file), path);
    input->give_at_most(61);
    const auto parser = io::open_parser(std::move(input), options);
    Text text;
    if (parser->dataset()) {
        for (const std::string_view name : field_names(*parser->dataset(), true, false))
            text.csv.append(name).append(",");
        text.csv.back() = '\n';
    }
    io::Batch batch;
    while (parser->next(batch, 7)) {
        const auto look_at = [&](const auto& rows) {
            require(rows.size() == batch.lines.size() && rows.size() + batch.errors.size() <= batch.read);
            for (const auto& row : rows) append(text, row, parser->instruments());
        };
        std::visit(look_at, batch.rows);
    }
    return text;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer names it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) return 0;
    const Choice& choice = choices()[bytes[0] % choices().size()];
    const std::string_view file(reinterpret_cast<const char*>(bytes) + 1, size - 1);
    Text first;
    try {
        first = read(file, choice.path, choice.options);
    } catch (const Error&) {
        return 0;
    }
    if (first.rows == 0) return 0;
    require(read(first.csv, "again.csv", {}).csv == first.csv);
    require(read(first.json, "again.jsonl", {}).json == first.json);
    return 0;
}
