#pragma once

#include <memory>

#include "manager/impl.hpp"

namespace marketdb {

/// How the free functions over a manager that need more than its methods get at it.
struct ManagerAccess {
    using Impl = DatabaseManager::Impl;
    [[nodiscard]] static const std::shared_ptr<Impl>& impl(const DatabaseManager& db) noexcept { return db.impl_; }
};

}  // namespace marketdb
