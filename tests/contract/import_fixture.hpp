#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <marketdb/transfer.hpp>

#include "engine_fixture.hpp"

namespace marketdb::testing {

inline std::filesystem::path write_file(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
    return file;
}

inline std::string read_file(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Writes one entry in the writer's format and lets go of the writer.
inline std::filesystem::path write_entry(archive* writer, const std::filesystem::path& file,
                                         const std::string& entry_name, std::string_view bytes) {
    std::filesystem::create_directories(file.parent_path());
    ::archive_write_open_filename(writer, file.c_str());
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, entry_name.c_str());
    ::archive_entry_set_filetype(entry, AE_IFREG);
    ::archive_entry_set_perm(entry, 0644);
    ::archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    bool is_written = ::archive_write_header(writer, entry) == ARCHIVE_OK;
    is_written = is_written && ::archive_write_data(writer, bytes.data(), bytes.size()) >= 0;
    ::archive_entry_free(entry);
    is_written = ::archive_write_close(writer) == ARCHIVE_OK && is_written;
    ::archive_write_free(writer);
    if (!is_written) throw std::runtime_error("cannot write " + file.string());
    return file;
}

/// A .zip with one entry, as Binance publishes it.
inline std::filesystem::path write_zip(const std::filesystem::path& file, const std::string& entry_name,
                                       std::string_view bytes) {
    archive* writer = ::archive_write_new();
    ::archive_write_set_format_zip(writer);
    return write_entry(writer, file, entry_name, bytes);
}

inline std::filesystem::path write_gzip(const std::filesystem::path& file, std::string_view bytes) {
    archive* writer = ::archive_write_new();
    ::archive_write_set_format_raw(writer);
    ::archive_write_add_filter_gzip(writer);
    return write_entry(writer, file, file.stem().string(), bytes);
}

/// Quotes as Tardis writes them: one a millisecond from noon of 2024-08-08 on.
inline std::string tardis_quotes(int rows, std::string_view exchange = "binance", std::string_view symbol = "BTCUSDT") {
    std::string text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
    for (int i = 0; i < rows; ++i) {
        const std::string time = std::to_string(1'723'118'400'000'000 + i * 1'000LL);
        text += std::string(exchange) + "," + std::string(symbol) + "," + time + "," + time + ",2,101,100," +
                std::to_string(i + 1) + "\n";
    }
    return text;
}

/// Three good rows, and a crossed one in line 4.
inline std::string quotes_with_a_crossed_row() {
    return tardis_quotes(0) +
           "binance,BTCUSDT,1723118400000000,1723118400000000,2,101,100,1\n"
           "binance,BTCUSDT,1723118400001000,1723118400001000,2,101,100,2\n"
           "binance,BTCUSDT,1723118400002000,1723118400002000,2,99,100,3\n"
           "binance,ETHUSDT,1723118400003000,1723118400003000,2,101,100,4\n";
}

/// An empty database, a folder for files, and imports into it.
class ImportTest : public EngineTest {
 public:
    std::filesystem::path file(const std::string& name, std::string_view bytes) {
        return write_file(folder() / "files" / name, bytes);
    }
    std::filesystem::path zip(const std::string& name, std::string_view bytes) {
        const std::filesystem::path path = folder() / "files" / name;
        return write_zip(path, path.stem().string() + ".csv", bytes);
    }

    ImportReport import(const std::filesystem::path& path, ImportOptions options = {}) {
        return wait(import_file(db(), path, std::move(options)));
    }
    /// For an import that is stopped when so many rows are stored.
    static ImportOptions stopped_at(std::uint64_t rows, std::atomic<bool>& stop) {
        ImportOptions options;
        options.stop = &stop;
        options.on_progress = [rows, &stop](const ImportProgress& progress) {
            if (!progress.validating && progress.rows == rows) stop = true;
        };
        return options;
    }
    /// An import that must succeed.
    ImportReport import_whole(const std::filesystem::path& path, ImportOptions options = {}) {
        ImportReport report = import(path, std::move(options));
        EXPECT_EQ(report.error, "");
        return report;
    }

    /// `BINANCE_SPOT:BTC/USDT (BTCUSDT)` of every symbol, and `BINANCE_SPOT` of every exchange, in order.
    Lines stored_reference() {
        Lines lines;
        for (const Exchange& exchange : wait(db().get_all_exchanges())) {
            lines.push_back(exchange.enum_value.str());
            for (const Symbol& symbol : wait(db().get_symbols_by_exchange(exchange.id, /*active_only=*/false))) {
                lines.push_back(exchange.enum_value.str() + ":" + pair(symbol) + " (" + symbol.exchange_symbol.str() +
                                ")");
            }
        }
        return lines;
    }

    /// `name finished 3` or `name unfinished` of every import.
    Lines stored_sources() {
        SourceFilter filter;
        filter.kind = "import";
        Lines lines;
        for (const Source& source : wait(db().get_sources(filter))) {
            const bool is_finished = is_present(source.finished_at);
            lines.push_back(source.name.str() +
                            (is_finished ? " finished " + std::to_string(source.rows) : " unfinished"));
        }
        return lines;
    }

    /// `name:4 trades|text` of every row that was set aside, where another program can look into the database.
    Lines quarantined() {
        return target().query(folder(),
                              "SELECT s.name || ':' || q.line || ' ' || q.dataset, q.text FROM quarantined_rows AS q "
                              "JOIN sources AS s ON s.id = q.source_id WHERE q.reason <> '' ORDER BY 1");
    }

    /// Names of sources as this store keeps them.
    [[nodiscard]] Lines kept_sources(Lines names) const {
        return target().can.keeps_sources ? std::move(names) : Lines{};
    }

    std::uint64_t count_quarantined() { return wait(db().get_database_stats()).quarantined; }

    void expect_nothing_stored() {
        EXPECT_EQ(stored_reference(), Lines{});
        EXPECT_EQ(stored_sources(), Lines{});
        for (const DatasetStats& dataset : wait(db().get_database_stats()).datasets) EXPECT_EQ(dataset.rows, 0U);
        EXPECT_EQ(count_quarantined(), 0U);
    }

    /// The text that an export writes.
    std::string exported(Dataset dataset, ExportFormat format = ExportFormat::csv, HistoryFilter filter = {}) {
        std::string text;
        wait(export_rows(db(), dataset, filter, format, [&text](std::string_view lines) { text += lines; }));
        return text;
    }
};

}  // namespace marketdb::testing

/// Declares a suite of imports and runs it against every engine (or those whose data can be shared).
#define MARKETDB_IMPORT_SUITE(Suite)                                                             \
    class Suite : public ::marketdb::testing::ImportTest {};                                     \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::marketdb::testing::all_engines()), \
                             ::marketdb::testing::engine_name)
#define MARKETDB_SHARED_IMPORT_SUITE(Suite)                                                         \
    class Suite : public ::marketdb::testing::ImportTest {};                                        \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::marketdb::testing::shared_engines()), \
                             ::marketdb::testing::engine_name)
