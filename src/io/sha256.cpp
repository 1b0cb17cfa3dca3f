#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "io/decoders.hpp"

namespace marketdb::io {
namespace {

struct ContextCloser {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

void require(int result) {
    if (result != 1) throw Error(ErrorCode::internal, "libcrypto: sha256 is not available");
}

}  // namespace

std::string sha256_of_file(const std::filesystem::path& file) {
    OpenFile opened(file, file);
    const std::unique_ptr<EVP_MD_CTX, ContextCloser> context(EVP_MD_CTX_new());
    require(context ? EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) : 0);

    std::vector<char> chunk(1 << 20);
    while (const std::size_t count = opened.read(chunk)) require(EVP_DigestUpdate(context.get(), chunk.data(), count));

    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    require(EVP_DigestFinal_ex(context.get(), digest.data(), &size));
    std::string text;
    for (unsigned int index = 0; index < size; ++index) text += fmt::format("{:02x}", digest[index]);
    return text;
}

}  // namespace marketdb::io
