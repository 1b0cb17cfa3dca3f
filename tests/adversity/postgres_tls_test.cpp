#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"
#include "support/temporary_folder.hpp"

/// Encrypted links: what `sslmode` asks for is what the user gets, or no link.
namespace marketdb::testing {
namespace {

class PostgresTls : public ::testing::Test {
 protected:
    PostgresTls() : server_(with_tls()), desk_(server_) {}

    static PostgresOptions with_tls() {
        PostgresOptions options;
        options.tls = true;
        return options;
    }

    /// The authority's certificate, where whoever runs this test can read it.
    [[nodiscard]] std::string readable(const std::filesystem::path& certificate) const {
        const std::filesystem::path copy = folder_ / certificate.filename().string();
        std::filesystem::copy_file(certificate, copy, std::filesystem::copy_options::overwrite_existing);
        return copy.string();
    }
    [[nodiscard]] Config config(const std::string& mode, const std::filesystem::path& authority,
                                const FaultProxy* through = nullptr) const {
        const std::string parameters = "schema=" + desk_.schema() + "&application_name=" + desk_.schema() +
                                       "&gssencmode=disable&sslmode=" + mode + "&sslrootcert=" + readable(authority);
        return desk_.config(through == nullptr ? server_.tcp_url(parameters) : through->url(parameters));
    }
    /// `t|TLSv1.3` of the manager's sessions as the server sees them.
    [[nodiscard]] std::string encryption() const {
        return server_
            .query("postgres",
                   "SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE "
                   "application_name = '" +
                       desk_.schema() + "'")
            .at(0);
    }
    void expect_refused(const Config& config, std::initializer_list<std::string_view> texts) const {
        DatabaseManager db(config);
        expect_error(
            ErrorCode::unavailable, [&] { db.wait(db.initialize()); }, texts);
        EXPECT_EQ(desk_.sessions(), 0U);
    }

    TemporaryFolder folder_;
    PostgresServer server_;
    PostgresDesk desk_;
};

TEST_F(PostgresTls, OfTheRightHostAndAuthorityIsALinkAndOfNoOther) {
    const Certificates& made = server_.certificates();
    expect_refused(config("verify-full", made.other_authority), {"certificate verify failed"});
    expect_refused(config("verify-ca", made.other_authority), {"certificate verify failed"});
    server_.show_certificate(made.expired);
    expect_refused(config("verify-full", made.authority), {"certificate verify failed"});
    server_.show_certificate(made.wrong_host);
    expect_refused(config("verify-full", made.authority), {"elsewhere.example", "127.0.0.1"});
    PostgresDesk::open(config("verify-ca", made.authority)).reset();
    server_.show_certificate(made.server);

    const auto db = PostgresDesk::open(config("verify-full", made.authority));
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 50'000, 1)));
    EXPECT_EQ(db->wait(db->get_book_ticker_history()).rows.size(), 50'003U);
    EXPECT_EQ(desk_.stored_quotes(symbol), "50003|50003|50003");
    EXPECT_EQ(encryption(), "t|TLSv1.3");
}

TEST_F(PostgresTls, ThatBreaksInTheMiddleIsReplacedAndThatIsTalkedAwayIsNoLink) {
    const auto& authority = server_.certificates().authority;
    const FaultProxy talks_away(server_, FaultProxy::Tls::refused);
    for (const char* mode : {"require", "verify-full"}) {
        expect_refused(config(mode, authority, &talks_away), {"does not support SSL"});
    }
    for (const SeenMessage& message : talks_away.messages()) {
        EXPECT_NE(message.type, kStartup) << "not even the user's name went out in the clear";
    }

    FaultProxy between(server_, FaultProxy::Tls::passed);
    const auto db = PostgresDesk::open(config("verify-full", authority, &between));
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    const auto store = [&](int rows, std::int64_t sequence) {
        db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, rows, sequence)));
    };
    store(3, 0);
    std::int64_t sequence = 0;
    for (const FaultAction action : {FaultAction::reset, FaultAction::close, FaultAction::corrupt}) {
        for (const Direction direction : {Direction::to_server, Direction::to_client}) {
            SCOPED_TRACE(std::to_string(static_cast<int>(action)) + std::to_string(static_cast<int>(direction)));
            Fault fault;
            fault.action = action;
            fault.direction = direction;
            fault.type = kTlsRecord;
            fault.byte = 20;
            between.inject(fault);
            expect_error(ErrorCode::in_doubt, [&] { store(3, ++sequence); });
            store(3, sequence);
        }
    }
    EXPECT_EQ(desk_.stored_quotes(symbol), "21|21|21");
}

TEST(PostgresWithoutTls, IsNoLinkForWhoRequiresIt) {
    const PostgresDesk desk(PostgresServer::shared());
    DatabaseManager db(
        desk.config(PostgresServer::shared().tcp_url("sslmode=require&gssencmode=disable&schema=" + desk.schema())));
    expect_error(ErrorCode::unavailable, [&] { db.wait(db.initialize()); }, {"does not support SSL"});
}

}  // namespace
}  // namespace marketdb::testing
