#include "support/postgres_session.hpp"

#include <poll.h>

#include <memory>

namespace marketdb::testing {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string quoted(const std::string& text, char quote) {
    std::string result(1, quote);
    for (const char c : text) result.append(c == quote ? 2 : 1, c);
    return result + quote;
}

Result execute(PGconn* connection, const std::string& sql) {
    Result result(PQexec(connection, sql.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return result;
    const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    throw PostgresFailure(sql.substr(0, 200) + ": " + PQerrorMessage(connection), sqlstate == nullptr ? "" : sqlstate);
}

std::string line_of(const PGresult* result, int row) {
    std::string line;
    for (int column = 0; column < PQnfields(result); ++column) {
        line += (column == 0 ? "" : "|") + std::string(PQgetvalue(result, row, column));
    }
    return line;
}

}  // namespace

PostgresSession::PostgresSession(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
    // What a DROP .. CASCADE has to say concerns nobody.
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    if (PQstatus(connection_) == CONNECTION_OK) return;
    const std::string message = connection_ == nullptr ? "no memory" : PQerrorMessage(connection_);
    PQfinish(connection_);
    throw PostgresFailure(message, "");
}

PostgresSession::~PostgresSession() { PQfinish(connection_); }

void PostgresSession::run(const std::string& sql) { execute(connection_, sql); }

std::vector<std::string> PostgresSession::rows(const std::string& sql) {
    const Result result = execute(connection_, sql);
    std::vector<std::string> found;
    for (int row = 0; row < PQntuples(result.get()); ++row) found.push_back(line_of(result.get(), row));
    return found;
}

std::string PostgresSession::value(const std::string& sql) {
    const Result result = execute(connection_, sql);
    if (PQntuples(result.get()) != 1) throw std::runtime_error(sql + ": not one row");
    return PQgetvalue(result.get(), 0, 0);
}

long long PostgresSession::number(const std::string& sql) { return std::stoll(value(sql)); }

bool PostgresSession::hears(const std::string& channel, std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
        if (PQconsumeInput(connection_) != 1) throw PostgresFailure(PQerrorMessage(connection_), "");
        while (PGnotify* heard = PQnotifies(connection_)) {
            const bool is_it = heard->relname == channel;
            PQfreemem(heard);
            if (is_it) return true;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd ready{PQsocket(connection_), POLLIN, 0};
        ::poll(&ready, 1, static_cast<int>(left.count()));
    }
}

std::string quoted_identifier(const std::string& name) { return quoted(name, '"'); }
std::string quoted_text(const std::string& text) { return quoted(text, '\''); }

}  // namespace marketdb::testing
