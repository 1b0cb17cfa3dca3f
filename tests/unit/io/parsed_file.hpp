#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <marketdb/format.hpp>

#include "io/parser.hpp"
#include "support/text_input.hpp"

/// A file in memory, parsed to the end.
namespace marketdb::testing {

struct ParsedFile {
    std::string layout;
    std::optional<Dataset> dataset;
    std::vector<std::string> rows;  ///< As CSV, with exchange_symbol.
    std::vector<std::int64_t> lines;
    std::vector<std::string> errors;  ///< `LINE: reason`.
    std::vector<std::string> error_texts;
    std::uint64_t read = 0;
    std::vector<io::Instrument> instruments;
    std::vector<std::string> warnings;
};

template <class Row>
std::string csv_of(const Row& row, const std::vector<io::Instrument>& instruments) {
    std::string text;
    if constexpr (requires { row.symbol_id; }) {
        const io::Instrument& instrument = instruments.at(static_cast<std::size_t>(row.symbol_id));
        const std::string symbol = pair(instrument.symbol);
        append_row(text, row, {instrument.exchange, symbol, instrument.symbol.exchange_symbol, true, {}},
                   TextFormat::csv);
    } else {
        const io::Instrument& instrument = instruments.at(static_cast<std::size_t>(row.exchange_id));
        append_row(text, row, {instrument.exchange, {}, {}, false, {}}, TextFormat::csv);
    }
    return text;
}

inline ParsedFile drain(io::FileParser& parser, std::size_t batch_rows = 3) {
    ParsedFile file;
    file.layout = parser.layout();
    file.dataset = parser.dataset();
    io::Batch batch;
    while (parser.next(batch, batch_rows)) {
        file.read += batch.read;
        file.lines.insert(file.lines.end(), batch.lines.begin(), batch.lines.end());
        for (const io::RowError& error : batch.errors) {
            file.errors.push_back(std::to_string(error.line) + ": " + error.reason);
            file.error_texts.push_back(error.text);
        }
        const auto append = [&](const auto& rows) {
            for (const auto& row : rows) file.rows.push_back(csv_of(row, parser.instruments()));
        };
        std::visit(append, batch.rows);
    }
    file.instruments = parser.instruments();
    file.warnings = parser.warnings();
    return file;
}

inline ParsedFile parse(std::string text, const std::filesystem::path& path = "folder/file.csv",
                        const io::ParserOptions& options = {}) {
    const auto parser = io::open_parser(std::make_unique<TextInput>(std::move(text), path), options);
    return drain(*parser);
}

using Texts = std::vector<std::string>;
using Lines64 = std::vector<std::int64_t>;

}  // namespace marketdb::testing
