#include "io/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "io/decoders.hpp"

namespace marketdb::io {
namespace {

void require(int result) {
    if (result != 1) throw Error(ErrorCode::internal, "libcrypto: sha256 is not available");
}

}  // namespace

void Sha256::Free::operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    require(context_ ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
    require(context_ ? EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) : 0);
}

Sha256& Sha256::operator=(const Sha256& other) {
    if (this != &other) *this = Sha256(other);
    return *this;
}

void Sha256::add(std::string_view bytes) { require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }

std::string Sha256::hex() const {
    const Sha256 finished(*this);  // what is finished takes no more bytes
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    require(EVP_DigestFinal_ex(finished.context_.get(), digest.data(), &size));
    std::string text;
    for (unsigned int index = 0; index < size; ++index) text += fmt::format("{:02x}", digest[index]);
    return text;
}

std::string sha256_of_file(const std::filesystem::path& file) {
    OpenFile opened(file, file);
    Sha256 sum;
    std::vector<char> chunk(1 << 20);
    while (const std::size_t count = opened.read(chunk)) sum.add({chunk.data(), count});
    return sum.hex();
}

}  // namespace marketdb::io
