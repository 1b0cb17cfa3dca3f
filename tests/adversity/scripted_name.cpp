#include "adversity/scripted_name.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace marketdb::testing {
namespace {

using GetAddresses = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

/// The one that this program's own stands before: the C library's, or that of a sanitizer.
GetAddresses next_getaddrinfo() {
    static const auto next = reinterpret_cast<GetAddresses>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return next;
}

struct Script {
    std::optional<std::vector<std::string>> addresses;  ///< None: whoever asks waits.
    int asked = 0;
    int waiting = 0;
};

struct Scripts {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::shared_ptr<Script>, std::less<>> by_name;  ///< Guarded by mutex.
};

/// Never destroyed: a thread may ask when the program ends.
Scripts& scripts() {
    static auto* const all = new Scripts;
    return *all;
}

/// None: nobody scripted this name.
std::optional<std::vector<std::string>> wait_for_addresses(const char* name) {
    Scripts& all = scripts();
    std::unique_lock lock(all.mutex);
    const auto found = name == nullptr ? all.by_name.end() : all.by_name.find(std::string_view(name));
    if (found == all.by_name.end()) return std::nullopt;
    const std::shared_ptr<Script> script = found->second;
    ++script->asked;
    ++script->waiting;
    all.changed.wait(lock, [&] { return script->addresses.has_value(); });
    --script->waiting;
    return script->addresses;
}

/// One list of what each address makes, as the C library frees it.
int chain(const std::vector<std::string>& addresses, const char* service, const addrinfo* hints, addrinfo** found) {
    if (addresses.empty()) return EAI_NONAME;
    addrinfo wanted{};
    if (hints != nullptr) wanted = *hints;
    wanted.ai_flags |= AI_NUMERICHOST;
    addrinfo** end = found;
    for (const std::string& address : addresses) {
        const int failed = next_getaddrinfo()(address.c_str(), service, &wanted, end);
        if (failed != 0) return failed;
        while (*end != nullptr) end = &(*end)->ai_next;
    }
    return 0;
}

}  // namespace

ScriptedName::ScriptedName(std::string name) : name_(std::move(name)) {
    const std::scoped_lock lock(scripts().mutex);
    scripts().by_name[name_] = std::make_shared<Script>();
}

ScriptedName::~ScriptedName() {
    answer({});
    const std::scoped_lock lock(scripts().mutex);
    scripts().by_name.erase(name_);
}

void ScriptedName::answer(std::vector<std::string> addresses) {
    const std::scoped_lock lock(scripts().mutex);
    scripts().by_name.at(name_)->addresses = std::move(addresses);
    scripts().changed.notify_all();
}

void ScriptedName::hang() {
    const std::scoped_lock lock(scripts().mutex);
    scripts().by_name.at(name_)->addresses.reset();
}

int ScriptedName::asked() const {
    const std::scoped_lock lock(scripts().mutex);
    return scripts().by_name.at(name_)->asked;
}

int ScriptedName::waiting() const {
    const std::scoped_lock lock(scripts().mutex);
    return scripts().by_name.at(name_)->waiting;
}

}  // namespace marketdb::testing

/// Stands before the C library's for the whole program, libpq included.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* name, const char* service,
                                                                  const addrinfo* hints, addrinfo** found) {
    const auto addresses = marketdb::testing::wait_for_addresses(name);
    if (!addresses) return marketdb::testing::next_getaddrinfo()(name, service, hints, found);
    return marketdb::testing::chain(*addresses, service, hints, found);
}
