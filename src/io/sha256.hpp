#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

namespace marketdb::io {

/// SHA-256 of bytes that come in parts. A copy goes on by itself.
///
/// Errors: internal  libcrypto refuses.
class Sha256 {
 public:
    Sha256();
    Sha256(const Sha256& other);
    Sha256& operator=(const Sha256& other);
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(Sha256&&) noexcept = default;
    ~Sha256() = default;

    void add(std::string_view bytes);

    /// Of what was added so far, as 64 lower-case hex digits. More may be added after it.
    [[nodiscard]] std::string hex() const;

 private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const noexcept;
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace marketdb::io
