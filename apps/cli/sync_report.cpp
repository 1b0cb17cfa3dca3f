#include "sync_report.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/format.hpp>

#include "output.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kNamesShown = 5;

std::string first_names(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kNamesShown; ++i) {
        text += (i == 0 ? ": " : ", ") + printable(names[i]);
    }
    return names.size() > kNamesShown ? text + ", .." : text;
}

void print_kind(std::string_view kind, const std::vector<std::string>& names) {
    output().line(fmt::format("  {:<12}{:>7}{}", kind, with_commas(names.size()), first_names(names)));
}

void print_text(const SyncReport& report, const SyncArguments& arguments, const std::string& database) {
    output().line(fmt::format("{}: {}", report.exchange, arguments.file == "-" ? "standard input" : arguments.file));
    print_kind("added", report.added);
    print_kind("updated", report.updated);
    print_kind("reactivated", report.reactivated);
    print_kind("deactivated", report.deactivated);
    output().line(fmt::format("  {:<12}{:>7}", "unchanged", with_commas(report.unchanged)));
    for (const SyncSkip& one : report.skipped) {
        output().line(fmt::format("  {:<12}{:>7} {}{}", "skipped", with_commas(one.symbols.size()),
                                  printable(one.reason), first_names(one.symbols)));
    }
    output().line(
        fmt::format("{} {}", arguments.dry_run ? "nothing was written (--dry-run) to" : "database", database));
}

/// One object: what became of how many, why, and their names.
std::string json_object(std::string_view kind, std::uint64_t count, std::string_view reason,
                        const std::vector<std::string>& names) {
    std::string text = fmt::format("{{\"change\":\"{}\",\"count\":{},\"reason\":", kind, count);
    if (reason.empty()) {
        text += "null";
    } else {
        append_json_string(text, reason);
    }
    text += ",\"symbols\":[";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += ',';
        append_json_string(text, names[i]);
    }
    return text + "]}";
}

void print_json(const SyncReport& report) {
    std::vector<std::string> objects;
    const auto add = [&objects](std::string_view kind, const std::vector<std::string>& names) {
        objects.push_back(json_object(kind, names.size(), {}, names));
    };
    add("added", report.added);
    add("updated", report.updated);
    add("reactivated", report.reactivated);
    add("deactivated", report.deactivated);
    objects.push_back(json_object("unchanged", report.unchanged, {}, {}));
    for (const SyncSkip& one : report.skipped) {
        objects.push_back(json_object("skipped", one.symbols.size(), one.reason, one.symbols));
    }
    for (std::size_t i = 0; i < objects.size(); ++i) {
        output().line((i == 0 ? "[" : "") + objects[i] + (i + 1 == objects.size() ? "]" : ","));
    }
}

}  // namespace

void print_sync(const SyncReport& report, const SyncArguments& arguments, const std::string& database) {
    if (arguments.json) {
        print_json(report);
    } else {
        print_text(report, arguments, database);
    }
    output().flush();
}

}  // namespace marketdb::cli
