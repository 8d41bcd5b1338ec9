#include "server/properties.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"

namespace paddock::server {
namespace {

constexpr std::string_view kBlanks = " \t\f";

// A line with its continuations joined; escapes are still in place.
struct LogicalLine {
  std::string text;
  int number = 0;
};

bool EndsInOddBackslashes(std::string_view line) {
  const size_t last_other = line.find_last_not_of('\\');
  const size_t count = last_other == std::string_view::npos
                           ? line.size()
                           : line.size() - last_other - 1;
  return count % 2 == 1;
}

class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}

  // The next logical line that is neither blank nor a comment.
  std::optional<LogicalLine> Next() {
    while (!rest_.empty()) {
      LogicalLine line;
      std::string_view part = TakeLine();
      line.number = number_;
      if (part.empty() || part.front() == '#' || part.front() == '!') {
        continue;
      }
      while (EndsInOddBackslashes(part)) {
        line.text += part.substr(0, part.size() - 1);
        part = TakeLine();
      }
      line.text += part;
      return line;
    }
    return std::nullopt;
  }

 private:
  // Takes one natural line, ended by \n, \r or \r\n, without leading blanks.
  std::string_view TakeLine() {
    ++number_;
    const size_t end = rest_.find_first_of("\r\n");
    std::string_view line = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      rest_ = {};
    } else {
      rest_.remove_prefix(end + (rest_.substr(end, 2) == "\r\n" ? 2 : 1));
    }
    const size_t start = line.find_first_not_of(kBlanks);
    return start == std::string_view::npos ? "" : line.substr(start);
  }

  std::string_view rest_;
  int number_ = 0;
};

// Where the key ends: at the first '=', ':' or blank that is not escaped.
size_t KeyEnd(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' ||
               kBlanks.find(line[i]) != std::string_view::npos) {
      return i;
    }
  }
  return line.size();
}

// Where the value starts: behind blanks, at most one '=' or ':', and blanks.
size_t ValueStart(std::string_view line, size_t key_end) {
  size_t i = line.find_first_not_of(kBlanks, key_end);
  if (i != std::string_view::npos && (line[i] == '=' || line[i] == ':')) {
    i = line.find_first_not_of(kBlanks, i + 1);
  }
  return i == std::string_view::npos ? line.size() : i;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xc0 | code >> 6));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out->push_back(static_cast<char>(0xe0 | code >> 12));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

char UnescapeLetter(char c) {
  switch (c) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    default:
      return c;
  }
}

// Returns nullopt when a \u is not followed by four hexadecimal digits.
std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    ++i;
    if (text[i] != 'u') {
      out.push_back(UnescapeLetter(text[i]));
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 4);
    uint32_t code = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || error != std::errc() ||
        end != digits.data() + 4) {
      return std::nullopt;
    }
    AppendUtf8(code, &out);
    i += 4;
  }
  return out;
}

// As Java's String.trim(): everything up to the space goes.
std::string_view Trim(std::string_view value) {
  const auto is_blank = [](char c) {
    return static_cast<unsigned char>(c) <= ' ';
  };
  while (!value.empty() && is_blank(value.front())) {
    value.remove_prefix(1);
  }
  while (!value.empty() && is_blank(value.back())) {
    value.remove_suffix(1);
  }
  return value;
}

}  // namespace

absl::StatusOr<std::vector<Property>> ParseProperties(
    std::string_view text, std::string_view file_name) {
  std::vector<Property> properties;
  LineReader reader(text);
  while (const std::optional<LogicalLine> line = reader.Next()) {
    const size_t key_end = KeyEnd(line->text);
    const std::string_view rest = line->text;
    std::optional<std::string> key = Unescape(rest.substr(0, key_end));
    const std::optional<std::string> value =
        Unescape(rest.substr(ValueStart(rest, key_end)));
    if (!key || !value) {
      return absl::InvalidArgumentError(
          fmt::format("{}:{}: \\u must be followed by 4 hexadecimal digits",
                      file_name, line->number));
    }
    properties.push_back(
        {std::move(*key), std::string(Trim(*value)), line->number});
  }
  return properties;
}

}  // namespace paddock::server
