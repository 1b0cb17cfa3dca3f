#include "postgres_dump.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/backup.hpp>

#include "child_program.hpp"
#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

std::string identifier(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
        if (c == '"') text += '"';
        text += c;
    }
    return text + "\"";
}

std::string run_tool(const Config& config, std::vector<std::string> arguments) {
    ChildProgram program;
    program.arguments = std::move(arguments);
    program.environment = connection_environment(config);
    return run_program(program);
}

/// Removes a file at the end of the scope, unless it has got another name by then.
class Part {
 public:
    explicit Part(std::string name) : name_(std::move(name)) {}
    ~Part() { ::unlink(name_.c_str()); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
    const std::string name_;
};

void refuse_existing(const std::string& file) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(file))) return;
    throw Failure(kFailure, fmt::format("{} is there already, and is left as it is", file));
}

}  // namespace

std::string schema_of(const Config& config) {
    if (!config.postgres.schema.empty()) return config.postgres.schema;
    // A search path of the session's own is not that of the programs.
    const char* session = std::getenv("PGOPTIONS");
    const bool has_session = session != nullptr && *session != '\0';
    if (has_session || config.postgres.conninfo.find("options") != std::string::npos) {
        throw UsageError("`options` of the URL and PGOPTIONS do not reach pg_dump: expected schema=NAME in the URL");
    }
    std::string name = run_tool(config, {"psql", "-X", "-w", "-A", "-t", "-c", "SELECT pg_catalog.current_schema()"});
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (name.empty()) throw Failure(kUnavailable, "no schema of the search path exists; say which: schema=desk");
    return name;
}

void dump_schema(const Config& config, const std::string& schema, const std::string& file) {
    refuse_existing(file);
    const Part part(fmt::format("{}.{}.part", file, ::getpid()));
    run_tool(config, {"pg_dump", "-w", "--format=custom", "--schema=" + identifier(schema), "--file=" + part.name()});
    run_tool(config, {"pg_restore", "--file=/dev/null", part.name()});
    refuse_existing(file);
    if (std::rename(part.name().c_str(), file.c_str()) == 0) return;
    throw Failure(kFailure, fmt::format("{} cannot be given its name", file));
}

void make_schema(const Config& config, const std::string& schema) {
    std::string literal;
    for (const char c : identifier(schema)) literal += c == '\'' ? std::string("''") : std::string(1, c);
    // CREATE SCHEMA IF NOT EXISTS would want the right to make one where there is one.
    const std::string make = fmt::format(
        "DO $make$ BEGIN IF pg_catalog.to_regnamespace('{}') IS NULL THEN CREATE SCHEMA {}; END IF; END $make$",
        literal, identifier(schema));
    run_tool(config, {"psql", "-X", "-w", "-q", "-v", "ON_ERROR_STOP=1", "-c", make});
}

void restore_schema(const Config& config, const std::string& schema, const std::string& file) {
    // The empty name leaves the database to the environment.
    run_tool(config, {"pg_restore", "-w", "--dbname=", "--schema=" + schema, "--no-owner", "--no-privileges",
                      "--exit-on-error", "--single-transaction", file});
}

}  // namespace marketdb::cli
