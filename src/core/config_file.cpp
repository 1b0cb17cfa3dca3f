#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <marketdb/config.hpp>
#include <marketdb/error.hpp>

#include "core/environment.hpp"
#include "core/text.hpp"

namespace marketdb {
namespace {

constexpr std::string_view kSection = "database";

/// A place in the file and what is wrong with it. Values are never part of a message: any of them may be a password that
/// stands at the wrong key.
Error invalid_at(const std::string& file, int line, std::string_view path, std::string_view what) {
    return Error(ErrorCode::invalid_argument, fmt::format("{}:{}: {}: {}", file, line, path, what));
}

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

/// One scalar of the file, after expansion.
class Setting {
 public:
    Setting(const std::string& file, std::string path, const YAML::Node& node, std::vector<std::string>& notices)
        : file_(file), path_(std::move(path)), line_(line_of(node)) {
        if (node.IsNull()) return;
        if (!node.IsScalar()) throw invalid("must be one value");
        const core::Expanded expanded = core::expand_variables(node.Scalar());
        if (!expanded.unset.empty()) {
            throw invalid(fmt::format("environment variable {} is not set", fmt::join(expanded.unset, ", ")));
        }
        for (const std::string& name : expanded.dash_defaults) {
            notices.push_back(
                fmt::format("{}:{}: {}: ${{{}:-...}} gives what follows the dash; earlier programs kept the "
                            "dash",
                            file_, line_, path_, name));
        }
        text_ = expanded.text;
    }

    [[nodiscard]] Error invalid(std::string_view what) const { return invalid_at(file_, line_, path_, what); }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

    [[nodiscard]] std::string required_text() const {
        if (text_.empty()) throw invalid("is empty");
        return text_;
    }

    template <class Integer>
    [[nodiscard]] Integer integer(std::int64_t lowest,
                                  std::int64_t highest = std::numeric_limits<Integer>::max()) const {
        const auto number = core::parse_int(text_);
        if (!number || *number < lowest || *number > highest) {
            throw invalid(fmt::format("must be a whole number from {} to {}", lowest, highest));
        }
        return static_cast<Integer>(*number);
    }

    /// A length of time in seconds; the longest is a century.
    [[nodiscard]] double seconds(bool may_be_zero) const {
        constexpr double kCentury = 100 * 365.25 * 86'400;
        const auto number = core::parse_double(text_);
        if (!number || *number < 0 || *number > kCentury || (*number == 0 && !may_be_zero)) {
            throw invalid(may_be_zero ? "must be a number of seconds, 0 or more"
                                      : "must be a number of seconds above 0");
        }
        return *number;
    }

    [[nodiscard]] std::chrono::microseconds duration(bool may_be_zero = false) const {
        const std::chrono::microseconds length{std::llround(seconds(may_be_zero) * 1e6)};
        if (length.count() == 0 && !may_be_zero) throw invalid("must be at least a microsecond");
        return length;
    }

    [[nodiscard]] bool boolean() const {
        const std::string text = core::to_lower(text_);
        for (const std::string_view yes : {"true", "yes", "on", "1"}) {
            if (text == yes) return true;
        }
        for (const std::string_view no : {"false", "no", "off", "0"}) {
            if (text == no) return false;
        }
        throw invalid("must be true or false");
    }

 private:
    const std::string& file_;
    std::string path_;
    int line_;
    std::string text_;
};

/// The URL says engine, target and mode; all else stays as it was set.
void set_url(Config& config, const Setting& setting) {
    const std::string url = setting.required_text();
    try {
        Config target = Config::from_url(url);
        config.engine = target.engine;
        config.sqlite_path = std::move(target.sqlite_path);
        config.open_mode = target.open_mode;
        config.postgres.conninfo = std::move(target.postgres.conninfo);
        config.postgres.schema = std::move(target.postgres.schema);
        config.postgres.transaction_pooler = target.postgres.transaction_pooler;
        if (target.legacy_clock == LegacyClock::event) config.legacy_clock = LegacyClock::event;
    } catch (const Error& error) {
        throw setting.invalid(error.what());
    }
}

void set_legacy_clock(Config& config, const Setting& setting) {
    const std::string& clock = setting.text();
    if (clock != "received" && clock != "event") throw setting.invalid("must be received or event");
    config.legacy_clock = clock == "event" ? LegacyClock::event : LegacyClock::received;
}

void set_pooler(Config& config, const Setting& setting) {
    if (setting.text() != "transaction" && setting.text() != "none")
        throw setting.invalid("must be transaction or none");
    config.postgres.transaction_pooler = setting.text() == "transaction";
}

struct KnownKey {
    std::string_view path;                             ///< Behind `database.`.
    void (*apply)(Config&, const Setting&) = nullptr;  ///< Null: only the old driver knew it.
};

constexpr std::array kKnownKeys{
    KnownKey{"url", set_url},
    KnownKey{"host", [](Config& c, const Setting& s) { c.postgres.host = s.required_text(); }},
    KnownKey{"port", [](Config& c, const Setting& s) { c.postgres.port = s.integer<std::uint16_t>(1); }},
    KnownKey{"database", [](Config& c, const Setting& s) { c.postgres.database = s.required_text(); }},
    KnownKey{"username", [](Config& c, const Setting& s) { c.postgres.username = s.required_text(); }},
    KnownKey{"password", [](Config& c, const Setting& s) { c.postgres.password = s.text(); }},
    KnownKey{"schema", [](Config& c, const Setting& s) { c.postgres.schema = s.text(); }},
    KnownKey{"pool.min_size",
             [](Config& c, const Setting& s) { c.postgres.pool_min_size = s.integer<std::uint32_t>(1); }},
    KnownKey{"pool.max_size",
             [](Config& c, const Setting& s) { c.postgres.pool_max_size = s.integer<std::uint32_t>(1); }},
    KnownKey{"pool.max_queries",
             [](Config& c, const Setting& s) { c.postgres.max_queries = s.integer<std::uint32_t>(1); }},
    KnownKey{"pool.max_inactive_connection_lifetime",
             [](Config& c, const Setting& s) { c.postgres.max_idle_seconds = s.seconds(true); }},
    KnownKey{"pool.max_lifetime",
             [](Config& c, const Setting& s) { c.postgres.max_lifetime_seconds = s.seconds(true); }},
    KnownKey{"pool.command_timeout", [](Config& c, const Setting& s) { c.command_timeout = s.duration(); }},
    KnownKey{"pooler", set_pooler},
    KnownKey{"performance.statement_cache_size",
             [](Config& c, const Setting& s) { c.postgres.statement_cache_size = s.integer<std::uint32_t>(0); }},
    KnownKey{"performance.enable_asyncpg_record"},
    KnownKey{"performance.enable_connection_logging"},
    KnownKey{"migrations.enabled", [](Config& c, const Setting& s) { c.migrate = s.boolean(); }},
    KnownKey{"migrations.directory"},
    KnownKey{"cache.reference_ttl_seconds", [](Config& c, const Setting& s) { c.reference_ttl = s.duration(); }},
    KnownKey{"cache.latest_ttl_seconds", [](Config& c, const Setting& s) { c.latest_ttl = s.duration(); }},
    KnownKey{"cache.poll_interval_seconds", [](Config& c, const Setting& s) { c.poll_interval = s.duration(); }},
    KnownKey{"sqlite.busy_timeout_seconds",
             [](Config& c, const Setting& s) {
                 c.busy_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(s.duration(true));
             }},
    KnownKey{"sqlite.reader_threads",
             [](Config& c, const Setting& s) { c.reader_threads = s.integer<std::uint32_t>(1, 16); }},
    KnownKey{"allow_rounding", [](Config& c, const Setting& s) { c.allow_rounding = s.boolean(); }},
    KnownKey{"legacy_clock", set_legacy_clock},
    KnownKey{"hypertables", [](Config& c, const Setting& s) { c.postgres.hypertables = s.boolean(); }},
};

bool is_group(std::string_view key) {
    return std::any_of(kKnownKeys.begin(), kKnownKeys.end(), [key](const KnownKey& known) {
        return known.path.starts_with(key) && known.path.substr(key.size()).starts_with('.');
    });
}

/// The keys of one level, for the message that refuses another.
std::string known_keys_of(std::string_view group) {
    std::vector<std::string_view> keys;
    for (const KnownKey& known : kKnownKeys) {
        if (!known.path.starts_with(group)) continue;
        const std::string_view rest = known.path.substr(group.size());
        const std::string_view key = rest.substr(0, rest.find('.'));
        if (keys.empty() || keys.back() != key) keys.push_back(key);
    }
    return fmt::format("{}", fmt::join(keys, ", "));
}

/// A key as it may be shown: a slip of the pen can make a key of a whole URL.
std::string shown_key(std::string_view key) {
    constexpr std::size_t kLongest = 40;
    const bool is_word = key.size() <= kLongest && std::all_of(key.begin(), key.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
                         });
    return is_word ? std::string(key) : "(a key that is no word)";
}

/// Reads the section of one file.
class SectionReader {
 public:
    explicit SectionReader(std::string file) : file_(std::move(file)) {}

    Config read(const YAML::Node& section) {
        read_level(section, {});
        check_target(section);
        if (config_.postgres.pool_min_size > config_.postgres.pool_max_size) {
            throw invalid_at(file_, line_of_key("pool.max_size", "pool.min_size", section), "database.pool.max_size",
                             fmt::format("{} is less than min_size {}", config_.postgres.pool_max_size,
                                         config_.postgres.pool_min_size));
        }
        return std::move(config_);
    }

 private:
    void read_level(const YAML::Node& level, const std::string& group) {
        for (const auto& entry : level) {
            const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string{};
            const std::string path = group + key;
            const std::string shown = fmt::format("{}.{}{}", kSection, group, shown_key(key));
            if (std::any_of(lines_.begin(), lines_.end(), [&](const auto& seen) { return seen.first == path; })) {
                throw invalid_at(file_, line_of(entry.first), shown, "is there twice");
            }
            lines_.emplace_back(path, line_of(entry.first));
            if (group.empty() && is_group(key)) {
                read_group(entry.second, path, shown);
            } else {
                read_key(entry.first, entry.second, group, path, shown);
            }
        }
    }

    void read_group(const YAML::Node& node, const std::string& path, const std::string& shown) {
        if (node.IsNull()) return;
        if (!node.IsMap())
            throw invalid_at(file_, line_of(node), shown, "must hold keys: " + known_keys_of(path + "."));
        read_level(node, path + ".");
    }

    void read_key(const YAML::Node& key, const YAML::Node& value, const std::string& group, const std::string& path,
                  const std::string& shown) {
        const auto known =
            std::find_if(kKnownKeys.begin(), kKnownKeys.end(), [&](const KnownKey& k) { return k.path == path; });
        if (known == kKnownKeys.end()) {
            throw invalid_at(file_, line_of(key), shown, "is unknown; expected " + known_keys_of(group));
        }
        if (known->apply == nullptr) {
            config_.notices.push_back(
                fmt::format("{}:{}: {}: has no meaning here and is ignored", file_, line_of(key), shown));
            return;
        }
        known->apply(config_, Setting(file_, shown, value, config_.notices));
        config_.set_keys.push_back(path);
    }

    void check_target(const YAML::Node& section) {
        constexpr std::array<std::string_view, 6> kParts{"host", "port", "database", "username", "password", "schema"};
        if (find_line("url")) {
            for (const std::string_view part : kParts) {
                if (const auto line = find_line(part)) {
                    throw invalid_at(file_, *line, fmt::format("{}.{}", kSection, part), "must not stand beside url");
                }
            }
            return;
        }
        for (const std::string_view part : {"host", "database", "username"}) {
            if (!find_line(part)) {
                throw invalid_at(file_, line_of(section), fmt::format("{}.{}", kSection, part),
                                 "is missing (or give url: sqlite:market.db)");
            }
        }
        config_.engine = EngineKind::postgres;
        if (config_.postgres.password.empty()) {
            config_.postgres.password = core::environment_variable("DB_PASSWORD").value_or("");
        }
    }

    [[nodiscard]] std::optional<int> find_line(std::string_view path) const {
        const auto found =
            std::find_if(lines_.begin(), lines_.end(), [path](const auto& seen) { return seen.first == path; });
        if (found == lines_.end()) return std::nullopt;
        return found->second;
    }

    [[nodiscard]] int line_of_key(std::string_view key, std::string_view other, const YAML::Node& section) const {
        return find_line(key).value_or(find_line(other).value_or(line_of(section)));
    }

    std::string file_;
    Config config_;
    std::vector<std::pair<std::string, int>> lines_;  ///< Of each key that was met, by path.
};

/// The value of `database:` at the top level; none if there is no such key.
std::optional<YAML::Node> find_section(const YAML::Node& root, const std::string& file) {
    std::optional<YAML::Node> section;
    if (!root.IsMap()) return section;
    for (const auto& entry : root) {
        if (!entry.first.IsScalar() || entry.first.Scalar() != kSection) continue;
        if (section) throw invalid_at(file, line_of(entry.first), kSection, "is there twice");
        section = entry.second;
    }
    return section;
}

YAML::Node load_yaml(const std::filesystem::path& path) {
    const std::string file = path.string();
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        throw Error(ErrorCode::invalid_argument, file + ": there is no such file");
    std::ifstream stream(path, std::ios::binary);
    if (!stream || std::filesystem::is_directory(path, error)) {
        throw Error(ErrorCode::invalid_argument, file + ": cannot be read");
    }
    try {
        return YAML::Load(stream);
    } catch (const YAML::Exception& yaml) {
        // The parser's own words may quote the file, and so a password.
        throw invalid_at(file, yaml.mark.line + 1, fmt::format("column {}", yaml.mark.column + 1), "is not valid YAML");
    }
}

}  // namespace

Config Config::from_file(const std::filesystem::path& file) {
    const std::string name = file.string();
    const auto section = find_section(load_yaml(file), name);
    if (!section) throw Error(ErrorCode::invalid_argument, name + ": has no database: section");
    if (!section->IsMap()) {
        throw invalid_at(name, line_of(*section), kSection, "must hold keys: url, or host, database and username");
    }
    return SectionReader(name).read(*section);
}

bool Config::has_database_section(const std::filesystem::path& file) noexcept {
    try {
        return find_section(load_yaml(file), file.string()).has_value();
    } catch (...) {
        return false;
    }
}

}  // namespace marketdb
