#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/queries.hpp>

#include "io/parser.hpp"
#include "transfer/worker.hpp"

namespace marketdb::transfer {

/// A part of a file, read and parsed.
struct Chunk {
    io::Batch batch;
    std::vector<io::Instrument> new_instruments;  ///< Seen first in this part.
    std::uint64_t bytes = 0;                      ///< Of the file as given, read so far.
    std::uint64_t total_bytes = 0;
    bool at_end = false;  ///< There is no batch; the file has ended.
};

/// Reads a file part by part on a worker, so that the next part is parsed while the one before is stored.
///
/// Threads: one coroutine. Lifetime: the worker must outlive it; a job that still runs keeps what it needs.
class FileReader {
 public:
    /// Only stores the arguments; the file is opened by the first job.
    FileReader(Worker& worker, std::filesystem::path file, std::filesystem::path display_path,
               io::ParserOptions options, std::size_t batch_rows);

    /// Begins to read the next part.
    void start();
    /// The part that was begun.
    /// Errors: FileError  the file cannot be opened or read, or its layout is not known.
    boost::asio::awaitable<Chunk> finish();

    // Of the file; known after the first `finish`.
    [[nodiscard]] const std::string& layout() const noexcept { return layout_; }
    [[nodiscard]] std::optional<Dataset> dataset() const noexcept { return dataset_; }
    /// Call only when no job runs.
    [[nodiscard]] std::vector<std::string> warnings() const;

 private:
    struct State;

    Worker& worker_;
    std::shared_ptr<State> state_;
    std::string layout_;
    std::optional<Dataset> dataset_;
};

}  // namespace marketdb::transfer
