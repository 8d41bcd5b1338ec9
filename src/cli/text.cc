#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "absl/strings/string_view.h"
#include "tree/acl.h"

namespace paddock::cli {
namespace {

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

template <class Number>
std::optional<Number> Parse(std::string_view text, int base) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number, base);
  return error == std::errc() && stopped == end ? std::optional(number)
                                                : std::nullopt;
}

// The first `bytes_max` bytes, but no part of a UTF-8 sequence at their end.
std::string_view Prefix(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text;
  }
  size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 &&
         (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace

std::string Hex(int64_t bits) {
  return fmt::format("0x{:x}", static_cast<uint64_t>(bits));
}

std::optional<int64_t> ParseHex(std::string_view text) {
  if (text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X") {
    text.remove_prefix(2);
  }
  const auto bits = Parse<uint64_t>(text, 16);
  return bits ? std::optional(static_cast<int64_t>(*bits)) : std::nullopt;
}

std::optional<size_t> ParseCount(std::string_view text) {
  return Parse<size_t>(text, 10);
}

std::string UtcTime(int64_t ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(ms),
                          absl::UTCTimeZone());
}

std::optional<absl::Time> ParseUtcTime(std::string_view text) {
  std::string with_t(text);
  std::replace(with_t.begin(), with_t.end(), ' ', 'T');
  for (const char* const format :
       {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%dT%H:%M%Ez",
        "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    absl::Time time;
    if (absl::ParseTime(format, with_t, absl::UTCTimeZone(), &time, nullptr)) {
      return time;
    }
  }
  return std::nullopt;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : tree::ReplaceMalformed(text)) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (IsControl(c)) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string PathText(std::string_view path) {
  const bool is_plain = !path.empty() && IsPrintable(path) &&
                        path.find_first_of("\t\r\n \"") == path.npos;
  return is_plain ? std::string(path) : Quoted(path);
}

bool IsPrintable(std::string_view data) {
  const bool has_control = std::any_of(data.begin(), data.end(), [](char c) {
    return IsControl(c) && c != '\t' && c != '\n' && c != '\r';
  });
  return !has_control && tree::ReplaceMalformed(data) == data;
}

std::string HexDigits(std::string_view data) {
  std::string digits;
  digits.reserve(2 * data.size());
  for (const char c : data) {
    fmt::format_to(std::back_inserter(digits), "{:02x}",
                   static_cast<unsigned char>(c));
  }
  return digits;
}

std::string DataText(std::string_view data, size_t bytes_max) {
  std::string_view shown = Prefix(data, bytes_max);
  std::string text;
  if (IsPrintable(shown)) {
    text = Quoted(shown);
  } else {
    shown = data.substr(0, bytes_max);
    text = "0x" + HexDigits(shown);
  }
  return shown.size() == data.size() ? text
                                     : fmt::format("{} and {} bytes more", text,
                                                   data.size() - shown.size());
}

std::string AclText(absl::Span<const jute::ACL> entries) {
  constexpr std::string_view kLetters = "rwcda";  // By bit
  std::string text;
  for (const jute::ACL& entry : entries) {
    text += fmt::format("{}{}:{}:", text.empty() ? "" : ", ",
                        tree::ReplaceMalformed(entry.id.scheme),
                        tree::ReplaceMalformed(entry.id.id));
    for (const char letter : std::string_view("cdrwa")) {
      if ((entry.perms & (1 << kLetters.find(letter))) != 0) {
        text += letter;
      }
    }
  }
  return text;
}

std::string Count(int64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace paddock::cli
