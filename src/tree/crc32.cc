#include "tree/crc32.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace paddock::tree {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kPolynomial = 0xedb88320;  // Bits reversed
constexpr size_t kSlices = 16;

// Row k, column b: what the byte b contributes to the CRC when k further bytes
// follow it.  With it, 16 bytes are 16 independent look-ups.
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? crc >> 1 ^ kPolynomial : crc >> 1;
    }
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < kSlices; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = crc >> 8 ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint32_t LoadWord(const char* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The contribution of four bytes that `following` further bytes follow.
uint32_t FourBytes(uint32_t word, size_t following) {
  return kTables[following + 3][word & 0xff] ^
         kTables[following + 2][word >> 8 & 0xff] ^
         kTables[following + 1][word >> 16 & 0xff] ^
         kTables[following][word >> 24];
}

}  // namespace

uint32_t Crc32(uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  const char* next = bytes.data();
  size_t left = bytes.size();
  for (; left >= 16; next += 16, left -= 16) {
    crc = FourBytes(LoadWord(next) ^ crc, 12) ^
          FourBytes(LoadWord(next + 4), 8) ^ FourBytes(LoadWord(next + 8), 4) ^
          FourBytes(LoadWord(next + 12), 0);
  }
  for (; left >= 4; next += 4, left -= 4) {
    crc = FourBytes(LoadWord(next) ^ crc, 0);
  }
  for (; left > 0; ++next, --left) {
    crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<uint8_t>(*next)) & 0xff];
  }
  return ~crc;
}

}  // namespace paddock::tree
