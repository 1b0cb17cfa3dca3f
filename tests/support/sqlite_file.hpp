#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace marketdb::testing {

/// A database file as another program sees it: plain SQLite, nothing of marketdb.
class SqliteFile {
 public:
    explicit SqliteFile(const std::filesystem::path& file, int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {
        if (sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr) != SQLITE_OK) fail("open " + file.string());
        sqlite3_busy_timeout(handle_, 10'000);
    }
    ~SqliteFile() { sqlite3_close_v2(handle_); }
    SqliteFile(const SqliteFile&) = delete;
    SqliteFile& operator=(const SqliteFile&) = delete;

    void run(const std::string& sql) {
        if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
    }

    /// All rows, the columns joined by `|`.
    [[nodiscard]] std::vector<std::string> rows(const std::string& sql) {
        std::vector<std::string> found;
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) fail(sql);
        int code = SQLITE_ROW;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
            std::string line;
            for (int i = 0; i < sqlite3_column_count(statement); ++i) {
                const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
                line += (i == 0 ? "" : "|") + std::string(text == nullptr ? "" : text);
            }
            found.push_back(line);
        }
        sqlite3_finalize(statement);
        if (code != SQLITE_DONE) fail(sql);
        return found;
    }

    /// The first column of the first row as a number.
    [[nodiscard]] long long number(const std::string& sql) { return std::stoll(rows(sql).at(0)); }

 private:
    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error(what + ": " + (handle_ == nullptr ? "no memory" : sqlite3_errmsg(handle_)));
    }

    sqlite3* handle_ = nullptr;
};

}  // namespace marketdb::testing
