#include "text_lines.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <istream>
#include <sstream>

#include <fmt/format.h>

#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;

std::string read_all(std::istream& input, const std::string& name) {
    std::string text;
    std::array<char, 64 * 1024> buffer{};
    while (input.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || input.gcount() > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(input.gcount()));
        if (text.size() > kMaxBytes) throw Failure(kFailure, fmt::format("{}: longer than 16 MiB", name));
    }
    if (input.bad()) throw Failure(kFailure, fmt::format("{}: cannot be read", name));
    return text;
}

}  // namespace

std::string read_standard_input() { return read_all(std::cin, "standard input"); }

std::vector<std::string> read_lines(const std::string& file) {
    std::string text;
    if (file == "-") {
        text = read_standard_input();
    } else {
        std::ifstream input(file, std::ios::binary);
        if (!input) throw Failure(kFailure, fmt::format("{}: cannot be opened", file));
        text = read_all(input, file);
    }
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        constexpr const char* kBlanks = " \t\r";
        line.erase(std::min(line.find('#'), line.size()));
        const std::size_t begin = line.find_first_not_of(kBlanks);
        if (begin == std::string::npos) continue;
        lines.push_back(line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin));
    }
    return lines;
}

}  // namespace marketdb::cli
