#include "support/certificates.hpp"

#include <utility>
#include <vector>

#include "support/server_program.hpp"

namespace marketdb::testing {
namespace {

void openssl(const std::filesystem::path& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    ServerProgram program;
    program.arguments = std::move(arguments);
    program.folder = folder;
    run_program(program);
}

std::vector<std::string> request(const std::string& name) {
    return {"req",    "-newkey", "ec",          "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", name + ".key", "-subj",    "/CN=" + name};
}

void make_authority(const std::filesystem::path& folder, const std::string& name) {
    std::vector<std::string> arguments = request(name);
    arguments.insert(arguments.end(), {"-x509", "-days", "2", "-out", name + ".crt"});
    openssl(folder, arguments);
}

Certificates::Pair make_pair(const std::filesystem::path& folder, const std::string& name, const std::string& hosts,
                             const std::string& days) {
    std::vector<std::string> arguments = request(name);
    arguments.insert(arguments.end(), {"-addext", "subjectAltName=" + hosts, "-out", name + ".csr"});
    openssl(folder, arguments);
    openssl(folder, {"x509", "-req", "-in", name + ".csr", "-CA", "authority.crt", "-CAkey", "authority.key",
                     "-CAcreateserial", "-copy_extensions", "copy", "-days", days, "-out", name + ".crt"});
    return {folder / (name + ".crt"), folder / (name + ".key")};
}

}  // namespace

Certificates Certificates::make(const std::filesystem::path& folder) {
    static const std::string kHere = "DNS:localhost,IP:127.0.0.1";
    make_authority(folder, "authority");
    make_authority(folder, "other_authority");
    Certificates made;
    made.authority = folder / "authority.crt";
    made.other_authority = folder / "other_authority.crt";
    made.server = make_pair(folder, "server", kHere, "2");
    made.wrong_host = make_pair(folder, "wrong_host", "DNS:elsewhere.example", "2");
    made.expired = make_pair(folder, "expired", kHere, "-1");
    return made;
}

}  // namespace marketdb::testing
