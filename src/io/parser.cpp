#include "io/parser.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/binance_market.hpp"
#include "io/decoders.hpp"
#include "io/record_reader.hpp"
#include "io/row_parser.hpp"
#include "io/venue.hpp"

namespace marketdb::io {
namespace {

/// A file without a row and without a header.
class EmptyFile final : public FileParser {
 public:
    explicit EmptyFile(std::vector<std::string> warnings) : warnings_(std::move(warnings)) {}

    std::string_view layout() const noexcept override { return "empty"; }
    std::optional<Dataset> dataset() const noexcept override { return std::nullopt; }
    bool next(Batch& batch, std::size_t) override {
        batch = {};
        return false;
    }
    const std::vector<Instrument>& instruments() const noexcept override { return instruments_; }
    const std::vector<std::string>& warnings() const noexcept override { return warnings_; }

 private:
    std::vector<Instrument> instruments_;
    std::vector<std::string> warnings_;
};

struct Wanted {
    std::optional<Vendor> vendor;
    bool json = false;
    std::optional<Dataset> dataset;
};

Wanted wanted_of(const ParserOptions& options) {
    Wanted wanted;
    if (options.layout == "tardis") {
        wanted.vendor = Vendor::tardis;
    } else if (options.layout == "binance") {
        wanted.vendor = Vendor::binance;
    } else if (options.layout == "marketdb" || options.layout == "marketdb-jsonl") {
        wanted.vendor = Vendor::marketdb;
    } else if (!options.layout.empty()) {
        throw Error(ErrorCode::invalid_argument, fmt::format("layout `{}` is not one of tardis, binance, marketdb, "
                                                             "marketdb-jsonl",
                                                             core::printable(options.layout)));
    }
    wanted.json = options.layout == "marketdb-jsonl";
    if (!options.dataset.empty()) wanted.dataset = parse_dataset(options.dataset);
    return wanted;
}

/// What is passed from step to step while a file is opened.
struct Opening {
    std::unique_ptr<RecordReader> records;
    std::unique_ptr<FileContext> context;
    Wanted wanted;

    [[nodiscard]] const std::filesystem::path& path() const { return records->input().path(); }
    [[noreturn]] void refuse(std::string_view reason) const {
        throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}", records->place(), reason));
    }
};

template <class Row>
std::unique_ptr<FileParser> parser_of(Opening opening, std::string name, std::unique_ptr<RowFormat<Row>> format) {
    return std::make_unique<RowParser<Row>>(std::move(name), std::move(opening.records), std::move(opening.context),
                                            std::move(format));
}

std::unique_ptr<FileParser> open_tardis(Opening opening, const Layout& layout, Columns columns) {
    FileContext& context = *opening.context;
    std::string name(layout.name);
    if (layout.dataset == Dataset::book_tickers) {
        return parser_of(std::move(opening), std::move(name), tardis_book_tickers(std::move(columns), context));
    }
    if (layout.dataset == Dataset::funding_rates) {
        return parser_of(std::move(opening), std::move(name), tardis_funding_rates(std::move(columns), context));
    }
    // Liquidations have the columns of trades; only the name tells them apart.
    if (opening.path().filename().string().find("_liquidations_") != std::string::npos ||
        opening.records->input().inner_name().find("_liquidations_") != std::string::npos) {
        opening.refuse("layout `tardis liquidations` is not read: liquidations are not trades");
    }
    return parser_of(std::move(opening), std::move(name), tardis_trades(std::move(columns), context));
}

std::unique_ptr<FileParser> open_binance(Opening opening, const Layout& layout, Columns columns) {
    FileContext& context = *opening.context;
    const FixedInstrument instrument =
        binance_instrument(layout, opening.path(), opening.records->input().inner_name(), context.options);
    std::string name = binance_layout_name(layout, instrument.exchange);
    if (layout.dataset == Dataset::book_tickers) {
        auto format = binance_book_tickers(std::move(columns), context, instrument);
        return parser_of(std::move(opening), std::move(name), std::move(format));
    }
    if (layout.dataset == Dataset::funding_rates) {
        auto format = binance_funding_rates(std::move(columns), context, instrument);
        return parser_of(std::move(opening), std::move(name), std::move(format));
    }
    auto format = binance_trades(layout, std::move(columns), context, instrument);
    return parser_of(std::move(opening), std::move(name), std::move(format));
}

template <class Row>
std::unique_ptr<FileParser> open_own_of(Opening opening, const Layout& layout, std::optional<Columns> columns) {
    FileContext& context = *opening.context;
    if (columns) {
        return parser_of(std::move(opening), std::string(layout.name),
                         own_csv<Row>(layout, *std::move(columns), context));
    }
    return parser_of(std::move(opening), fmt::format("marketdb-jsonl {}", to_string(*layout.dataset)),
                     own_json<Row>(layout, context));
}

/// Columns: CSV; none: JSON lines.
std::unique_ptr<FileParser> open_own(Opening opening, const Layout& layout, std::optional<Columns> columns) {
    switch (*layout.dataset) {
        case Dataset::book_tickers: return open_own_of<BookTicker>(std::move(opening), layout, std::move(columns));
        case Dataset::trades: return open_own_of<Trade>(std::move(opening), layout, std::move(columns));
        case Dataset::funding_rates: return open_own_of<FundingRate>(std::move(opening), layout, std::move(columns));
        case Dataset::balances: break;
    }
    return open_own_of<Balance>(std::move(opening), layout, std::move(columns));
}

/// The layout of these column names; it is read, and of the vendor and dataset that were asked for.
const Layout& recognise(const Opening& opening, std::span<const std::string_view> names) {
    const Layout* layout = most_similar(names, opening.wanted.vendor, opening.wanted.dataset);
    if (layout == nullptr || !layout->dataset) {
        const auto vendor = opening.wanted.json ? opening.wanted.vendor : std::nullopt;
        const Layout* other = most_similar(names, vendor, std::nullopt);
        if (other != nullptr && other->dataset) {
            opening.refuse(fmt::format("the columns are those of layout `{}`, and not what --layout and --dataset say",
                                       other->name));
        }
    }
    if (layout == nullptr) {
        opening.refuse(fmt::format("the columns are of no layout that is read: {}", layouts_read()));
    }
    if (!layout->dataset) {
        opening.refuse(fmt::format("layout `{}` is not read; read are: {}", layout->name, layouts_read()));
    }
    return *layout;
}

std::unique_ptr<FileParser> open_json(Opening opening, std::string_view first) {
    if (first.front() == '[') opening.refuse("a JSON array is not read; export JSON lines (--ndjson)");
    std::vector<std::string> keys;
    try {
        keys = json_keys(first);
    } catch (const Error& error) {
        opening.refuse(error.what());
    }
    const std::vector<std::string_view> names(keys.begin(), keys.end());
    opening.wanted.vendor = Vendor::marketdb;
    opening.wanted.json = true;
    const Layout& layout = recognise(opening, names);
    opening.records->unread();
    return open_own(std::move(opening), layout, std::nullopt);
}

std::unique_ptr<FileParser> open_headerless(Opening opening, std::span<const std::string_view> first_row) {
    const std::optional<Vendor> vendor = opening.wanted.vendor;
    if (vendor && vendor != Vendor::binance) opening.refuse("the first line is no header");
    const std::string& name = opening.records->input().inner_name();
    const Layout* layout = nullptr;
    try {
        layout = &headerless_binance_layout(first_row, name, opening.context->options);
    } catch (const Error& error) {
        opening.refuse(error.what());
    }
    opening.records->unread();
    return open_binance(std::move(opening), *layout, Columns(*layout));
}

Columns columns_of(const Opening& opening, const Layout& layout, std::span<const std::string_view> header) {
    try {
        return Columns(layout, header);
    } catch (const Error& error) {
        opening.refuse(error.what());
    }
}

std::size_t split_header(const Opening& opening, std::string_view first, std::span<std::string_view> fields,
                         std::string& unquoted) {
    try {
        return split_quoted(first, fields, unquoted);
    } catch (const Error& error) {
        opening.refuse(error.what());
    }
}

std::unique_ptr<FileParser> open_csv(Opening opening, std::string_view first) {
    std::array<std::string_view, Columns::kMaxColumns> fields;
    std::string unquoted;
    const bool quoted = first.find('"') != std::string_view::npos;
    const std::size_t count = quoted ? split_header(opening, first, fields, unquoted) : split_plain(first, fields);
    if (count > fields.size()) opening.refuse(fmt::format("{} columns, expected at most {}", count, fields.size()));
    const auto header = std::span<const std::string_view>(fields).first(count);
    if (first.front() >= '0' && first.front() <= '9') return open_headerless(std::move(opening), header);

    const Layout& layout = recognise(opening, header);
    Columns columns = columns_of(opening, layout, header);
    if (layout.vendor == Vendor::tardis) return open_tardis(std::move(opening), layout, std::move(columns));
    if (layout.vendor == Vendor::binance) return open_binance(std::move(opening), layout, std::move(columns));
    opening.records->allow_quotes();
    return open_own(std::move(opening), layout, std::move(columns));
}

std::vector<std::string> warnings_about(const Input& input) {
    const std::string name = input.path().filename().string();
    if (input.total_bytes() > 0 || compression_ending(name).empty()) return {};
    return {fmt::format("has no bytes at all, not even those of an empty {} file", compression_ending(name))};
}

}  // namespace

std::unique_ptr<FileParser> open_parser(std::unique_ptr<Input> input, const ParserOptions& options) {
    const Wanted wanted = wanted_of(options);
    auto context = std::make_unique<FileContext>();
    context->options = options;
    if (!options.exchange.empty()) context->options.exchange = exchange_name(options.exchange, "--exchange");
    context->warnings = warnings_about(*input);
    auto records = std::make_unique<RecordReader>(std::move(input));

    std::string_view first;
    if (!records->next(first)) return std::make_unique<EmptyFile>(std::move(context->warnings));
    Opening opening{std::move(records), std::move(context), wanted};
    if (!core::is_clean_utf8(first)) opening.refuse("the first line is no text; a file that is not CSV or JSON lines?");
    const bool is_json = wanted.json || first.front() == '{' || first.front() == '[';
    return is_json ? open_json(std::move(opening), first) : open_csv(std::move(opening), first);
    // The analyzer loses the owner of the context in the aggregate that was moved.
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace marketdb::io
