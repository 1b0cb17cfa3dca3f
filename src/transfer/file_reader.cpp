#include "transfer/file_reader.hpp"

#include <utility>

#include "transfer/file_error.hpp"

namespace marketdb::transfer {

struct FileReader::State {
    std::filesystem::path file;
    std::filesystem::path display_path;
    io::ParserOptions options;
    std::size_t batch_rows = 0;

    std::unique_ptr<io::FileParser> parser;
    const io::Input* input = nullptr;  // the parser's
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
        std::unique_ptr<io::Input> opened = io::open_input(file, display_path);
        input = opened.get();
        parser = io::open_parser(std::move(opened), options);
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
