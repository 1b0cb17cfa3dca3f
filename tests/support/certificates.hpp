#pragma once

#include <filesystem>
#include <string>

namespace marketdb::testing {

/// Certificates for a test, made by the program `openssl`; the keys are readable by the user who runs servers.
struct Certificates {
    struct Pair {
        std::filesystem::path certificate;
        std::filesystem::path key;
    };

    /// Makes them in the folder, which must exist and belong to that user. About 0.2 seconds.
    static Certificates make(const std::filesystem::path& folder);

    std::filesystem::path authority;        ///< Certificate of the authority that signed those below.
    std::filesystem::path other_authority;  ///< It signed none of them.
    Pair server;                            ///< For `localhost` and 127.0.0.1.
    Pair wrong_host;                        ///< For `elsewhere.example`.
    Pair expired;                           ///< For `localhost` and 127.0.0.1, and no longer valid.
};

}  // namespace marketdb::testing
