#include "storage/postgres/server_error.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"

namespace marketdb::storage::postgres {
namespace {

constexpr std::size_t kMaxTextBytes = 4096;

struct Rule {
    std::string_view prefix;
    ErrorCode code;
};

// The longest prefix that fits counts, so single states stand before their class.
constexpr std::array kRules{
    Rule{"25006", ErrorCode::read_only},       Rule{"42501", ErrorCode::unauthorized},
    Rule{"57014", ErrorCode::timeout},         Rule{"3D000", ErrorCode::unavailable},
    Rule{"3F000", ErrorCode::schema_mismatch}, Rule{"26000", ErrorCode::schema_mismatch},
    Rule{"55P03", ErrorCode::unavailable},     Rule{"55006", ErrorCode::unavailable},
    Rule{"25P03", ErrorCode::unavailable},     Rule{"P0001", ErrorCode::constraint},
    Rule{"XX001", ErrorCode::corrupt},         Rule{"XX002", ErrorCode::corrupt},
    Rule{"0A", ErrorCode::schema_mismatch},    Rule{"08", ErrorCode::unavailable},
    Rule{"22", ErrorCode::constraint},         Rule{"23", ErrorCode::constraint},
    Rule{"28", ErrorCode::unauthorized},       Rule{"40", ErrorCode::timeout},
    Rule{"42", ErrorCode::schema_mismatch},    Rule{"44", ErrorCode::constraint},
    Rule{"53", ErrorCode::resource_exhausted}, Rule{"54", ErrorCode::resource_exhausted},
    Rule{"57", ErrorCode::unavailable},        Rule{"58", ErrorCode::unavailable},
};

std::string field(const PGresult* result, int which) {
    const char* text = PQresultErrorField(result, which);
    return text == nullptr ? std::string() : std::string(text);
}

}  // namespace

ErrorCode code_of_sqlstate(std::string_view sqlstate) noexcept {
    const auto* found =
        std::find_if(kRules.begin(), kRules.end(), [&](const Rule& rule) { return sqlstate.starts_with(rule.prefix); });
    return found == kRules.end() ? ErrorCode::internal : found->code;
}

bool is_transient(std::string_view sqlstate) noexcept { return sqlstate == "40001" || sqlstate == "40P01"; }

ServerError ServerError::from(const PGresult* result) {
    ServerError error;
    error.sqlstate = field(result, PG_DIAG_SQLSTATE);
    error.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    error.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    error.schema = field(result, PG_DIAG_SCHEMA_NAME);
    error.table = field(result, PG_DIAG_TABLE_NAME);
    error.column = field(result, PG_DIAG_COLUMN_NAME);
    error.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
    error.context = field(result, PG_DIAG_CONTEXT);
    error.routine = field(result, PG_DIAG_SOURCE_FUNCTION);
    if (error.message.empty()) error.message = PQresultErrorMessage(result);
    return error;
}

std::string ServerError::text() const {
    const std::string whole = detail.empty() ? message : fmt::format("{} ({})", message, detail);
    return core::printable(whole, kMaxTextBytes);
}

StatementError::StatementError(ServerError said, std::string_view what)
    : Error(code_of_sqlstate(said.sqlstate), fmt::format("{}: {}", what, said.text()), said.sqlstate),
      said_(std::move(said)) {}

}  // namespace marketdb::storage::postgres
