#pragma once

#include <string>
#include <vector>

namespace marketdb::testing {

/// A host name whose addresses the test says, and when. The program's own `getaddrinfo` knows it, whoever asks; all other names
/// go to the C library's. At first whoever asks is kept waiting.
///
/// Threads: any.
class ScriptedName {
 public:
    explicit ScriptedName(std::string name);
    /// Whoever waits is told that there is no such name.
    ~ScriptedName();
    ScriptedName(const ScriptedName&) = delete;
    ScriptedName& operator=(const ScriptedName&) = delete;

    [[nodiscard]] const std::string& text() const noexcept { return name_; }

    /// From now on these are its addresses, in this order; none: there is no such name.
    void answer(std::vector<std::string> addresses);
    /// From now on whoever asks waits for the next answer.
    void hang();

    /// How often it was asked for, and how many who asked wait.
    [[nodiscard]] int asked() const;
    [[nodiscard]] int waiting() const;

 private:
    std::string name_;
};

}  // namespace marketdb::testing
