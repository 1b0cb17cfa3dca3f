#pragma once

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace marketdb::testing {

/// Gives up root's rights for a scope.
class AsNobody {
 public:
    AsNobody() {
        if (::setegid(65534) != 0 || ::seteuid(65534) != 0) throw std::runtime_error("rights cannot be given up");
    }
    ~AsNobody() {
        if (::seteuid(0) != 0 || ::setegid(0) != 0) std::abort();
    }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;
};

}  // namespace marketdb::testing

#define MARKETDB_SKIP_UNLESS_ROOT() \
    if (::geteuid() != 0) GTEST_SKIP() << "giving up rights needs root"
