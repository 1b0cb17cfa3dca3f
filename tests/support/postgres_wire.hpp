#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace marketdb::testing {

enum class Direction : std::uint8_t { to_server, to_client };

/// Types of messages that have no letter in the protocol. All others have theirs
/// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
inline constexpr char kStartup = '^';
inline constexpr char kTlsRequest = '?';  ///< May TLS, or GSSAPI encryption, begin?
inline constexpr char kTlsAnswer = '/';   ///< One byte.
inline constexpr char kTlsRecord = '%';   ///< Nobody between sees more than its length.
inline constexpr char kCancelRequest = '!';

/// One message of the protocol, whole.
struct WireMessage {
    char type = 0;
    std::string bytes;
    /// What it says, as far as a test may look for it: the SQL of a Query, Parse, and of a Bind and Execute of what was
    /// parsed; the tag of a CommandComplete; SQLSTATE and message of an error; the reason of a CopyFail; a startup's
    /// parameters. Never a password.
    std::string text;
};

/// Both directions of one connection, cut into messages.
class PostgresWire {
 public:
    void feed(Direction direction, std::string_view bytes);
    /// None: no message is complete.
    [[nodiscard]] std::optional<WireMessage> next(Direction direction);
    /// Somebody between has answered a kTlsRequest with no: the client asks again, or begins.
    void refuse_tls() noexcept { awaits_tls_answer_ = false; }

 private:
    [[nodiscard]] std::optional<WireMessage> take(std::string& buffer, std::size_t size, char type);
    [[nodiscard]] std::optional<WireMessage> next_untyped();
    [[nodiscard]] std::optional<WireMessage> next_tls_answer();
    [[nodiscard]] std::optional<WireMessage> next_tls_record(std::string& buffer);
    [[nodiscard]] std::optional<WireMessage> next_typed(std::string& buffer, Direction direction);
    [[nodiscard]] std::string text_of(Direction direction, const WireMessage& message);
    [[nodiscard]] std::string sent_text(char type, std::string_view body);

    std::array<std::string, 2> buffers_;
    bool has_begun_ = false;
    bool awaits_tls_answer_ = false;
    bool is_encrypted_ = false;
    std::map<std::string, std::string, std::less<>> statements_;  ///< SQL by name.
    std::map<std::string, std::string, std::less<>> portals_;
};

}  // namespace marketdb::testing
