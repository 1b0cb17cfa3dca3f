#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/retention.hpp>

#include "ages.hpp"
#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

const RetentionPolicy* policy_of(const std::vector<RetentionPolicy>& policies, Dataset dataset) {
    const auto found = std::find_if(policies.begin(), policies.end(),
                                    [dataset](const RetentionPolicy& one) { return one.dataset == dataset; });
    return found == policies.end() || found->max_age.count() == 0 ? nullptr : &*found;
}

std::string dataset_text(const RetentionHold& hold) {
    return hold.dataset ? std::string(to_string(*hold.dataset)) : "*";
}

std::vector<Field> fields() {
    return {{"kind"},    {"id", FieldKind::number},
            {"dataset"}, {"max_age", FieldKind::number},
            {"imports"}, {"start"},
            {"end"},     {"reason"},
            {"since"},   {"released", FieldKind::text, 2}};
}

/// Of all four datasets: one without a policy keeps its rows.
std::vector<std::vector<std::string>> records_of(const std::vector<RetentionPolicy>& policies,
                                                 const std::vector<RetentionHold>& holds, OutputFormat format) {
    std::vector<std::vector<std::string>> records;
    for (const Dataset dataset : kDatasets) {
        const RetentionPolicy* policy = policy_of(policies, dataset);
        std::vector<std::string>& record = records.emplace_back(fields().size());
        record[0] = "policy";
        record[2] = to_string(dataset);
        if (policy == nullptr) continue;
        record[3] = age_cell(policy->max_age, format);
        record[4] = policy->takes_imports ? "go" : "stay";
        record[8] = to_string(policy->updated_at);
    }
    for (const RetentionHold& hold : holds) {
        records.push_back({"hold", fmt::format("{}", hold.id), dataset_text(hold), "", "", to_string(hold.start),
                           to_string(hold.end), hold.reason.str(), to_string(hold.created_at),
                           to_string(hold.released_at)});
    }
    return records;
}

std::string time_text(const RetentionHold& hold) {
    const std::string start = is_present(hold.start) ? "from " + to_string(hold.start) : "from the first row";
    return start + (is_present(hold.end) ? " to " + to_string(hold.end) : " on");
}

}  // namespace

int run_retention_show(const GlobalOptions& global, const RetentionArguments& arguments) {
    Session session(choose_database(global), Access::read);
    DatabaseManager& db = session.impl().manager;
    const std::vector<RetentionPolicy> policies = session.impl().run(get_retention(db));
    const std::vector<RetentionHold> holds = session.impl().run(get_holds(db, arguments.released));
    const OutputFormat format = arguments.flags.format();
    print_records(output(), format, fields(), records_of(policies, holds, format));
    output().flush();
    if (policies.empty()) note("no policy is set: all rows stay until `cleanup --older-than` or `delete` takes them");
    return kOk;
}

int run_retention_set(const GlobalOptions& global, const RetentionArguments& arguments) {
    RetentionPolicy policy;
    policy.dataset = read_dataset(arguments.dataset);
    policy.takes_imports = arguments.takes_imports;
    if (!arguments.keeps_all) {
        if (arguments.max_age.empty()) throw UsageError("expected --max-age LENGTH, or --keep");
        policy.max_age = read_duration_option("--max-age", arguments.max_age);
        if (policy.max_age.count() == 0) throw UsageError("--max-age: expected more than 0; --keep keeps all rows");
    }
    Session session(choose_database(global), Access::write);
    session.impl().run(set_retention(session.impl().manager, policy));
    session.close();
    const std::string what = arguments.keeps_all
                                 ? std::string("stay")
                                 : fmt::format("go when they are older than {}{}", arguments.max_age,
                                               policy.takes_imports ? ", imported ones too" : "; imported ones stay");
    output().line(fmt::format("{}: rows of {} {}", database_name(), to_string(policy.dataset), what));
    output().flush();
    return kOk;
}

int run_retention_hold(const GlobalOptions& global, const RetentionArguments& arguments) {
    RetentionHold hold;
    if (!arguments.dataset.empty() && arguments.dataset != "*") hold.dataset = read_dataset(arguments.dataset);
    if (!arguments.start.empty()) hold.start = read_time_option("--from", arguments.start);
    if (!arguments.end.empty()) hold.end = read_time_option("--to", arguments.end);
    hold.reason = arguments.reason;
    if (hold.reason.is_overlong()) throw UsageError("--reason: expected at most 254 bytes");
    Session session(choose_database(global), Access::write);
    hold = session.impl().run(hold_rows(session.impl().manager, hold));
    session.close();
    output().line(fmt::format("hold {}: rows of {} {} stay", hold.id,
                              hold.dataset ? dataset_text(hold) : "all datasets", time_text(hold)));
    output().flush();
    return kOk;
}

int run_retention_release(const GlobalOptions& global, const RetentionArguments& arguments) {
    Session session(choose_database(global), Access::write);
    session.impl().run(release_hold(session.impl().manager, arguments.id));
    session.close();
    output().line(fmt::format("hold {} is released", arguments.id));
    output().flush();
    return kOk;
}

}  // namespace marketdb::cli
