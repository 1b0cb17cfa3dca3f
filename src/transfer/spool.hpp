#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace marketdb::transfer {

/// A temporary copy of something that can be read only once (standard input, a pipe), because an import reads twice.
/// Has mode 0600 and no name while it is used, so that nothing stays behind whatever happens to the process.
class Spool {
 public:
    /// @param input   `-` is standard input; else a pipe or device, opened here without waiting for its writer.
    /// @param folder  Where the copy is made; empty: the system's folder for temporary files.
    /// Errors: unavailable  the input cannot be opened, the folder cannot be written.
    Spool(const std::filesystem::path& input, const std::filesystem::path& folder);
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    /// Copies until the input ends (false), or for about half a second, or until `stop` is set (true).
    /// Errors: unavailable  the input cannot be read; resource_exhausted  no room for the copy; names the folder.
    bool copy_some(const std::atomic<bool>* stop);

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// Opens the copy, each time from its beginning. Valid as long as the object.
    [[nodiscard]] std::filesystem::path path() const;

 private:
    void write_all(const char* bytes, std::size_t count);

    /// Closes what it owns.
    class Descriptor {
     public:
        Descriptor(int number, bool owned) noexcept : number_(number), owned_(owned) {}
        ~Descriptor();
        Descriptor(const Descriptor&) = delete;
        Descriptor& operator=(const Descriptor&) = delete;
        [[nodiscard]] int get() const noexcept { return number_; }

     private:
        int number_;
        bool owned_;
    };
    static Descriptor open_input(const std::filesystem::path& input);
    static Descriptor make_file(const std::filesystem::path& folder);

    const std::filesystem::path folder_;
    const Descriptor input_;
    const Descriptor file_;
    std::vector<char> buffer_;
    std::uint64_t bytes_ = 0;
};

}  // namespace marketdb::transfer
