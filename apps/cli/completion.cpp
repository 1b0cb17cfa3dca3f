#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "grammar.hpp"

namespace marketdb::cli {
namespace {

constexpr std::string_view kDatasetNames = "book-tickers quotes trades funding-rates funding balances";

/// The values that an option or argument takes; `FILES` for the names of files, empty for anything.
std::string_view values_of(std::string_view name) {
    constexpr std::pair<std::string_view, std::string_view> kValues[] = {
        {"--order", "asc desc"},
        {"--roles", "owner writer reader"},
        {"--clock", "event received"},
        {"--empty", "skip show fill"},
        {"--on-error", "stop quarantine"},
        {"--format", "csv ndjson"},
        {"--time-unit", "s ms us ns"},
        {"--layout", "tardis binance marketdb marketdb-jsonl"},
        {"--contract-type", "spot perpetual inverse dated"},
        {"--quantity-unit", "base quote contracts"},
        {"--dataset", kDatasetNames},
        {"DATASET", kDatasetNames},
        {"SHELL", "bash zsh fish"},
        {"--config", "FILES"},
        {"--output", "FILES"},
        {"--file", "FILES"},
        {"FILE", "FILES"},
    };
    for (const auto& [option, values] : kValues) {
        if (option == name) return values;
    }
    return "";
}

std::string long_name(const CLI::Option& option) {
    return option.get_lnames().empty() ? std::string() : "--" + option.get_lnames().front();
}

/// A command, the words that lead to it, and what can follow.
struct Command {
    std::string path;  // `migrate up`; empty: marketdb itself
    const CLI::App* app;
    std::vector<const CLI::App*> children;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Command>& commands) {
    Command command{path, &app, app.get_subcommands([](const CLI::App*) { return true; })};
    commands.push_back(command);
    for (const CLI::App* child : command.children) {
        collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), commands);
    }
}

std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        if (const std::string name = long_name(*option); !name.empty()) names.push_back(name);
    }
    return names;
}

std::string_view positional_values(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        if (!option->get_positional()) continue;
        if (const std::string_view values = values_of(option->get_name(true)); !values.empty()) return values;
    }
    return "";
}

std::string bash_words(const Command& command, const std::vector<std::string>& global) {
    std::string words;
    for (const CLI::App* child : command.children) words += child->get_name() + " ";
    if (const std::string_view values = positional_values(*command.app); !values.empty() && values != "FILES") {
        words += fmt::format("{} ", values);
    }
    words += fmt::format("{}", fmt::join(options_of(*command.app), " "));
    if (!command.path.empty()) words += fmt::format(" {}", fmt::join(global, " "));
    return words;
}

std::string bash_script(const std::vector<Command>& commands) {
    const std::vector<std::string> global = options_of(*commands.front().app);
    std::string paths, values, words;
    for (const Command& command : commands) {
        const bool takes_files = positional_values(*command.app) == "FILES";
        if (!command.path.empty()) paths += fmt::format("            '{0}') path='{0}' ;;\n", command.path);
        words += fmt::format("        '{}') words='{}'; files={} ;;\n", command.path, bash_words(command, global),
                             takes_files ? 1 : 0);
    }
    for (const std::string_view option : {"--order", "--clock", "--empty", "--on-error", "--format", "--time-unit",
                                          "--layout", "--dataset", "--contract-type", "--quantity-unit"}) {
        values += fmt::format("        {}) COMPREPLY=($(compgen -W '{}' -- \"$current\")); return ;;\n", option,
                              values_of(option));
    }
    return fmt::format(R"(_marketdb() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local path='' words='' files=0 word
    COMPREPLY=()
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "${{path:+$path }}$word" in
{}        esac
    done
    case $previous in
{}        --config|--output|-o|--file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    case $path in
{}    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [ "$files" = 1 ]; then
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
}}
complete -o filenames -F _marketdb marketdb
)",
                       paths, values, words);
}

std::string fish_quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "'";
}

std::string fish_condition(const Command& command) {
    if (command.path.empty()) return "__fish_use_subcommand";
    std::string condition = "__fish_seen_subcommand_from " + command.app->get_name();
    const std::size_t blank = command.path.find(' ');
    if (blank != std::string::npos)
        condition = "__fish_seen_subcommand_from " + command.path.substr(0, blank) + "; and " + condition;
    return condition;
}

std::string fish_script(const std::vector<Command>& commands) {
    std::string script = "complete -c marketdb -f\n";
    for (const Command& command : commands) {
        const std::string condition = fish_quoted(fish_condition(command));
        for (const CLI::App* child : command.children) {
            script += fmt::format("complete -c marketdb -n {} -a {} -d {}\n", condition, child->get_name(),
                                  fish_quoted(child->get_description()));
        }
        const std::string_view positional = positional_values(*command.app);
        if (positional == "FILES") script += fmt::format("complete -c marketdb -n {} -F\n", condition);
        if (!positional.empty() && positional != "FILES") {
            script += fmt::format("complete -c marketdb -n {} -a {}\n", condition, fish_quoted(positional));
        }
        for (const CLI::Option* option : command.app->get_options()) {
            const std::string name = long_name(*option);
            if (name.empty()) continue;
            const std::string_view values = values_of(name);
            const bool takes_value = option->get_type_size() > 0;
            script += fmt::format("complete -c marketdb {}-l {}{} -d {}\n",
                                  command.path.empty() ? "" : fmt::format("-n {} ", condition), name.substr(2),
                                  !takes_value        ? ""
                                  : values == "FILES" ? " -r -F"
                                  : values.empty()    ? " -x"
                                                      : fmt::format(" -x -a {}", fish_quoted(values)),
                                  fish_quoted(option->get_description()));
        }
    }
    return script;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
    std::vector<Command> commands;
    collect(app, "", commands);
    if (shell == "fish") return fish_script(commands);
    if (shell == "bash") return bash_script(commands);
    // zsh runs bash's completions.
    return "#compdef marketdb\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" +
           bash_script(commands);
}

}  // namespace marketdb::cli
