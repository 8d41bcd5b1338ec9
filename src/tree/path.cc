#include "tree/path.h"

#include <cstddef>
#include <cstdint>

namespace paddock::tree {

namespace {

// Not a code point: what malformed UTF-8 decodes to.
constexpr uint32_t kMalformed = 0xffffffff;

// Decodes the sequence of two or more bytes that starts at text[*i] and moves
// *i behind it.
uint32_t DecodeMultibyte(std::string_view text, size_t* i) {
  const auto lead = static_cast<uint8_t>(text[*i]);
  size_t size = 0;
  uint32_t code = 0;
  uint32_t code_min = 0;  // Smaller ones have a shorter form
  if ((lead & 0xe0) == 0xc0) {
    size = 2;
    code = lead & 0x1f;
    code_min = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    size = 3;
    code = lead & 0x0f;
    code_min = 0x800;
  } else {
    return kMalformed;  // Four bytes are two surrogates: forbidden as well
  }
  if (text.size() - *i < size) {
    return kMalformed;
  }
  for (size_t k = 1; k < size; ++k) {
    const auto byte = static_cast<uint8_t>(text[*i + k]);
    if ((byte & 0xc0) != 0x80) {
      return kMalformed;
    }
    code = code << 6 | (byte & 0x3f);
  }
  *i += size;
  return code < code_min ? kMalformed : code;
}

bool IsForbidden(uint32_t code) {
  return code <= 0x1f || (code >= 0x7f && code <= 0x9f) ||
         (code >= 0xd800 && code <= 0xf8ff) || code >= 0xfff0;
}

bool HasOnlyAllowedCharacters(std::string_view path) {
  for (size_t i = 0; i < path.size();) {
    const auto byte = static_cast<uint8_t>(path[i]);
    uint32_t code = byte;
    if (byte < 0x80) {
      ++i;
    } else {
      code = DecodeMultibyte(path, &i);
    }
    if (IsForbidden(code)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool IsValidPath(std::string_view path) {
  if (path == "/") {
    return true;
  }
  if (path.empty() || path.front() != '/') {
    return false;
  }
  for (size_t start = 1; start <= path.size();) {
    size_t end = path.find('/', start);
    if (end == std::string_view::npos) {
      end = path.size();
    }
    const std::string_view component = path.substr(start, end - start);
    if (component.empty() || component == "." || component == "..") {
      return false;
    }
    start = end + 1;
  }
  return HasOnlyAllowedCharacters(path);
}

std::string_view ParentPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || path.size() == 1) {
    return "";
  }
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool IsAtOrBelow(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") {
    return !path.empty() && path.front() == '/';
  }
  return path.substr(0, ancestor.size()) == ancestor &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace paddock::tree
