#include "storage/postgres/connect_target.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/expect.hpp"

namespace marketdb::storage::postgres {
namespace {

/// `host:port`, with the wanted state of the session if there is one, of each host.
std::vector<std::string> hosts_of(const std::string& url) {
    std::vector<std::string> hosts;
    for (const ConnectTarget& one : ConnectTarget(Config::from_url(url)).each_host()) {
        std::string host;
        std::string port;
        std::string state;
        const auto keywords = one.keywords();
        const auto values = one.values();
        for (std::size_t i = 0; keywords[i] != nullptr; ++i) {
            const std::string keyword = keywords[i];
            if (keyword == "host") host = values[i];
            if (keyword == "port") port = values[i];
            if (keyword == "target_session_attrs") state = values[i];
        }
        hosts.push_back(host + ":" + port + (state.empty() ? "" : " " + state));
    }
    return hosts;
}

using Hosts = std::vector<std::string>;

TEST(ConnectTarget, OneHostIsTriedAsItIs) {
    EXPECT_EQ(hosts_of("postgresql://desk@one:6000/market"), (Hosts{"one:6000"}));
    EXPECT_EQ(hosts_of("postgresql:///market"), (Hosts{":"}));
}

TEST(ConnectTarget, SeveralAreTriedOneByOneForOneThatTakesWrites) {
    EXPECT_EQ(hosts_of("postgresql://desk@one:6000,two:6001/market"),
              (Hosts{"one:6000 read-write", "two:6001 read-write"}));
    EXPECT_EQ(hosts_of("postgresql://desk@/market?host=one,two&port=6000&target_session_attrs=any"),
              (Hosts{"one:6000 any", "two:6000 any"}));
}

TEST(ConnectTarget, WhoPrefersAStandbyTakesAnyInTheSecondRound) {
    EXPECT_EQ(hosts_of("postgresql://desk@one:6000,two:6001/market?target_session_attrs=prefer-standby"),
              (Hosts{"one:6000 standby", "two:6001 standby", "one:6000 any", "two:6001 any"}));
}

TEST(ConnectTarget, ANameIsLookedUpUnlessLibpqNeedsNone) {
    const auto name_of = [](const std::string& url) { return ConnectTarget(Config::from_url(url)).name(); };
    EXPECT_EQ(name_of("postgresql://desk@one:6000/market"), "one");
    EXPECT_EQ(name_of("postgresql://desk@[::1]/market"), "::1");
    EXPECT_EQ(name_of("postgresql:///market"), "");
    EXPECT_EQ(name_of("postgresql:///market?host=/run/postgresql"), "");
    EXPECT_EQ(name_of("postgresql:///market?host=@market"), "");
    EXPECT_EQ(name_of("postgresql://desk@one/market?hostaddr=192.0.2.7"), "");
    EXPECT_EQ(name_of("postgresql://desk@one/market?service=desk"), "");
    EXPECT_EQ(name_of("postgresql://desk@one,two/market"), "");
    EXPECT_EQ(ConnectTarget(Config::from_url("postgresql://desk@one/market")).at("192.0.2.7").name(), "");
}

TEST(ConnectTarget, ListsThatDoNotMatchAreLeftToLibpq) {
    EXPECT_EQ(hosts_of("postgresql://desk@/market?host=one,two,three&port=6000,6001&target_session_attrs=any"),
              (Hosts{"one,two,three:6000,6001 any"}));
}

TEST(ConnectTarget, AnAtWithinAHostIsRefusedAndNotShown) {
    // Of "s3c@ret@one" libpq takes the first @ for the end of the password.
    for (const char* url : {"postgresql://desk:s3c@ret@one/market", "postgresql://desk:s3c@ret@one,two/market"}) {
        marketdb::testing::expect_error(ErrorCode::invalid_argument,
                                        [&] { static_cast<void>(ConnectTarget(Config::from_url(url))); },
                                        {"'postgresql://***'", "%40"});
    }
    EXPECT_EQ(ConnectTarget(Config::from_url("postgresql://desk:s3c%40ret@one/market")).name(), "one");
    EXPECT_NO_THROW(ConnectTarget(Config::from_url("postgresql://desk@/market?host=@abstract")));
}

}  // namespace
}  // namespace marketdb::storage::postgres
