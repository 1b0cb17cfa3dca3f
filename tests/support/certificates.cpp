#include "support/certificates.hpp"

#include <fstream>
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

/// `openssl ca`, because only that makes a certificate that has expired with every version of OpenSSL.
void write_authority_settings(const std::filesystem::path& folder) {
    std::ofstream(folder / "authority.txt").flush();
    std::ofstream(folder / "authority.cnf") << "[ca]\n"
                                               "default_ca = authority\n"
                                               "[authority]\n"
                                               "database = authority.txt\n"
                                               "new_certs_dir = .\n"
                                               "rand_serial = yes\n"
                                               "default_md = sha256\n"
                                               "policy = any\n"
                                               "copy_extensions = copy\n"
                                               "[any]\n"
                                               "commonName = supplied\n";
}

Certificates::Pair make_pair(const std::filesystem::path& folder, const std::string& name, const std::string& hosts,
                             const std::vector<std::string>& validity = {"-days", "2"}) {
    std::vector<std::string> arguments = request(name);
    arguments.insert(arguments.end(), {"-addext", "subjectAltName=" + hosts, "-out", name + ".csr"});
    openssl(folder, arguments);
    arguments = {"ca",       "-batch",        "-notext", "-config",     "authority.cnf", "-cert",      "authority.crt",
                 "-keyfile", "authority.key", "-in",     name + ".csr", "-out",          name + ".crt"};
    arguments.insert(arguments.end(), validity.begin(), validity.end());
    openssl(folder, arguments);
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
    write_authority_settings(folder);
    made.server = make_pair(folder, "server", kHere);
    made.wrong_host = make_pair(folder, "wrong_host", "DNS:elsewhere.example");
    made.expired =
        make_pair(folder, "expired", kHere, {"-startdate", "20200101000000Z", "-enddate", "20200102000000Z"});
    return made;
}

}  // namespace marketdb::testing
