#include "support/postgres_wire.hpp"

#include <algorithm>
#include <utility>

namespace marketdb::testing {
namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kTlsCode = 80877103;
constexpr std::uint32_t kGssCode = 80877104;

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
    return number;
}

/// Takes a text that ends in a zero byte from the front.
std::string take_text(std::string_view& body) {
    const std::size_t end = std::min(body.find('\0'), body.size());
    std::string text(body.substr(0, end));
    body.remove_prefix(std::min(end + 1, body.size()));
    return text;
}

/// `42601 syntax error at end of input`, of the fields of an ErrorResponse or NoticeResponse.
std::string error_text(std::string_view body) {
    std::string code;
    std::string message;
    while (!body.empty() && body.front() != '\0') {
        const char field = body.front();
        body.remove_prefix(1);
        std::string text = take_text(body);
        if (field == 'C')
            code = std::move(text);
        else if (field == 'M')
            message = std::move(text);
    }
    return code + " " + message;
}

/// `user=marketdb database=market ..`.
std::string startup_text(std::string_view body) {
    std::string text;
    while (!body.empty() && body.front() != '\0') {
        const std::string name = take_text(body);
        text += (text.empty() ? "" : " ") + name + "=" + take_text(body);
    }
    return text;
}

std::string answer_text(char type, std::string_view body) {
    switch (type) {
        case 'C': return take_text(body);
        case 'E':
        case 'N': return error_text(body);
        case 'Z': return std::string(body.substr(0, 1));
        case 'S': {
            const std::string name = take_text(body);
            return name + "=" + take_text(body);
        }
        default: return {};
    }
}

}  // namespace

void PostgresWire::feed(Direction direction, std::string_view bytes) {
    buffers_.at(static_cast<std::size_t>(direction)) += bytes;
}

std::optional<WireMessage> PostgresWire::next(Direction direction) {
    std::string& buffer = buffers_.at(static_cast<std::size_t>(direction));
    std::optional<WireMessage> message;
    if (is_encrypted_) {
        message = next_tls_record(buffer);
    } else if (direction == Direction::to_client) {
        message = awaits_tls_answer_ ? next_tls_answer() : next_typed(buffer, direction);
    } else if (!has_begun_) {
        message = next_untyped();
    } else {
        message = next_typed(buffer, direction);
    }
    return message;
}

std::optional<WireMessage> PostgresWire::take(std::string& buffer, std::size_t size, char type) {
    if (buffer.size() < size) return std::nullopt;
    WireMessage message;
    message.type = type;
    message.bytes = buffer.substr(0, size);
    buffer.erase(0, size);
    return message;
}

std::optional<WireMessage> PostgresWire::next_untyped() {
    std::string& buffer = buffers_[0];
    if (awaits_tls_answer_ || buffer.size() < 8) return std::nullopt;
    const std::uint32_t code = number_at(buffer, 4, 4);
    const bool is_tls = code == kTlsCode || code == kGssCode;
    const char type = is_tls ? kTlsRequest : code == kCancelCode ? kCancelRequest : kStartup;
    std::optional<WireMessage> message = take(buffer, number_at(buffer, 0, 4), type);
    if (!message) return message;
    awaits_tls_answer_ = is_tls;
    has_begun_ = !is_tls;
    if (type == kStartup) message->text = startup_text(std::string_view(message->bytes).substr(8));
    return message;
}

std::optional<WireMessage> PostgresWire::next_tls_answer() {
    std::optional<WireMessage> message = take(buffers_[1], 1, kTlsAnswer);
    if (!message) return message;
    awaits_tls_answer_ = false;
    is_encrypted_ = message->bytes != "N";
    message->text = message->bytes;
    return message;
}

std::optional<WireMessage> PostgresWire::next_tls_record(std::string& buffer) {
    if (buffer.size() < 5) return std::nullopt;
    return take(buffer, 5 + number_at(buffer, 3, 2), kTlsRecord);
}

std::optional<WireMessage> PostgresWire::next_typed(std::string& buffer, Direction direction) {
    if (buffer.size() < 5) return std::nullopt;
    std::optional<WireMessage> message = take(buffer, 1 + std::size_t{number_at(buffer, 1, 4)}, buffer.front());
    if (message) message->text = text_of(direction, *message);
    return message;
}

std::string PostgresWire::text_of(Direction direction, const WireMessage& message) {
    const std::string_view body = std::string_view(message.bytes).substr(5);
    return direction == Direction::to_server ? sent_text(message.type, body) : answer_text(message.type, body);
}

std::string PostgresWire::sent_text(char type, std::string_view body) {
    switch (type) {
        case 'Q':
        case 'f': return take_text(body);
        case 'P': {
            const std::string name = take_text(body);
            return statements_[name] = take_text(body);
        }
        case 'B': {
            const std::string portal = take_text(body);
            return portals_[portal] = statements_[take_text(body)];
        }
        case 'E': return portals_[take_text(body)];
        default: return {};
    }
}

}  // namespace marketdb::testing
