#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "session.hpp"
#include "symbol_records.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::string boolean(bool value) { return value ? "true" : "false"; }

const std::vector<Field>& exchange_fields() {
    static const std::vector<Field> fields = {
        {"exchange"}, {"exchange_name"}, {"market_type"}, {"is_active", FieldKind::boolean}, {"created_at"}};
    return fields;
}

}  // namespace

int run_exchanges(const GlobalOptions& global, const FormatFlags& flags) {
    Session session(choose_database(global), Access::read);
    std::vector<std::vector<std::string>> records;
    for (const Exchange& exchange : session.exchanges()) {
        records.push_back({exchange.enum_value.str(), exchange.exchange_name.str(),
                           std::string(to_string(exchange.market_type)), boolean(exchange.is_active),
                           to_string(exchange.created_at)});
    }
    print_records(output(), flags.format(), exchange_fields(), records);
    output().flush();
    if (records.empty()) note(fmt::format("{} holds no exchange; `marketdb import FILE` fills it", session.name()));
    return kOk;
}

int run_symbols(const GlobalOptions& global, const SymbolsOptions& options) {
    Session session(choose_database(global), Access::read);
    std::vector<std::vector<std::string>> records;
    bool is_known = options.exchange.empty();
    for (const Exchange& exchange : session.exchanges()) {
        const Exchange* asked = options.exchange.empty() ? nullptr : session.find_exchange(options.exchange);
        if (!options.exchange.empty() && (asked == nullptr || asked->id != exchange.id)) continue;
        is_known = true;
        for (const Symbol& symbol : session.symbols(exchange.id, options.active)) {
            records.push_back(symbol_record(exchange.enum_value.str(), symbol));
        }
    }
    if (!is_known) {
        throw Error(ErrorCode::unknown_exchange, fmt::format("no exchange '{}' in this database", options.exchange));
    }
    print_records(output(), options.flags.format(), symbol_fields(), records);
    output().flush();
    if (records.empty()) note(fmt::format("{} holds no symbol of it; `marketdb import FILE` fills it", session.name()));
    return kOk;
}

}  // namespace marketdb::cli
