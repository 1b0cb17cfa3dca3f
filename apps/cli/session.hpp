#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

#include "database_choice.hpp"

namespace marketdb::cli {

enum class Access : std::uint8_t {
    read,    ///< Nothing is created or written, no right to write is needed.
    write,   ///< The database must exist.
    create,  ///< It is made if it does not exist.
};

/// How a series is written in answers.
struct SeriesNames {
    std::string exchange;
    std::string symbol;
    std::string exchange_symbol;

    /// `BINANCE_SPOT:BTC/USDT`.
    [[nodiscard]] std::string text() const { return exchange + ":" + symbol; }
};

/// An open database, for commands that wait for each answer. Keeps Asio out of the commands' sources.
///
/// Errors of all methods: those of the manager's; Interrupted when the user asked to stop.
/// Opening: Failure (kUnavailable) too, if the file must exist and does not.
class Session {
 public:
    Session(DatabaseChoice choice, Access access);
    /// For the migrate commands: nothing is opened until they ask.
    [[nodiscard]] static Session unopened(DatabaseChoice choice, Access access);
    /// The database that rows are put into: made if it does not exist. A dry run reads it, only to say what is known already;
    /// one that does not exist is then taken as empty.
    [[nodiscard]] static Session target(DatabaseChoice choice, bool is_dry_run);
    ~Session();
    Session(Session&&) noexcept;

    /// `sqlite:market.db (--db)`.
    [[nodiscard]] const std::string& name() const noexcept;
    /// Errors that only closing finds (the disk is full) are reported here; the destructor is silent.
    void close();

    [[nodiscard]] std::vector<Exchange> exchanges();
    [[nodiscard]] std::vector<Symbol> symbols(ExchangeId exchange, bool active_only);
    [[nodiscard]] std::vector<Symbol> resolve_series(std::string_view series);
    [[nodiscard]] const Exchange* find_exchange(std::string_view enum_value) const noexcept;
    [[nodiscard]] const Symbol* find_symbol(SymbolId id) const noexcept;

    /// Of a stored row; kept, so cheap to ask for each.
    [[nodiscard]] const SeriesNames& names(SymbolId id);
    [[nodiscard]] const SeriesNames& names(ExchangeId id);

    /// Row: one of the four.
    template <class Row>
    [[nodiscard]] std::vector<Latest<Row>> latest(const LatestFilter& filter);

    /// Hands over rows in batches until `take` says false.
    /// @return  Rows left out because the received clock was asked for.
    template <class Row>
    std::uint64_t read_history(const HistoryFilter& filter, std::size_t batch_rows,
                               const std::function<bool(std::span<const Row>)>& take);

    [[nodiscard]] DatabaseStats stats();
    [[nodiscard]] std::vector<SeriesStats> series_stats();
    [[nodiscard]] CleanupResult cleanup(const CleanupOptions& options);
    [[nodiscard]] MigrationStatus migrate_status();
    [[nodiscard]] std::vector<MigrationStep> migrate_plan();
    [[nodiscard]] std::vector<MigrationStep> migrate_up();
    [[nodiscard]] std::vector<MigrationStep> migrate_down(std::uint32_t version);
    [[nodiscard]] ConversionReport plan_conversion(ConversionDetail detail = ConversionDetail::all);
    [[nodiscard]] ConversionReport convert(ConversionStep step, const ConversionOptions& options);

    struct Impl;
    [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Whether the tables are those of older programs, perhaps on their way to ours.
[[nodiscard]] bool has_existing_tables(const ConversionReport& report);

}  // namespace marketdb::cli
