#pragma once

#include <string>

#include "storage/engine.hpp"
#include "storage/sqlite/statement.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {

/// The conditions of chosen rows, and their values. Parameters are numbered from 1.
class ChoiceBinding {
 public:
    /// `choice` must outlive it.
    explicit ChoiceBinding(const RowChoice& choice);

    [[nodiscard]] const std::string& conditions() const noexcept { return conditions_; }
    /// The first that the conditions do not use.
    [[nodiscard]] int next_parameter() const noexcept { return next_; }
    /// Texts are not copied: this object must live until the statement is run.
    void bind(Statement& statement) const;

 private:
    void add(std::string_view column, std::string_view comparison);

    const RowChoice& choice_;
    ScratchRow row_;  // of the series
    std::string conditions_;
    int next_ = 1;
};

}  // namespace marketdb::storage::sqlite
