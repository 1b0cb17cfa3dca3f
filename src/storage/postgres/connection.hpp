#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>

#include "storage/postgres/connect_target.hpp"
#include "storage/postgres/link.hpp"
#include "storage/postgres/parameters.hpp"
#include "storage/postgres/result.hpp"
#include "storage/postgres/socket_watch.hpp"

namespace marketdb::storage::postgres {

/// One statement of a round trip.
struct Step {
    std::string_view sql;                    ///< One statement. Must live until the round trip is over.
    const Parameters* parameters = nullptr;  ///< Null: none.
    bool keep = false;                       ///< Prepared once per connection, and kept.
};

/// Takes the rows of a COPY .. TO STDOUT as they come, each in COPY's binary form.
class CopyReader {
 public:
    virtual ~CopyReader() = default;
    /// @param row  From the count of fields on; valid during the call.
    /// Returns whether more rows are wanted. If not, or if it throws, the connection is of no use any more.
    virtual bool take(std::string_view row) = 0;
};

/// A session, used without blocking. One operation at a time. An operation that throws `timeout` or `cancelled`, or whose
/// link broke, leaves it unusable: whoever has it lets it go (`is_usable`).
///
/// Threads: all functions on the executor that it was made with.
/// Errors:  every operation: timeout, cancelled; unavailable  the link broke; StatementError  the server refused, by its
///          SQLSTATE. Whether a write took effect when one of these happens is its caller's to say.
class Connection {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    /// @param statements_kept  Prepared statements at a time; 0: a pooler stands between, and nothing lasts longer than a
    ///                         transaction.
    Connection(Link link, std::shared_ptr<const ConnectTarget> target, std::shared_ptr<Gate> gate,
               const boost::asio::any_io_executor& executor, std::size_t statements_kept);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Runs statements in one round trip, in order; the first that fails ends it. Returns one result for each.
    awaitable<std::vector<Result>> run(std::span<const Step> steps, Deadline deadline);
    /// The same for a whole transaction: a wish to cancel, or the end of the deadline, is passed on to the server, whose answer
    /// is awaited for a second more. The connection is of no use after that.
    awaitable<std::vector<Result>> run_whole(std::span<const Step> steps, Deadline deadline);
    /// How many statements of the last round trip were done before it ended.
    [[nodiscard]] std::size_t done() const noexcept { return done_; }
    /// The same as `run` for one.
    awaitable<Result> run_one(Step step, Deadline deadline);
    /// Runs a text of several statements without parameters. Returns the last result.
    awaitable<Result> run_text(std::string sql, Deadline deadline);

    /// Begins a COPY .. FROM STDIN; the text may begin with other statements (`BEGIN; COPY ..`).
    awaitable<void> begin_copy(std::string sql, Deadline deadline);
    /// Sends a piece of it. Errors: also what the server found wrong with an earlier piece; the COPY is then over.
    awaitable<void> send_copy(std::string_view bytes, Deadline deadline);
    /// Ends it. Returns the rows that the server counted.
    awaitable<std::uint64_t> end_copy(Deadline deadline);

    /// Runs a COPY .. TO STDOUT; the text may begin with other statements. Returns the rows.
    awaitable<std::uint64_t> copy_out(std::string sql, CopyReader& reader, Deadline deadline);

    /// Rolls back what is open. For the way out of a failed operation: it never throws, it just may not succeed.
    awaitable<void> roll_back(Deadline deadline);

    /// Whether the last operation left it idle and outside a transaction.
    [[nodiscard]] bool is_whole() const noexcept;
    /// Whether another operation may use it: whole, and the server has not hung up meanwhile. Asks the kernel.
    [[nodiscard]] bool is_usable() noexcept;
    /// Prepared statements are forgotten: the server's tables changed.
    void forget_statements() noexcept;

    [[nodiscard]] bool is_pooled() const noexcept { return statements_kept_ == 0; }
    [[nodiscard]] int server_version() const noexcept { return PQserverVersion(link_.get()); }
    [[nodiscard]] const std::string& shown() const noexcept { return target_->shown(); }

    // Kept for the pool.
    std::chrono::steady_clock::time_point made_at = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point used_at = made_at;
    /// The session's statement_timeout; 0: none.
    std::chrono::milliseconds statement_timeout{0};
    static constexpr std::chrono::milliseconds kUnknownTimeout{-1};
    /// Off while an operation is tried again whose prepared statements somebody else takes away: what has no name stays.
    bool uses_kept_statements = true;

 private:
    void require_alive() const;
    /// Errors: what a wait that did not end well means for the operation.
    void heed(SocketEvent event);
    /// Whether the wait goes on all the same: the server has been asked to stop, and says how far it had come.
    bool passes_on(SocketEvent event);
    /// Until when to wait.
    [[nodiscard]] Deadline patience(Deadline deadline) const noexcept { return last_word_.value_or(deadline); }
    void require_socket();
    awaitable<void> flush(Deadline deadline);
    /// What a statement of a round trip is there for.
    struct Expected {
        bool is_step = true;
        std::string_view prepares;  ///< Else: the text that it prepares; empty: it only takes one away.
    };
    void send(const Step& step, std::vector<Expected>& expected);
    void send_kept(std::string_view sql, const Parameters::View& view, std::vector<Expected>& expected);
    void prepare(std::string_view sql, const Parameters::View& view, std::vector<Expected>& expected);
    void forget(std::string_view sql) noexcept;
    [[nodiscard]] bool has_input() const noexcept;
    void consume();
    awaitable<bool> seems_refused(Deadline deadline);
    /// Until the next result can be had without waiting.
    awaitable<void> until_answered(Deadline deadline);
    /// The next result; null at the end of a statement.
    awaitable<Result> next_result(Deadline deadline);
    awaitable<void> drain(Deadline deadline);
    [[noreturn]] void fail(const Result& result, std::string_view what) const;
    [[noreturn]] void lost() const;
    void break_link() noexcept { broken_ = true; }

    Link link_;
    std::shared_ptr<const ConnectTarget> target_;
    std::shared_ptr<Gate> gate_;
    std::shared_ptr<SocketWatch> watch_;
    bool broken_ = false;
    std::size_t done_ = 0;

    // Of the transaction that goes in one round trip.
    bool is_whole_transaction_ = false;
    std::optional<Deadline> last_word_;  // the server has been asked to stop

    // Of the COPY that is under way: whether something came while it was sent.
    bool has_heard_ = false;
    std::uint64_t notices_ = 0;  // since it was made
    std::uint64_t notices_heard_ = 0;

    struct Kept {
        std::string name;
        std::list<std::string>::iterator place;
    };
    std::size_t statements_kept_;
    std::uint64_t statements_made_ = 0;
    std::list<std::string> by_use_;  // texts, the latest used first
    std::unordered_map<std::string_view, Kept> kept_;
};

}  // namespace marketdb::storage::postgres
