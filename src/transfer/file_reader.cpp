#include "transfer/file_reader.hpp"

#include <span>
#include <utility>

#include "transfer/file_error.hpp"

namespace marketdb::transfer {
namespace {

/// An input that the parser may let go of at any time while its counters are still wanted.
class SharedInput final : public io::Input {
 public:
    explicit SharedInput(std::shared_ptr<io::Input> input) : input_(std::move(input)) {}

    std::size_t read(std::span<char> buffer) override { return input_->read(buffer); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return input_->path(); }
    [[nodiscard]] const std::string& inner_name() const noexcept override { return input_->inner_name(); }
    [[nodiscard]] std::uint64_t bytes_read() const noexcept override { return input_->bytes_read(); }
    [[nodiscard]] std::uint64_t total_bytes() const noexcept override { return input_->total_bytes(); }

 private:
    std::shared_ptr<io::Input> input_;
};

}  // namespace

struct FileReader::State {
    std::filesystem::path file;
    std::filesystem::path display_path;
    io::ParserOptions options;
    std::size_t batch_rows = 0;

    std::unique_ptr<io::FileParser> parser;
    std::shared_ptr<io::Input> input;
    std::size_t known_instruments = 0;
    Chunk chunk;

    void read() {
        if (parser == nullptr) open();
        chunk = Chunk();
        chunk.at_end = !parser->next(chunk.batch, batch_rows);
        const std::vector<io::Instrument>& all = parser->instruments();
        chunk.new_instruments.assign(all.begin() + static_cast<std::ptrdiff_t>(known_instruments), all.end());
        known_instruments = all.size();
        chunk.bytes = input->bytes_read();
        chunk.total_bytes = input->total_bytes();
    }

    void open() {
        input = io::open_input(file, display_path);
        parser = io::open_parser(std::make_unique<SharedInput>(input), options);
    }
};

FileReader::FileReader(Worker& worker, std::filesystem::path file, std::filesystem::path display_path,
                       io::ParserOptions options, std::size_t batch_rows)
    : worker_(worker), state_(std::make_shared<State>()) {
    state_->file = std::move(file);
    state_->display_path = std::move(display_path);
    state_->options = std::move(options);
    state_->batch_rows = batch_rows;
}

void FileReader::start() {
    worker_.start([state = state_] {
        try {
            state->read();
        } catch (const Error& error) {
            throw FileError(error);
        }
    });
}

boost::asio::awaitable<Chunk> FileReader::finish() {
    co_await worker_.finished();
    if (layout_.empty()) layout_ = state_->parser->layout();
    dataset_ = state_->parser->dataset();
    Chunk chunk = std::move(state_->chunk);
    co_return chunk;
}

std::vector<std::string> FileReader::warnings() const { return state_->parser->warnings(); }

}  // namespace marketdb::transfer
