#include "grammar_parts.hpp"

#include <string>

#include "numbers.hpp"

namespace marketdb::cli {

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      std::initializer_list<const char*> examples) {
    CLI::App* command = parent.add_subcommand(name, description);
    command->fallthrough();
    std::string footer = "Examples:";
    for (const char* example : examples) footer += std::string("\n  ") + example;
    command->footer(footer + "\n\nOptions of every command: marketdb --help");
    return command;
}

CLI::Validator finite_number() {
    const auto check = [](std::string& text) -> std::string {
        return read_number<double>(text) ? "" : "'" + text + "': expected a finite number";
    };
    return CLI::Validator(check, "");
}

void add_format_flags(CLI::App* command, FormatFlags& flags) {
    CLI::Option* json = command->add_flag("--json", flags.json, "One JSON array")->group("Output");
    CLI::Option* ndjson = command->add_flag("--ndjson", flags.ndjson, "One JSON object a line")->group("Output");
    CLI::Option* csv = command->add_flag("--csv", flags.csv, "Comma separated, with a heading")->group("Output");
    json->excludes(ndjson)->excludes(csv);
    ndjson->excludes(csv);
}

void add_time_options(CLI::App* command, ReadOptions& read) {
    command->add_option("--from", read.from, "First time: 2024-08-08, 2024-08-08T23:54Z, 1723161257")
        ->type_name("T")
        ->group("Rows");
    command->add_option("--to", read.to, "Time that is not included any more")->type_name("T")->group("Rows");
}

void add_clock_option(CLI::App* command, ReadOptions& read) {
    command
        ->add_option("--clock", read.clock,
                     "Times and order by event (the exchange's clock) or received (ours) (event)")
        ->type_name("CLOCK")
        ->check(CLI::IsMember({"event", "received"}))
        ->group("Rows");
}

}  // namespace marketdb::cli
