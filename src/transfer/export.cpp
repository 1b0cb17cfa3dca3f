#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <marketdb/error.hpp>
#include <marketdb/format.hpp>
#include <marketdb/transfer.hpp>

#include "transfer/part_file.hpp"
#include "transfer/tie_order.hpp"
#include "transfer/worker.hpp"

namespace marketdb {
namespace {

constexpr std::size_t kBatchRows = 16'384;

/// The names of a series in the text.
struct SeriesNames {
    std::string exchange, symbol, exchange_symbol;
};

template <class Row>
[[nodiscard]] std::int32_t series_id(const Row& row) noexcept {
    if constexpr (std::is_same_v<Row, Balance>) {
        return static_cast<std::int32_t>(row.exchange_id);
    } else {
        return static_cast<std::int32_t>(row.symbol_id);
    }
}

/// Where the text goes.
struct Destination {
    std::function<void(std::string_view)> write;
    std::function<void()> finish;  ///< May be empty.
    bool on_worker = false;        ///< They block and know nothing of the caller: they run beside the database.
};

/// What is asked, checked at the call.
struct ExportPlan {
    Dataset dataset{};
    ExportFormat format{};
    ClockKind clock{};
    bool is_descending = false;
    const std::atomic<bool>* stop = nullptr;
};

/// Writes the rows of a reader as text: while one batch is formatted (and compressed), the next one is read.
template <class Row>
class Exporter {
 public:
    Exporter(DatabaseManager& db, HistoryReader<Row> reader, ExportPlan plan, Destination destination,
             const boost::asio::any_io_executor& executor)
        : db_(db),
          reader_(std::move(reader)),
          plan_(plan),
          destination_(std::move(destination)),
          ties_(plan.clock, Before{this}),
          worker_(executor) {}

    boost::asio::awaitable<ExportReport> run() {
        try {
            co_await export_all();
        } catch (const boost::system::system_error&) {
            throw Error(ErrorCode::cancelled,
                        "the export was cancelled");  // Asio's word for a coroutine that was cancelled while it waited
        }
        report_.without_received_at = reader_.without_received_at();
        co_return report_;
    }

 private:
    boost::asio::awaitable<void> export_all() {
        if (plan_.format == ExportFormat::csv) text_ = header();
        bool is_last = false;
        do {
            worker_.start([this] { format_rows(); });
            std::vector<Row> rows = co_await reader_.next(kBatchRows);
            co_await worker_.finished();
            deliver();
            stop_if_asked();
            co_await name_series(rows);
            is_last = rows.empty();
            rows_ = ties_.pass(std::move(rows), is_last);
        } while (!is_last);
        worker_.start([this] {
            format_rows();
            if (destination_.finish) destination_.finish();
        });
        co_await worker_.finished();
        deliver();
    }

    /// Whether the series of one row is named before the other's.
    struct Before {
        const Exporter* self;
        bool operator()(const Row& a, const Row& b) const {
            if (series_id(a) == series_id(b)) return false;
            const SeriesNames& first = self->names_.at(series_id(self->plan_.is_descending ? b : a));
            const SeriesNames& second = self->names_.at(series_id(self->plan_.is_descending ? a : b));
            return std::tie(first.exchange, first.exchange_symbol) < std::tie(second.exchange, second.exchange_symbol);
        }
    };

    [[nodiscard]] static constexpr bool has_symbols() noexcept { return !std::is_same_v<Row, Balance>; }

    [[nodiscard]] std::string header() const {
        return fmt::format("{}\n", fmt::join(field_names(plan_.dataset, has_symbols(), /*with_age=*/false), ","));
    }

    boost::asio::awaitable<void> name_series(const std::vector<Row>& rows) {
        for (const Row& row : rows) {
            const std::int32_t id = series_id(row);
            if (names_.contains(id)) continue;
            SeriesNames names = co_await names_of(id);
            names_.emplace(id, std::move(names));
        }
    }

    boost::asio::awaitable<SeriesNames> names_of(std::int32_t id) {
        SeriesNames names;
        auto exchange_id = static_cast<ExchangeId>(id);
        if constexpr (has_symbols()) {
            const std::optional<Symbol> symbol = co_await db_.get_symbol_by_id(static_cast<SymbolId>(id));
            if (!symbol) throw Error(ErrorCode::corrupt, fmt::format("rows of symbol {}, which is not stored", id));
            names.symbol = pair(*symbol);
            names.exchange_symbol = symbol->exchange_symbol.str();
            exchange_id = symbol->exchange_id;
        }
        const std::optional<Exchange> exchange = co_await db_.get_exchange_by_id(exchange_id);
        if (!exchange) throw Error(ErrorCode::corrupt, fmt::format("rows of exchange {}, which is not stored", id));
        names.exchange = exchange->enum_value.str();
        co_return names;
    }

    void format_rows() {
        for (const Row& row : rows_) {
            const SeriesNames& names = names_.at(series_id(row));
            RowContext context;
            context.exchange = names.exchange;
            context.symbol = names.symbol;
            context.exchange_symbol = names.exchange_symbol;
            context.with_exchange_symbol = has_symbols();
            append_row(text_, row, context, plan_.format == ExportFormat::csv ? TextFormat::csv : TextFormat::json);
            text_ += '\n';
        }
        report_.rows += rows_.size();
        report_.bytes += text_.size();
        rows_.clear();
        if (destination_.on_worker) hand_over();
    }

    void deliver() {
        if (!destination_.on_worker) hand_over();
    }

    void hand_over() {
        if (!text_.empty()) destination_.write(text_);
        text_.clear();
    }

    void stop_if_asked() const {
        if (plan_.stop == nullptr || !plan_.stop->load()) return;
        throw Error(ErrorCode::cancelled, fmt::format("the export was interrupted after {} rows", report_.rows));
    }

    DatabaseManager& db_;
    HistoryReader<Row> reader_;
    const ExportPlan plan_;
    const Destination destination_;
    ExportReport report_;
    std::unordered_map<std::int32_t, SeriesNames> names_;
    transfer::TieOrder<Row, Before> ties_;

    // of the worker while it runs
    std::vector<Row> rows_;
    std::string text_;

    transfer::Worker worker_;  // last: its job is waited for before anything else goes
};

template <class Row>
boost::asio::awaitable<ExportReport> run_export(DatabaseManager& db, HistoryReader<Row> reader, ExportPlan plan,
                                                Destination destination) {
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    Exporter<Row> exporter(db, std::move(reader), plan, std::move(destination), executor);
    co_return co_await exporter.run();
}

template <class Row>
boost::asio::awaitable<ExportReport> run_export_to_file(DatabaseManager& db, HistoryReader<Row> reader, ExportPlan plan,
                                                        std::filesystem::path file) {
    transfer::PartFile part(file);
    Destination destination;
    destination.write = [&part](std::string_view text) { part.write(text); };
    destination.finish = [&part] { part.finish(); };
    destination.on_worker = true;
    co_return co_await run_export(db, std::move(reader), plan, std::move(destination));
}

[[nodiscard]] ExportPlan plan_of(Dataset dataset, const HistoryFilter& filter, ExportFormat format,
                                 const std::atomic<bool>* stop) {
    ExportPlan plan;
    plan.dataset = dataset;
    plan.format = format;
    plan.clock = filter.clock;
    plan.is_descending = filter.order == Order::descending;
    plan.stop = stop;
    return plan;
}

/// Calls `start` with a reader of the dataset's rows. The filter's texts are copied here, before any coroutine begins.
template <class Start>
[[nodiscard]] boost::asio::awaitable<ExportReport> with_reader(DatabaseManager& db, Dataset dataset,
                                                               const HistoryFilter& filter, Start start) {
    switch (dataset) {
        case Dataset::book_tickers: return start(db.read_history<BookTicker>(filter));
        case Dataset::trades: return start(db.read_history<Trade>(filter));
        case Dataset::funding_rates: return start(db.read_history<FundingRate>(filter));
        case Dataset::balances: return start(db.read_history<Balance>(filter));
    }
    throw Error(ErrorCode::invalid_argument, fmt::format("dataset {} does not exist", static_cast<int>(dataset)));
}

}  // namespace

boost::asio::awaitable<ExportReport> export_file(DatabaseManager& db, Dataset dataset, HistoryFilter filter,
                                                 std::filesystem::path file, ExportFormat format,
                                                 const std::atomic<bool>* stop) {
    const ExportPlan plan = plan_of(dataset, filter, format, stop);
    return with_reader(db, dataset, filter,
                       [&](auto reader) { return run_export_to_file(db, std::move(reader), plan, std::move(file)); });
}

boost::asio::awaitable<ExportReport> export_rows(DatabaseManager& db, Dataset dataset, HistoryFilter filter,
                                                 ExportFormat format, std::function<void(std::string_view)> write,
                                                 const std::atomic<bool>* stop) {
    const ExportPlan plan = plan_of(dataset, filter, format, stop);
    Destination destination;
    destination.write = std::move(write);
    return with_reader(db, dataset, filter,
                       [&](auto reader) { return run_export(db, std::move(reader), plan, std::move(destination)); });
}

}  // namespace marketdb
