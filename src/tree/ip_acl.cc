#include "tree/ip_acl.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace paddock::tree {

namespace {

struct Address {
  std::array<uint8_t, 16> bytes = {};
  size_t size = 0;  // 4 or 16
};

struct Block {
  Address address;
  size_t prefix_bits = 0;
};

// A decimal number of at most `max`, as Java's Integer.parseInt() takes it: a
// sign and leading zeros are allowed.
std::optional<int> ParseDecimal(std::string_view text, int max) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) {
    text.remove_prefix(1);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + (c - '0');
    if (value > max || (negative && value > 0)) {
      return std::nullopt;
    }
  }
  return value;
}

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Takes the text up to the next `separator`, and the separator, from *text.
std::string_view TakePart(std::string_view* text, char separator) {
  const std::string_view part = text->substr(0, text->find(separator));
  text->remove_prefix(part.size() == text->size() ? part.size()
                                                  : part.size() + 1);
  return part;
}

std::optional<Address> ParseV4(std::string_view text) {
  Address address;
  while (true) {
    const bool last = text.find('.') == std::string_view::npos;
    const std::optional<int> value = ParseDecimal(TakePart(&text, '.'), 255);
    if (!value || address.size == 4) {
      return std::nullopt;
    }
    address.bytes[address.size++] = static_cast<uint8_t>(*value);
    if (last) {
      break;
    }
  }
  return address.size == 4 ? std::optional(address) : std::nullopt;
}

// Groups of 1 to 4 hexadecimal digits between colons; none for "".
std::optional<Address> ParseV6Groups(std::string_view text) {
  Address groups;
  bool last = text.empty();
  while (!last) {
    last = text.find(':') == std::string_view::npos;
    const std::string_view part = TakePart(&text, ':');
    if (part.empty() || part.size() > 4 || groups.size == 16) {
      return std::nullopt;
    }
    int value = 0;
    for (const char c : part) {
      const std::optional<int> digit = HexDigit(c);
      if (!digit) {
        return std::nullopt;
      }
      value = value * 16 + *digit;
    }
    groups.bytes[groups.size++] = static_cast<uint8_t>(value >> 8);
    groups.bytes[groups.size++] = static_cast<uint8_t>(value & 0xff);
  }
  return groups;
}

std::optional<Address> ParseV6(std::string_view text) {
  const size_t gap = text.find("::");
  std::optional<Address> head = ParseV6Groups(text.substr(0, gap));
  if (gap == std::string_view::npos) {
    return head && head->size == 16 ? head : std::nullopt;
  }
  // "::" stands for one group of zeros at least; a second one is refused, for
  // it makes an empty group.
  const std::optional<Address> tail = ParseV6Groups(text.substr(gap + 2));
  if (!head || !tail || head->size + tail->size > 14) {
    return std::nullopt;
  }
  for (size_t i = 0; i < tail->size; ++i) {
    head->bytes[16 - tail->size + i] = tail->bytes[i];
  }
  head->size = 16;
  return head;
}

std::optional<Address> ParseAddress(std::string_view text) {
  return text.find(':') == std::string_view::npos ? ParseV4(text)
                                                  : ParseV6(text);
}

std::optional<Block> ParseBlock(std::string_view id) {
  const size_t slash = id.find('/');
  const std::optional<Address> address = ParseAddress(id.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  Block block{*address, address->size * 8};
  if (slash != std::string_view::npos) {
    const std::optional<int> bits =
        ParseDecimal(id.substr(slash + 1), static_cast<int>(block.prefix_bits));
    if (!bits) {
      return std::nullopt;
    }
    block.prefix_bits = static_cast<size_t>(*bits);
  }
  return block;
}

}  // namespace

bool IsValidIpAclId(std::string_view id) { return ParseBlock(id).has_value(); }

bool IpAclIdMatches(std::string_view id, std::string_view address) {
  const std::optional<Block> block = ParseBlock(id);
  const std::optional<Address> caller = ParseAddress(address);
  if (!block || !caller || block->address.size != caller->size) {
    return false;
  }
  for (size_t bit = 0; bit < block->prefix_bits; ++bit) {
    const int difference =
        block->address.bytes[bit / 8] ^ caller->bytes[bit / 8];
    if (difference >> (7 - bit % 8) & 1) {
      return false;
    }
  }
  return true;
}

}  // namespace paddock::tree
