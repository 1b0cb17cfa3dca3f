#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

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
    const bool is_set = found != policies.end() && (found->max_age.count() > 0 || found->max_bytes > 0);
    return is_set ? &*found : nullptr;
}

std::string dataset_text(const RetentionHold& hold) {
    return hold.dataset ? std::string(to_string(*hold.dataset)) : "*";
}

std::vector<Field> fields() {
    return {{"kind"},
            {"id", FieldKind::number},
            {"dataset"},
            {"max_age", FieldKind::number},
            {"max_bytes", FieldKind::number},
            {"imports"},
            {"start"},
            {"end"},
            {"reason"},
            {"since"},
            {"released", FieldKind::text, 2}};
}

std::string size_cell(std::uint64_t bytes, OutputFormat format) {
    return format == OutputFormat::table ? human_bytes(bytes) : fmt::format("{}", bytes);
}

/// `policy_retention every 1 day, with {"drop_after": "30 days"}`
std::string job_text(const ServerJob& job) {
    return fmt::format("{} every {}{}{}{}", job.what, job.every, job.settings.empty() ? "" : ", with " + job.settings,
                       job.is_paused ? "; paused" : "", job.has_failed ? "; failed the last time" : "");
}

std::vector<std::string> record_of(const RetentionPolicy& policy, OutputFormat format) {
    std::vector<std::string> record(fields().size());
    record[0] = "policy";
    record[2] = to_string(policy.dataset);
    if (policy.max_age.count() > 0) record[3] = age_cell(policy.max_age, format);
    if (policy.max_bytes > 0) record[4] = size_cell(policy.max_bytes, format);
    record[5] = policy.takes_imports ? "go" : "stay";
    record[9] = to_string(policy.updated_at);
    return record;
}

std::vector<std::string> record_of(const RetentionHold& hold) {
    return {"hold",
            fmt::format("{}", hold.id),
            dataset_text(hold),
            "",
            "",
            "",
            to_string(hold.start),
            to_string(hold.end),
            hold.reason.str(),
            to_string(hold.created_at),
            to_string(hold.released_at)};
}

/// Of all four datasets: one without a policy keeps its rows.
std::vector<std::vector<std::string>> records_of(const std::vector<RetentionPolicy>& policies,
                                                 const std::vector<RetentionHold>& holds,
                                                 const std::vector<ServerJob>& jobs, OutputFormat format) {
    std::vector<std::vector<std::string>> records;
    for (const Dataset dataset : kDatasets) {
        RetentionPolicy none;
        none.dataset = dataset;
        const RetentionPolicy* policy = policy_of(policies, dataset);
        records.push_back(record_of(policy == nullptr ? none : *policy, format));
        if (policy == nullptr) records.back()[5].clear();
    }
    for (const RetentionHold& hold : holds) records.push_back(record_of(hold));
    for (const ServerJob& job : jobs) {
        records.push_back({"job", fmt::format("{}", job.id), job.table, "", "", "", "", "", job_text(job), "", ""});
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
    std::vector<RetentionPolicy> policies;
    std::vector<RetentionHold> holds;
    bool has_rules = true;
    try {
        policies = session.impl().run(get_retention(db));
        holds = session.impl().run(get_holds(db, arguments.released));
    } catch (const Error& error) {
        // What the server does by itself is of interest there, too.
        if (error.code() != ErrorCode::schema_mismatch) throw;
        has_rules = false;
        note(error.what());
    }
    const std::vector<ServerJob> jobs = session.impl().run(get_server_jobs(db));
    const OutputFormat format = arguments.flags.format();
    print_records(output(), format, fields(), records_of(policies, holds, jobs, format));
    output().flush();
    if (has_rules && policies.empty())
        note("no policy is set: all rows stay until `cleanup --older-than` or `delete` takes them");
    return kOk;
}

int run_retention_set(const GlobalOptions& global, const RetentionArguments& arguments) {
    RetentionPolicy policy;
    policy.dataset = read_dataset(arguments.dataset);
    policy.takes_imports = arguments.takes_imports;
    policy.max_bytes = arguments.max_bytes;
    const bool is_limited = !arguments.max_age.empty() || policy.max_bytes > 0;
    if (!arguments.keeps_all && !is_limited) {
        throw UsageError("expected --max-age LENGTH, --max-bytes SIZE, both, or --keep");
    }
    if (!arguments.max_age.empty()) policy.max_age = read_duration_option("--max-age", arguments.max_age);
    Session session(choose_database(global), Access::write);
    session.impl().run(set_retention(session.impl().manager, policy));
    session.close();
    std::vector<std::string> limits;
    if (!arguments.max_age.empty()) limits.push_back("they are older than " + arguments.max_age);
    if (policy.max_bytes > 0) limits.push_back("all of them take more than " + human_bytes(policy.max_bytes));
    const std::string what = arguments.keeps_all
                                 ? std::string("stay")
                                 : fmt::format("go when {}{}", fmt::join(limits, " or "),
                                               policy.takes_imports ? ", imported ones too" : "; imported ones stay");
    const OutputFormat format = arguments.flags.format();
    if (format == OutputFormat::table) {
        output().line(fmt::format("{}: rows of {} {}", database_name(), to_string(policy.dataset), what));
    } else {
        print_records(output(), format, fields(), {record_of(policy, format)});
    }
    output().flush();
    return kOk;
}

int run_retention_hold(const GlobalOptions& global, const RetentionArguments& arguments) {
    RetentionHold hold;
    if (!arguments.dataset.empty() && arguments.dataset != "*") hold.dataset = read_dataset(arguments.dataset);
    if (!arguments.start.empty()) hold.start = read_time_option("--from", arguments.start);
    if (!arguments.end.empty()) hold.end = read_time_option("--to", arguments.end);
    hold.reason = arguments.reason;
    if (is_present(hold.start) && is_present(hold.end) && hold.end <= hold.start) {
        throw UsageError(fmt::format("--to {} is not after --from {}", to_string(hold.end), to_string(hold.start)));
    }
    if (hold.reason.is_overlong()) throw UsageError("--reason: expected at most 254 bytes");
    Session session(choose_database(global), Access::write);
    hold = session.impl().run(hold_rows(session.impl().manager, hold));
    session.close();
    const OutputFormat format = arguments.flags.format();
    if (format == OutputFormat::table) {
        output().line(fmt::format("hold {}: rows of {} {} stay", hold.id,
                                  hold.dataset ? dataset_text(hold) : "all datasets", time_text(hold)));
    } else {
        print_records(output(), format, fields(), {record_of(hold)});
    }
    output().flush();
    return kOk;
}

int run_retention_release(const GlobalOptions& global, const RetentionArguments& arguments) {
    Session session(choose_database(global), Access::write);
    DatabaseManager& db = session.impl().manager;
    session.impl().run(release_hold(db, arguments.id));
    const OutputFormat format = arguments.flags.format();
    if (format == OutputFormat::table) {
        output().line(fmt::format("hold {} is released", arguments.id));
    } else {
        for (const RetentionHold& hold : session.impl().run(get_holds(db, true))) {
            if (hold.id == arguments.id) print_records(output(), format, fields(), {record_of(hold)});
        }
    }
    session.close();
    output().flush();
    return kOk;
}

}  // namespace marketdb::cli
