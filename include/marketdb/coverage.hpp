#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/coverage_claim.hpp>
#include <marketdb/database_manager.hpp>

/// What is known to be complete, and what is missing. Free functions over the public `DatabaseManager`.
///
/// The ledger holds claims: of this series, on this clock, this source has every row of [start, end). An import claims from the
/// first to the last row of its file, in the transaction that stores the rows; a feed the time in which it was alive; a user what
/// nobody else can know. A claim may say too little, never too much: whoever removes rows takes their time out of it first.
/// Balances are not kept. An existing schema keeps no claims: writing them does nothing there, asking is a `schema_mismatch`.
namespace marketdb {

/// Whether the open database keeps claims at all. Memory only.
[[nodiscard]] bool keeps_coverage(DatabaseManager& db) noexcept;

/// The covered time: the union of all claims less the gaps that no other source fills, cut to the filter's range. By dataset,
/// symbol, clock and time; the pieces of one series and clock are apart.
///
/// Errors: schema_mismatch   an existing schema keeps no claims.
///         invalid_argument  end before start; balances.
/// Cost:   one query; its answer is in memory.
boost::asio::awaitable<std::vector<CoveredTime>> get_coverage(DatabaseManager& db, CoverageFilter filter = {},
                                                              Deadline deadline = {});

/// The gaps that count: what feeds and users say was missed, less what claims of other sources cover. Cut, in order and apart as
/// `get_coverage`. Errors: the same.
boost::asio::awaitable<std::vector<CoverageClaim>> get_declared_gaps(DatabaseManager& db, CoverageFilter filter = {},
                                                                     Deadline deadline = {});

/// The claims themselves, gaps too, as they are stored. Errors: as `get_coverage`.
boost::asio::awaitable<std::vector<CoverageClaim>> get_coverage_claims(DatabaseManager& db, CoverageFilter filter = {},
                                                                       Deadline deadline = {});

/// How complete the rows of a series are in [start, end), both of which are needed: what a history, bars and spreads return too if asked to.
/// Without a clock in the filter: by event time. Errors and cost: as `get_coverage`.
boost::asio::awaitable<CoverageShare> get_coverage_share(DatabaseManager& db, CoverageFilter filter,
                                                         Deadline deadline = {});

/// What a user knows of a series, and why.
struct CoverageDeclaration {
    Dataset dataset{};
    SymbolId symbol{};
    ClockKind clock = ClockKind::event;
    Timestamp start = kNoTime;  ///< Inclusive.
    Timestamp end = kNoTime;    ///< Exclusive.
    std::string_view reason;    ///< The name of the source that the claim is kept under; empty: `declared`.
};

/// Claims that the series has all of its rows in a time, or (`declare_gap`) that rows of it were missed.
///
/// Errors: invalid_argument  start or end is missing, the end is not after the start; balances.
///         unknown_symbol, read_only, schema_mismatch.
boost::asio::awaitable<void> declare_coverage(DatabaseManager& db, CoverageDeclaration declaration,
                                              Deadline deadline = {});
boost::asio::awaitable<void> declare_gap(DatabaseManager& db, CoverageDeclaration declaration, Deadline deadline = {});

/// Takes rows' time [start, end) out of every claim that the filter chooses (without times: all of it), on both clocks: what
/// `received_at` those rows can have follows from the series' known skew. Declared gaps stay, unless everything before a moment goes,
/// or one source is named. To be called before rows are removed by other means, and once more after it if imports or copies run
/// meanwhile: `delete_rows`, `undo_import` and `cleanup_old_data` do so by themselves. Nothing on an existing schema.
///
/// Errors: read_only, invalid_argument.
boost::asio::awaitable<void> withdraw_coverage(DatabaseManager& db, CoverageFilter filter, Deadline deadline = {});

/// Stores rows as `insert_*` does and claims in the same transaction. A claim that touches one of the same series, clock, kind
/// and source becomes one with it.
///
/// Row: BookTicker, Trade or FundingRate. Without rows only the claims are stored.
/// Errors: as `insert_*`; invalid_argument  a claim's end is not after its start, or it is of balances.
template <class Row>
boost::asio::awaitable<WriteResult> insert_covered(DatabaseManager& db, std::vector<Row> rows,
                                                   std::vector<CoverageClaim> claims, Deadline deadline = {});

/// For claims that can only be made when more than one transaction has stored their rows, as of an import or a copy: makes claims of a
/// series, clock, kind and source pending (for all time: theirs is not looked at) before the first of the rows is stored or looked
/// at. They count for nothing; but what is withdrawn from now on, because its rows go, goes out of them too, and `settle_claims`
/// stores only what is left. Meanwhile `insert_covered` leaves out a claim of which something went. What is pending from before, of
/// a program that was killed, stays as it is.
///
/// Errors: read_only; invalid_argument  it is of balances.
boost::asio::awaitable<void> open_claims(DatabaseManager& db, std::vector<CoverageClaim> claims,
                                         Deadline deadline = {});

/// Stores of claims the time that is still pending for the same source, series, clock and kind, and of gaps all; then nothing that
/// `closes` chooses (a source, maybe a dataset, a symbol, a clock) is pending any more. One transaction. Without claims it only
/// closes. What is never settled, because the program was killed, stays pending.
///
/// Errors: read_only; invalid_argument  `closes` names no source, or a time; a claim's end is not after its start, or it is of
///         balances.
boost::asio::awaitable<void> settle_claims(DatabaseManager& db, CoverageFilter closes,
                                           std::vector<CoverageClaim> claims, Deadline deadline = {});

/// How a gap is known.
enum class GapEvidence : std::uint8_t {
    declared,   ///< A feed or a user says so.
    trade_ids,  ///< Numbers are missing in ids that go up by one: proof.
    silence,    ///< No row for longer than usual within covered time: a suspicion.
};

/// `declared`, `trade-ids`, `silence`.
[[nodiscard]] std::string_view to_string(GapEvidence evidence) noexcept;

/// Where to look for gaps.
struct GapSearch {
    Dataset dataset{};
    SymbolId symbol{};
    Timestamp start = kNoTime;  ///< Inclusive; absent: from the first row or claim.
    Timestamp end = kNoTime;    ///< Exclusive; absent: to the last.
    ClockKind clock = ClockKind::event;
    std::chrono::microseconds silence{0};  ///< > 0: report silences that are longer.
};

/// A time in which rows are missing, or may be: between two rows, both of which are there.
struct FoundGap {
    GapEvidence evidence{};
    Timestamp start = kNoTime;
    Timestamp end = kNoTime;
    std::uint64_t missing = 0;  ///< Of trade_ids: how many trades.
    std::int64_t first_id = 0;  ///< Of trade_ids: the first and the last that is missing.
    std::int64_t last_id = 0;
};

/// Gives gaps in batches: first the declared ones, then those that the rows show, each in the order of time. Memory does not grow
/// with the rows; no transaction stays open between two batches.
///
/// Threads: one at a time. Lifetime: the manager must outlive it.
class GapReader {
 public:
    GapReader(GapReader&&) noexcept;
    GapReader& operator=(GapReader&&) noexcept;
    ~GapReader();

    /// The next gaps, at most `max_gaps`; none at the end.
    ///
    /// Errors: unknown_symbol; schema_mismatch  an existing schema keeps no claims; as `HistoryReader::next`.
    boost::asio::awaitable<std::vector<FoundGap>> next(std::size_t max_gaps = 16'384, Deadline deadline = {});

 private:
    friend GapReader read_gaps(DatabaseManager& db, GapSearch search);
    class State;
    explicit GapReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Begins to look for gaps. Trade ids are looked at where they are numbers (or `a` and a number) of which at least nine in ten
/// follow each other; a number that comes up to 10,000 trades late is none that is missing.
///
/// Errors: invalid_argument  balances, an end before the start, a negative silence.
/// Cost:   reads the claims of the series, and its rows in the range once.
[[nodiscard]] GapReader read_gaps(DatabaseManager& db, GapSearch search);

/// The same, all at once. Errors: also resource_exhausted  more than 1,000,000 gaps; use the reader.
boost::asio::awaitable<std::vector<FoundGap>> find_gaps(DatabaseManager& db, GapSearch search, Deadline deadline = {});

/// What a feed receives.
///
/// Has a constructor for the reason that `ImportOptions` has one.
struct FeedOptions {
    /// Series and name are to be chosen.
    FeedOptions() {}  // NOLINT(modernize-use-equals-default): defaulted, it would be an aggregate again.

    std::string name;               ///< The same after a restart: the time in between is then a gap.
    std::vector<Dataset> datasets;  ///< Not balances.
    std::vector<SymbolId> symbols;  ///< Every dataset of every symbol is one series of the feed.
};

/// Tells the ledger when a feed receives everything, on the received clock. A quiet market is not a dead socket: `alive` extends
/// the claim whether rows came or not.
///
/// Call `alive` when the rows received so far are stored: a process that is killed has then claimed too little, never too much.
/// A time in which the feed was down is a declared gap, over which no quote is carried.
///
/// Threads: one at a time. Lifetime: the manager must outlive it.
class Feed {
 public:
    /// Of nothing: only to be assigned to.
    Feed() noexcept;
    Feed(Feed&&) noexcept;
    Feed& operator=(Feed&&) noexcept;
    /// Claims nothing more: what was not told is not covered.
    ~Feed();

    /// It receives from now on (or from `at` on). The time since an earlier session of this name ended becomes a gap.
    /// Errors: invalid_argument  it is up, or the time lies before the end of the last session. read_only, schema_mismatch.
    boost::asio::awaitable<void> up(Timestamp at = kNoTime, Deadline deadline = {});
    /// Everything received before now (or `at`) is stored. Written at most once a second, else memory only.
    /// Errors: invalid_argument  it is not up.
    boost::asio::awaitable<void> alive(Timestamp at = kNoTime, Deadline deadline = {});
    /// It receives no more. Errors: as `alive`.
    boost::asio::awaitable<void> down(Timestamp at = kNoTime, Deadline deadline = {});
    /// Rows of [start, end) were missed although it was up. Errors: invalid_argument  the end is not after the start.
    boost::asio::awaitable<void> gap(Timestamp start, Timestamp end, Deadline deadline = {});

    /// What the feed's claims, and its rows, are kept under.
    [[nodiscard]] SourceId source() const noexcept;

 private:
    friend boost::asio::awaitable<Feed> open_feed(DatabaseManager& db, FeedOptions options, Deadline deadline);
    class State;
    explicit Feed(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Registers a feed as a source of kind `feed`; rows can name it. It is not up yet.
///
/// Errors: invalid_argument  no name, datasets or symbols; balances. unknown_symbol, read_only.
///         schema_mismatch   an existing schema keeps no claims.
boost::asio::awaitable<Feed> open_feed(DatabaseManager& db, FeedOptions options, Deadline deadline = {});

static_assert(std::is_trivially_copyable_v<CoverageDeclaration> && std::is_trivially_copyable_v<GapSearch>);

}  // namespace marketdb
