#include "core/process.hpp"

#include <pthread.h>

#include <atomic>
#include <new>

namespace marketdb::core {
namespace {

std::atomic<std::uint64_t> forks{0};

void count_forks() {
    static const int failed = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
    if (failed != 0) throw std::bad_alloc();
}

}  // namespace

ProcessMark::ProcessMark() {
    count_forks();
    forks_ = forks.load(std::memory_order_relaxed);
}

bool ProcessMark::is_here() const noexcept { return forks_ == forks.load(std::memory_order_relaxed); }

}  // namespace marketdb::core
