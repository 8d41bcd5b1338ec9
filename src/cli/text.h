// Values as the tools print and read them.  Pure.

#ifndef PADDOCK_CLI_TEXT_H_
#define PADDOCK_CLI_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "jute/data.h"

namespace paddock::cli {

// "0x1f", of the 64 bits of a zxid, a session or a digest.
std::string Hex(int64_t bits);

// "1f" or "0x1f"; nullopt for other texts and for more than 64 bits.
std::optional<int64_t> ParseHex(std::string_view text);

// A number from 0 on, in decimal.
std::optional<size_t> ParseCount(std::string_view text);

// "2026-01-31T23:59:59.123Z" for milliseconds since the epoch.
std::string UtcTime(int64_t ms);

// An ISO 8601 time in UTC: a date, perhaps with a time after 'T' or a blank,
// perhaps with 'Z' or an offset at its end.
std::optional<absl::Time> ParseUtcTime(std::string_view text);

// The text between quotes as JSON has it: control characters, quotes and
// backslashes escaped, malformed UTF-8 replaced by U+FFFD.
std::string Quoted(std::string_view text);

// A path for a line of text: as it is, or quoted where it holds something that
// would break the line or be taken for its end.
std::string PathText(std::string_view path);

// Whether `data` is UTF-8 without control characters but tab and line ends.
bool IsPrintable(std::string_view data);

// Two hexadecimal digits for each byte.
std::string HexDigits(std::string_view data);

// At most the first `bytes_max` bytes: quoted when they are printable, else as
// digits after "0x"; says how many are left out.
std::string DataText(std::string_view data, size_t bytes_max);

// "world:anyone:cdrwa, ip:10.0.0.1:r".
std::string AclText(absl::Span<const jute::ACL> entries);

// "1 znode", "2 znodes".
std::string Count(int64_t number, std::string_view noun);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_TEXT_H_
