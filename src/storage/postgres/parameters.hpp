#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/time.hpp>

#include "storage/postgres/wire.hpp"

namespace marketdb::storage::postgres {

/// The parameters of a statement, in binary, `$1` first.
class Parameters {
 public:
    void add(std::int32_t value);
    void add(std::int64_t value);
    void add(std::string_view text);
    void add(Timestamp time);
    void add(bool value) = delete;
    void add_null(std::uint32_t type);

    /// Begins the next parameter, an array of one dimension without a lower bound other than 1; `count` elements are
    /// appended to `buffer()` next, each with its length in front (-1: null).
    /// https://www.postgresql.org/docs/15/xfunc-c.html, array_recv
    void begin_array(TypeId element, std::size_t count, bool has_nulls);
    /// Begins the next parameter; its bytes are appended to `buffer()` next.
    void begin(std::uint32_t type);
    [[nodiscard]] std::string& buffer() noexcept { return bytes_; }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    void clear() noexcept;

    /// As libpq takes them. Valid until the next change.
    struct View {
        std::vector<std::uint32_t> types;
        std::vector<const char*> values;
        std::vector<int> lengths;
        std::vector<int> formats;
    };
    /// Errors: resource_exhausted  a parameter of more than 1 GiB.
    [[nodiscard]] View view() const;

 private:
    struct Entry {
        std::uint32_t type = 0;
        std::size_t offset = 0;
        bool is_null = false;
    };
    std::string bytes_;
    std::vector<Entry> entries_;
};

/// The array type of an element type.
[[nodiscard]] std::uint32_t array_of(TypeId element);

}  // namespace marketdb::storage::postgres
