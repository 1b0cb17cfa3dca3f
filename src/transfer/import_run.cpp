#include "transfer/import_run.hpp"

#include <algorithm>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <boost/system/system_error.hpp>

#include <marketdb/retention.hpp>

#include "io/input.hpp"
#include "transfer/file_error.hpp"
#include "transfer/source_record.hpp"

namespace marketdb::transfer {
namespace {

/// Where the instrument of a row is kept: of balances the exchange stands for it.
template <class Row>
[[nodiscard]] auto& owner_of(Row& row) noexcept {
    if constexpr (std::is_same_v<std::remove_const_t<Row>, Balance>) {
        return row.exchange_id;
    } else {
        return row.symbol_id;
    }
}

[[nodiscard]] io::ParserOptions parser_options(const ImportOptions& options) {
    io::ParserOptions parser;
    parser.layout = options.layout;
    parser.dataset = options.dataset;
    parser.exchange = options.exchange;
    parser.symbol = options.symbol;
    parser.base = options.base;
    parser.quote = options.quote;
    parser.time_unit = options.time_unit;
    parser.keeps_texts = options.on_error == OnError::quarantine;
    return parser;
}

[[nodiscard]] boost::asio::awaitable<WriteResult> insert(DatabaseManager& db, io::Rows rows,
                                                         std::vector<CoverageClaim> claims) {
    const auto insert_each = [&]<class Row>(std::vector<Row>& each) {
        if constexpr (std::is_same_v<Row, Balance>) {
            return db.insert_balance_snapshots(std::move(each));
        } else {
            return insert_covered(db, std::move(each), std::move(claims));
        }
    };
    return std::visit(insert_each, rows);
}

[[nodiscard]] bool is_empty(const io::Rows& rows) {
    return std::visit([](const auto& each) { return each.empty(); }, rows);
}

/// Rows before it go with the next clean-up, though they came by an import. None: they stay.
[[nodiscard]] boost::asio::awaitable<std::optional<Timestamp>> oldest_kept(DatabaseManager& db, Dataset dataset) {
    std::vector<RetentionPolicy> policies;
    try {
        policies = co_await get_retention(db);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::schema_mismatch) throw;  // An existing schema stores none.
    }
    const Config& config = db.config();
    const Timestamp now = (config.clock ? config.clock : system_clock())->now();
    for (const RetentionPolicy& one : policies) {
        const bool takes_by_age = one.takes_imports && one.max_age.count() > 0;
        if (one.dataset == dataset && takes_by_age) co_return now - one.max_age;
    }
    co_return std::nullopt;
}

}  // namespace

ImportRun::ImportRun(DatabaseManager& db, std::filesystem::path file, ImportOptions options,
                     const boost::asio::any_io_executor& executor)
    : db_(db),
      file_(std::move(file)),
      options_(std::move(options)),
      readable_(file_),
      instruments_(db, file_.string()),
      coverage_(db, instruments_, options_),
      worker_(executor) {
    report_.file = file_.string();
}

boost::asio::awaitable<ImportReport> ImportRun::run() {
    const auto started = std::chrono::steady_clock::now();
    std::exception_ptr stopped;
    try {
        co_await import();
    } catch (const FileError& error) {
        report_.error = error.what();
        report_.error_code = error.code();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::cancelled) throw;
        stopped = std::current_exception();
    } catch (const boost::system::system_error&) {
        throw interrupted("cancelled");  // Asio's word for a coroutine that was cancelled while it waited
    }
    if (stopped || !report_.error.empty()) {
        // Of what is not claimed yet nothing will be.
        std::vector<CoverageClaim> nothing;
        co_await coverage_.settle(source_, std::move(nothing));
    }
    if (stopped) std::rethrow_exception(stopped);
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    co_return std::move(report_);
}

boost::asio::awaitable<void> ImportRun::import() {
    stop_if_asked();
    co_await spool_if_needed();
    co_await identify();
    co_await find_finished_source();
    if (finished_source_ && !options_.force) report_.skipped = true;
    if (report_.skipped && !options_.dry_run) {
        add_remarks(coverage_.why_not_complete("it is imported already"));
        co_await describe_skipped();
        co_return;
    }
    if (options_.dry_run || options_.on_error == OnError::stop) co_await validate();
    if (options_.dry_run) co_return;
    if (options_.on_error == OnError::quarantine) co_await require_quarantine();
    // Nothing to keep and nothing to remember: every file without rows would be "the same" empty file.
    if (is_validated_ && total_rows_ == 0) {
        add_remarks(coverage_.why_not_complete("it has no rows"));
        co_return;
    }
    co_await store();
}

boost::asio::awaitable<void> ImportRun::spool_if_needed() {
    bool is_stream = false;
    worker_.start(of_the_file([&] {
        is_stream = needs_spool(file_);
        if (is_stream) spool_ = std::make_unique<Spool>(file_, options_.temp_directory);
    }));
    co_await worker_.finished();
    if (!is_stream) co_return;

    bool more = true;
    while (more) {
        worker_.start(of_the_file([&] { more = spool_->copy_some(options_.stop); }));
        co_await worker_.finished();
        stop_if_asked();
        tell_progress(/*validating=*/true, 0, spool_->bytes(), 0);
    }
    readable_ = spool_->path();
}

boost::asio::awaitable<void> ImportRun::identify() {
    worker_.start(of_the_file([&] {
        stamp_ = stamp_of(readable_);
        sha256_ = io::sha256_of_file(readable_);
        if (spool_ == nullptr) verify_checksum(file_, sha256_);
    }));
    co_await worker_.finished();
}

boost::asio::awaitable<void> ImportRun::find_finished_source() {
    SourceFilter filter;
    filter.kind = kImportKind;
    filter.sha256 = sha256_;
    filter.finished_only = true;
    const std::vector<Source> sources = co_await db_.get_sources(filter);
    if (!sources.empty()) finished_source_ = sources.front().id;
}

boost::asio::awaitable<void> ImportRun::describe_skipped() {
    // Only what opening the file tells; it was whole once, so whatever is wrong now (an option that the first import had) is
    // no reason to fail.
    const std::unique_ptr<FileReader> reader = make_reader();
    reader->start();
    try {
        const Chunk chunk = co_await reader->finish();
        take_over(*reader, chunk);
        note_rows(chunk.batch);
        report_instruments();
        report_.first = report_.last = kNoTime;
    } catch (const FileError&) {
        co_return;
    }
}

std::unique_ptr<FileReader> ImportRun::make_reader() {
    return std::make_unique<FileReader>(worker_, readable_, file_, parser_options(options_), options_.batch_rows);
}

void ImportRun::take_over(const FileReader& reader, const Chunk& chunk) {
    report_.layout = reader.layout();
    if (report_.layout.starts_with("marketdb")) coverage_.claim_nothing_by_itself();
    dataset_ = reader.dataset();
    coverage_.set_dataset(dataset_);
    if (dataset_) report_.dataset = to_string(*dataset_);
    instruments_.append(chunk.new_instruments);
}

void ImportRun::add_warnings(const FileReader& reader) {
    for (const std::vector<std::string>& texts : {reader.warnings(), instruments_.contradictions()}) add_remarks(texts);
}

void ImportRun::add_remarks(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) report_.warnings.push_back(fmt::format("{}: {}", report_.file, text));
}

/// Which instruments the rows use, and their times.
void ImportRun::note_rows(const io::Batch& batch) {
    chunk_first_ = chunk_last_ = kNoTime;
    std::visit(
        [this, &batch](const auto& each) {
            for (std::size_t at = 0; at < each.size(); ++at) {
                const auto& row = each[at];
                instruments_.use(static_cast<std::size_t>(owner_of(row)), batch.lines[at]);
                if (!is_present(chunk_first_) || row.timestamp < chunk_first_) chunk_first_ = row.timestamp;
                chunk_last_ = std::max(chunk_last_, row.timestamp);  // kNoTime is before every time
            }
        },
        batch.rows);
    if (!is_present(chunk_first_)) return;
    if (!is_present(report_.first) || chunk_first_ < report_.first) report_.first = chunk_first_;
    report_.last = std::max(report_.last, chunk_last_);
}

void ImportRun::report_instruments() {
    report_.exchange = instruments_.exchanges();
    report_.symbols = instruments_.symbols();
    report_.new_symbols = instruments_.new_symbols();
}

boost::asio::awaitable<void> ImportRun::validate() {
    const std::unique_ptr<FileReader> reader = make_reader();
    for (;;) {
        reader->start();
        const Chunk chunk = co_await reader->finish();
        take_over(*reader, chunk);
        if (chunk.at_end) break;
        if (options_.on_error == OnError::stop) refuse_errors(chunk.batch.errors);
        report_.rejected += chunk.batch.errors.size();
        total_rows_ += chunk.batch.read;
        note_rows(chunk.batch);
        coverage_.survey(chunk.batch);
        tell_progress(/*validating=*/true, total_rows_, chunk.bytes, chunk.total_bytes);
        stop_if_asked();
    }
    report_.read = total_rows_;
    is_validated_ = true;
    if (options_.on_error == OnError::stop) coverage_.end_survey();
    co_await instruments_.look_up(are_balances());
    add_warnings(*reader);
    if (options_.on_error == OnError::stop) instruments_.require_no_refusal();
    report_.rejected += instruments_.refused_rows();
    report_instruments();
    const SourceId own = finished_source_.value_or(SourceId());
    if (options_.dry_run) co_await look_at_coverage(own);
    co_await look_at_retention();
    co_await warn_of_single_trades(report_.first, report_.last);
}

boost::asio::awaitable<void> ImportRun::store() {
    const std::unique_ptr<FileReader> reader = make_reader();
    report_.rejected = 0;
    reader->start();
    for (;;) {
        Chunk chunk = co_await reader->finish();
        if (!is_validated_) take_over(*reader, chunk);
        if (chunk.at_end) break;
        stop_if_asked();
        reader->start();  // the next part is parsed while this one is stored
        const std::uint64_t bytes = chunk.bytes;
        const std::uint64_t total_bytes = chunk.total_bytes;
        co_await place(std::move(chunk));
        tell_progress(/*validating=*/false, rows_seen_, bytes, total_bytes);
    }
    report_.read = rows_seen_;
    if (!is_validated_) add_warnings(*reader);
    refuse_changed_file();
    report_instruments();
    if (!is_validated_ && source_ != SourceId{}) co_await look_at_coverage(source_);
    std::vector<CoverageClaim> claims = coverage_.at_end(source_);
    co_await coverage_.settle(source_, std::move(claims));
    co_await finish_source();
}

/// What of the file's time other sources have covered.
boost::asio::awaitable<void> ImportRun::look_at_coverage(SourceId own) {
    if (!dataset_) co_return;
    co_await coverage_.look_up(own);
    const std::vector<std::string> remarks = co_await coverage_.remarks();
    add_remarks(remarks);
}

boost::asio::awaitable<void> ImportRun::look_at_retention() {
    if (has_warned_of_retention_ || !dataset_ || !is_present(report_.first)) co_return;
    if (!has_asked_for_oldest_) oldest_kept_ = co_await oldest_kept(db_, *dataset_);
    has_asked_for_oldest_ = true;
    if (!oldest_kept_ || report_.first >= *oldest_kept_) co_return;
    has_warned_of_retention_ = true;
    const std::string warning = fmt::format(
        "{}: rows from {} on are older than the retention policy of {} lets them be, and it takes imported rows too: "
        "those "
        "before {} go with the next clean-up",
        report_.file, to_string(report_.first), to_string(*dataset_), to_string(*oldest_kept_));
    report_.warnings.push_back(warning);
    if (options_.on_warning) options_.on_warning(warning);
}

boost::asio::awaitable<void> ImportRun::place(Chunk chunk) {
    if (is_validated_ && !chunk.batch.errors.empty()) refuse_changed_file();
    if (options_.on_error == OnError::stop) refuse_errors(chunk.batch.errors);
    if (!is_validated_) {
        note_rows(chunk.batch);
        co_await instruments_.look_up(are_balances());
        reject_refused_rows(chunk.batch);
        co_await look_at_retention();
        co_await warn_of_single_trades(chunk_first_, chunk_last_);
    }
    co_await instruments_.create();
    if (source_ == SourceId{}) {
        co_await begin_source();
        if (is_validated_) co_await look_at_coverage(source_);
    }
    if (!is_validated_) coverage_.survey(chunk.batch);
    report_.covered += coverage_.take(chunk.batch);
    co_await quarantine(std::move(chunk.batch.errors));
    co_await insert_rows(std::move(chunk.batch.rows));
    rows_seen_ += chunk.batch.read;
    report_.written.folded += chunk.batch.folded;
}

/// Moves the rows of symbols that cannot be created from the rows to the errors.
void ImportRun::reject_refused_rows(io::Batch& batch) const {
    std::visit(
        [&](auto& each) {
            std::size_t kept = 0;
            for (std::size_t at = 0; at < each.size(); ++at) {
                std::string refusal = instruments_.refusal(static_cast<std::size_t>(owner_of(each[at])));
                if (!refusal.empty()) {
                    batch.errors.push_back({batch.lines[at], std::move(refusal), std::move(batch.texts[at]),
                                            each[at].timestamp, each[at].received_at});
                    continue;
                }
                batch.lines[kept] = batch.lines[at];
                each[kept++] = each[at];
            }
            each.resize(kept);
            batch.lines.resize(kept);
            batch.texts.clear();
        },
        batch.rows);
}

boost::asio::awaitable<void> ImportRun::begin_source() {
    if (finished_source_) {
        // Forced: the rows come from the source that they always came from.
        source_ = *finished_source_;
        co_return;
    }
    const Source source = make_import_source(file_, sha256_);
    source_ = co_await db_.begin_source(source);
}

boost::asio::awaitable<void> ImportRun::finish_source() {
    const WriteResult& written = report_.written;
    const bool is_old_news = finished_source_.has_value() && written.inserted == 0 && written.updated == 0;
    if (source_ == SourceId{} || is_old_news) co_return;
    const std::uint64_t rows = written.inserted + written.updated + written.unchanged;
    co_await db_.finish_source(source_, static_cast<std::int64_t>(rows));
}

boost::asio::awaitable<void> ImportRun::insert_rows(io::Rows rows) {
    co_await coverage_.open(source_);
    if (is_empty(rows)) co_return;
    point_rows_at_database(rows);
    std::vector<CoverageClaim> claims = coverage_.so_far(source_);
    const WriteResult written = co_await insert(db_, std::move(rows), std::move(claims));
    report_.written += written;
}

void ImportRun::point_rows_at_database(io::Rows& rows) const {
    std::visit(
        [this](auto& each) {
            for (auto& row : each) {
                auto& owner = owner_of(row);
                owner = std::remove_reference_t<decltype(owner)>(instruments_.id(static_cast<std::size_t>(owner)));
                row.source_id = source_;
            }
        },
        rows);
}

/// Not every database can set rows aside, and the first bad row is too late to say so.
boost::asio::awaitable<void> ImportRun::require_quarantine() {
    std::vector<QuarantinedRow> none;
    co_await db_.insert_quarantined_rows(std::move(none));
}

boost::asio::awaitable<void> ImportRun::quarantine(std::vector<io::RowError> errors) {
    if (errors.empty()) co_return;
    std::vector<QuarantinedRow> rows;
    rows.reserve(errors.size());
    for (const io::RowError& error : errors) rows.push_back(make_quarantined_row(source_, report_.dataset, error));
    report_.rejected += rows.size();
    co_await db_.insert_quarantined_rows(std::move(rows));
}

boost::asio::awaitable<void> ImportRun::warn_of_single_trades(Timestamp first, Timestamp last) {
    const bool are_aggregates = report_.layout.find("aggTrades") != std::string::npos;
    if (!are_aggregates || has_warned_of_single_trades_ || !is_present(first)) co_return;
    const std::vector<SymbolId> symbols = instruments_.known_symbols();
    if (symbols.empty()) co_return;
    HistoryFilter filter;
    filter.series.symbols = symbols;
    filter.start = first;
    filter.end = last + std::chrono::microseconds(1);
    HistoryReader<Trade> reader = db_.read_history<Trade>(filter);
    for (;;) {
        const std::vector<Trade> trades = co_await reader.next();
        if (trades.empty()) co_return;
        const auto single = std::find_if(trades.begin(), trades.end(),
                                         [](const Trade& trade) { return !trade.trade_id.view().starts_with('a'); });
        if (single == trades.end()) continue;
        has_warned_of_single_trades_ = true;
        report_.warnings.push_back(fmt::format(
            "{}: single trades of the same symbol and time are stored already (trade {} at {}); sums over both "
            "count every trade twice",
            report_.file, single->trade_id.view(), to_string(single->timestamp)));
        co_return;
    }
}

void ImportRun::refuse_errors(const std::vector<io::RowError>& errors) const {
    if (errors.empty()) return;
    throw FileError(ErrorCode::invalid_argument,
                    fmt::format("{}:{}: {}", report_.file, errors.front().line, errors.front().reason));
}

bool ImportRun::is_same_file() const {
    try {
        return stamp_of(readable_) == stamp_;
    } catch (const Error&) {
        return false;  // gone
    }
}

void ImportRun::refuse_changed_file() const {
    if (is_same_file()) return;
    throw FileError(ErrorCode::invalid_argument,
                    fmt::format("{}: was changed while it was imported; {} of its rows are stored and its source stays "
                                "unfinished",
                                report_.file, report_.written.inserted));
}

void ImportRun::tell_progress(bool validating, std::uint64_t rows, std::uint64_t bytes,
                              std::uint64_t total_bytes) const {
    if (!options_.on_progress) return;
    ImportProgress progress;
    progress.file = report_.file;
    progress.validating = validating;
    progress.rows = rows;
    progress.total_rows = validating ? 0 : total_rows_;
    progress.bytes = bytes;
    progress.total_bytes = total_bytes;
    progress.written = report_.written;
    progress.rejected = validating ? 0 : report_.rejected;
    options_.on_progress(progress);
}

void ImportRun::stop_if_asked() const {
    if (options_.stop != nullptr && options_.stop->load()) throw interrupted("interrupted");
}

Error ImportRun::interrupted(std::string_view how) const {
    if (source_ == SourceId{} && rows_seen_ == 0) {
        return Error(ErrorCode::cancelled, fmt::format("{}: {}; nothing of it was stored", report_.file, how));
    }
    return Error(
        ErrorCode::cancelled,
        fmt::format("{}: {}; its first {} rows are stored (inserted {}, updated {}, unchanged {}, rejected {}); "
                    "import it again to complete it",
                    report_.file, how, rows_seen_, report_.written.inserted, report_.written.updated,
                    report_.written.unchanged, report_.rejected));
}

}  // namespace marketdb::transfer
