#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class Operation : public CliTest {
 protected:
    std::int64_t rows_of(const std::string& dataset) {
        for (const json& one : json::parse(answer({"stats", "--json"}))) {
            if (one.at("dataset") == dataset) return one.at("rows");
        }
        return -1;
    }
    /// Imports quotes whose last is of this moment.
    void import_live(int rows) {
        using std::chrono::microseconds;
        const auto now = std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
        std::string text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
        for (int i = rows; i-- > 0;) {
            const std::string time = std::to_string(now.count() - i * 10'000);
            text += "okex,BTC-USDT," + time + "," + time + ",1,60001,60000,2\n";
        }
        write_file("okex_book_ticker_live.csv", text);
        answer({"import", "okex_book_ticker_live.csv"});
    }
};

TEST_F(Operation, StatusIsOneScreen) {
    import_samples();
    const std::string text = answer({"status"});
    EXPECT_EQ(text.rfind("database   sqlite:marketdb.db (default)\nengine     SQLite 3.", 0), 0U) << text;
    for (const char* part : {"schema version", "\nsize       ", "; disk ", "exchange", "BINANCE_SPOT", "book-tickers",
                             "trades", "stale_series"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
    const json records = json::parse(answer({"status", "--json"}));
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].at("exchange"), "BINANCE_SPOT");
    EXPECT_EQ(records[0].at("dataset"), "book-tickers");
    EXPECT_GT(records[0].at("newest_age_seconds").get<double>(), 86400.0);
    EXPECT_EQ(records[0].at("last_minute_rows"), 0);
    EXPECT_EQ(records[0].at("series"), 1);
    EXPECT_EQ(records[0].at("stale_series"), 1);
    EXPECT_GT(records[0].at("database_bytes").get<std::int64_t>(), 0);
    EXPECT_EQ(json::parse(answer({"status", "--dataset", "trades", "--json"})).size(), 1U);
    EXPECT_EQ(run({"status", "--exchange", "NOBODY_SPOT"}).code, 1);
    EXPECT_EQ(run({"status", "--max-age", "60"}).code, 2);
    answer({"--db", "sqlite:empty.db", "init"});
    const Outcome empty = run({"--db", "sqlite:empty.db", "status"});
    EXPECT_EQ(empty.code, 0);
    EXPECT_NE(empty.err.find("no rows in sqlite:empty.db"), std::string::npos) << empty.err;
}

TEST_F(Operation, CheckTellsByItsExitStatus) {
    EXPECT_EQ(run({"check", "--max-age", "60s"}).code, 4);
    import_samples();
    const Outcome stale = run({"check", "--max-age", "60s"});
    EXPECT_EQ(stale.code, 1);
    EXPECT_NE(stale.out.find("BINANCE_SPOT"), std::string::npos) << stale.out;
    EXPECT_NE(stale.out.find("expected at most 60 s"), std::string::npos) << stale.out;
    EXPECT_EQ(stale.err, "");

    import_live(20);
    const std::string ok = answer({"check", "--max-age", "60s", "--min-rate", "20", "--exchange", "OKX_SPOT"});
    EXPECT_EQ(ok, "ok: book-tickers of 1 exchange\n");
    EXPECT_EQ(answer({"check", "--max-age", "60s", "--exchange", "OKX_SPOT", "--json"}), "[]\n");
    const json none =
        json::parse(run({"check", "--dataset", "trades", "--max-age", "60s", "--exchange", "OKX_SPOT", "--json"}).out);
    EXPECT_EQ(none[0].at("finding"), "empty");
    EXPECT_EQ(none[0].at("subject"), "OKX_SPOT") << "whose rows were looked for";
    EXPECT_EQ(none[0].at("dataset"), "trades");
    const json findings = json::parse(run({"check", "--min-rate", "21", "--json"}).out);
    ASSERT_EQ(findings.size(), 2U) << findings;
    EXPECT_EQ(findings[0].at("finding"), "slow");
    EXPECT_EQ(findings[1].at("subject"), "OKX_SPOT");
    EXPECT_EQ(findings[1].at("detail"), "20 rows in the last minute, expected at least 21");
}

TEST_F(Operation, WhatCheckCannotCheckIsWrongUsage) {
    import_samples();
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"check"},
                                               {"check", "--max-age", "60"},
                                               {"check", "--max-age", "0s"},
                                               {"check", "--min-rate", "-1"},
                                               {"check", "--min-rate", "many"},
                                               {"check", "--min-rate", "nan"},
                                               {"check", "--each-series", "--min-rate", "1"},
                                               {"check", "--max-age", "60s", "--dataset", "ticks"}}) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 2) << arguments.back() << "\n" << outcome.err;
        EXPECT_EQ(outcome.out, "");
    }
    const Outcome unknown = run({"check", "--max-age", "60s", "--exchange", "NOBODY_SPOT"});
    EXPECT_EQ(unknown.code, 2) << "an exchange that is silent ends with 1";
    EXPECT_NE(unknown.err.find("no exchange fits 'NOBODY_SPOT'"), std::string::npos) << unknown.err;
}

TEST_F(Operation, MetricsAreWrittenWhole) {
    import_samples();
    const std::string shown = answer({"metrics"});
    EXPECT_EQ(shown.rfind("# HELP marketdb_info ", 0), 0U) << shown;
    EXPECT_EQ(answer({"metrics", "--output", "marketdb.prom"}), "");
    EXPECT_NE(read_file("marketdb.prom").find("marketdb_rows{dataset=\"trades\"} 3\n"), std::string::npos);
    answer({"metrics", "--symbols", "-o", "marketdb.prom"});
    EXPECT_NE(read_file("marketdb.prom").find("symbol=\"BTCUSDT\""), std::string::npos);
    for (const std::string& name : file_names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
    const Outcome failed = run({"metrics", "--output", "nowhere/marketdb.prom"});
    EXPECT_EQ(failed.code, 1);
    EXPECT_NE(failed.err.find("nowhere/marketdb.prom cannot be written"), std::string::npos) << failed.err;
}

TEST_F(Operation, PrometheusOwnParserReadsTheMetrics) {
    if (run_in_shell("/usr/bin/python3 -c 'import prometheus_client'").code != 0) {
        GTEST_SKIP() << "Prometheus' parser is not here (Debian: python3-prometheus-client)";
    }
    import_samples();
    import_live(5);
    answer({"metrics", "--symbols", "--output", "marketdb.prom"});
    write_file(
        "read.py",
        "from prometheus_client.parser import text_string_to_metric_families\n"
        "for family in text_string_to_metric_families(open('marketdb.prom').read()):\n"
        "    assert family.documentation and family.type in ('gauge', 'counter'), family\n"
        "    for sample in family.samples:\n"
        "        if family.name in ('marketdb_rows', 'marketdb_last_minute_rows'):\n"
        "            print(sample.name, sample.labels.get('exchange', ''), sample.labels['dataset'], sample.value)\n");
    const Outcome outcome = run_in_shell("/usr/bin/python3 read.py");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out,
              "marketdb_rows  book-tickers 8.0\n"
              "marketdb_rows  trades 3.0\n"
              "marketdb_rows  funding-rates 0.0\n"
              "marketdb_rows  balances 0.0\n"
              "marketdb_last_minute_rows BINANCE_SPOT book-tickers 0.0\n"
              "marketdb_last_minute_rows BINANCE_SPOT trades 0.0\n"
              "marketdb_last_minute_rows OKX_SPOT book-tickers 5.0\n");
}

TEST_F(Operation, StatsSayWhatIsEstimated) {
    import_samples();
    const json stats = json::parse(answer({"stats", "--json"}));
    EXPECT_EQ(stats[0].at("is_estimated"), false);
    EXPECT_EQ(stats[0].at("bytes_are_estimated"), true);
    EXPECT_GT(stats[0].at("bytes").get<std::int64_t>(), 0);
    EXPECT_GT(stats[0].at("newest_age_seconds").get<double>(), 86400.0);
    EXPECT_EQ(stats[0].at("last_minute_rows"), 0);
    EXPECT_TRUE(stats[2].at("newest_age_seconds").is_null());
    EXPECT_EQ(json::parse(answer({"stats", "--exact", "--json"}))[0].at("rows"), 3);
    EXPECT_EQ(run({"stats", "--exact", "--series"}).code, 2);
}

TEST_F(Operation, DeleteShowsWhatGoesAndNeedsYes) {
    import_samples();
    const std::vector<std::string> command{"delete", "quotes", "BINANCE_SPOT:btc-usdt", "--to", "2024-08-08T23:54:15Z"};
    const auto with = [&command](std::vector<std::string> more) {
        more.insert(more.begin(), command.begin(), command.end());
        return more;
    };
    const Outcome asked = run(command);
    EXPECT_EQ(asked.code, 2);
    EXPECT_EQ(asked.out.rfind("would remove 1 row from sqlite:marketdb.db (default):\n", 0), 0U) << asked.out;
    EXPECT_NE(asked.err.find("add --yes"), std::string::npos) << asked.err;
    EXPECT_EQ(json::parse(answer(with({"--dry-run", "--yes", "--json"})))[0].at("rows"), 1);
    EXPECT_EQ(rows_of("book-tickers"), 3);
    const std::string done = answer(with({"--yes"}));
    EXPECT_EQ(done.rfind("removed 1 row from sqlite:marketdb.db (default):\n", 0), 0U) << done;
    EXPECT_NE(done.find("BTC/USDT"), std::string::npos) << done;
    EXPECT_EQ(rows_of("book-tickers"), 2);
    EXPECT_EQ(rows_of("trades"), 3);
    EXPECT_EQ(answer(with({"--yes"})), "removed 0 rows from sqlite:marketdb.db (default)\n");
    EXPECT_EQ(json::parse(answer({"delete", "trades", "*:*", "--yes", "--json"}))[0].at("rows"), 3);
}

TEST_F(Operation, WhatDeleteCannotMeanIsRefused) {
    import_samples();
    EXPECT_EQ(run({"delete", "quotes", "--yes"}).code, 2);
    EXPECT_EQ(run({"delete", "ticks", "BINANCE_SPOT:BTC/USDT", "--yes"}).code, 2);
    EXPECT_EQ(run({"delete", "quotes", "BINANCE_SPOT:NOBODY", "--yes"}).code, 1);
    EXPECT_EQ(run({"delete", "quotes", "NOBODY_SPOT:BTC/USDT", "--yes"}).code, 1);
    EXPECT_EQ(run({"delete", "quotes", "BTC/USDT", "--yes"}).code, 2);
    const Outcome turned =
        run({"delete", "quotes", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-09", "--to", "2024-08-08", "--yes"});
    EXPECT_EQ(turned.code, 2);
    EXPECT_EQ(rows_of("book-tickers"), 3);
}

TEST_F(Operation, AnImportIsListedShownUndoneAndDoneAgain) {
    import_samples();
    const json imports = json::parse(answer({"imports", "list", "--json"}));
    ASSERT_EQ(imports.size(), 2U);
    EXPECT_EQ(imports[0].at("kind"), "import");
    EXPECT_EQ(imports[0].at("name"), kQuotesName);
    EXPECT_EQ(imports[0].at("rows_read"), 3);
    EXPECT_EQ(imports[0].at("sha256").get<std::string>().size(), 64U);
    const std::string id = std::to_string(imports[0].at("id").get<int>());
    const std::string shown = answer({"imports", "show", id});
    EXPECT_NE(shown.find("stored     3 rows that say they come from it"), std::string::npos) << shown;
    const json record = json::parse(answer({"imports", "show", id, "--json"}));
    ASSERT_EQ(record.size(), 1U);
    EXPECT_EQ(record[0].at("name"), kQuotesName);
    EXPECT_EQ(record[0].at("rows_stored"), 3);

    const Outcome asked = run({"imports", "undo", id});
    EXPECT_EQ(asked.code, 2);
    EXPECT_EQ(asked.out.rfind("would remove 3 rows from ", 0), 0U) << asked.out;
    EXPECT_EQ(json::parse(answer({"imports", "undo", id, "--dry-run", "--json"}))[0].at("rows"), 3);
    EXPECT_EQ(rows_of("book-tickers"), 3);
    EXPECT_EQ(answer({"imports", "undo", id, "--yes"}).rfind("removed 3 rows from ", 0), 0U);
    EXPECT_EQ(rows_of("book-tickers"), 0);
    EXPECT_EQ(rows_of("trades"), 3);
    EXPECT_EQ(json::parse(answer({"imports", "list", "--json"}))[0].at("kind"), "undone");
    EXPECT_EQ(json::parse(answer({"imports", "show", id, "--json"}))[0].at("rows_stored"), 0);
    EXPECT_EQ(answer({"imports", "undo", id, "--yes"}).rfind("removed 0 rows from ", 0), 0U);

    const json again = json::parse(answer({"import", "--json", kQuotesName}));
    EXPECT_EQ(again[0].at("inserted"), 3);
    EXPECT_EQ(rows_of("book-tickers"), 3);
    for (const char* wrong : {"4711", "0"}) EXPECT_EQ(run({"imports", "undo", wrong, "--yes"}).code, 1);
    EXPECT_EQ(run({"imports", "undo", "all", "--yes"}).code, 2);
    EXPECT_EQ(run({"imports"}).code, 2);
}

TEST_F(Operation, ABackupIsRestored) {
    import_samples();
    const std::string sum = answer({"checksum"});
    const std::string text = answer({"backup", "copy.db"});
    EXPECT_EQ(text.rfind("backed up sqlite:marketdb.db (default) to copy.db: ", 0), 0U) << text;
    EXPECT_NE(text.find("2 series, 6 rows"), std::string::npos) << text;
    answer({"delete", "quotes", "*:*", "--yes"});
    EXPECT_NE(answer({"checksum"}), sum);

    const Outcome taken = run({"restore", "copy.db"});
    EXPECT_EQ(taken.code, 1);
    EXPECT_NE(taken.err.find("marketdb.db"), std::string::npos) << taken.err;
    EXPECT_EQ(rows_of("trades"), 3);
    const json report = json::parse(answer({"--db", "sqlite:restored.db", "restore", "copy.db", "--json"}));
    EXPECT_EQ(report[0].at("file"), "copy.db");
    EXPECT_EQ(report[0].at("rows"), 6);
    EXPECT_EQ(report[0].at("series"), 2);
    EXPECT_EQ(report[0].at("miscounted_series"), 0);
    EXPECT_EQ(answer({"--db", "sqlite:restored.db", "checksum"}), sum);
    EXPECT_EQ(answer({"--db", "sqlite:copy.db", "checksum"}), sum);
}

TEST_F(Operation, WhatIsNoBackupIsNotRestored) {
    import_samples();
    EXPECT_EQ(run({"--db", "sqlite:new.db", "restore", "nowhere.db"}).code, 1);
    write_file("text.db",
               "words, words, words and more words, enough of them to be taken for the header of a file.....");
    EXPECT_EQ(run({"--db", "sqlite:new.db", "restore", "text.db"}).code, 1);
    EXPECT_FALSE(std::filesystem::exists(path("new.db")));
    const Outcome taken = run({"backup", "text.db"});
    EXPECT_EQ(taken.code, 1);
    EXPECT_NE(taken.err.find("text.db"), std::string::npos) << taken.err;
    const Outcome nowhere = run({"backup", "nowhere/copy.db"});
    EXPECT_EQ(nowhere.code, 1) << "nothing is wrong with the database";
    EXPECT_NE(nowhere.err.find("nowhere/copy.db: there is no folder "), std::string::npos) << nowhere.err;
    EXPECT_EQ(run({"--db", "sqlite:none.db", "backup", "copy.db"}).code, 4);
    write_file("stale.db-wal", "a log");
    EXPECT_EQ(run({"--db", "sqlite:stale.db", "restore", "marketdb.db"}).code, 1);
    for (const std::string& name : file_names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
}

}  // namespace
}  // namespace marketdb::testing
