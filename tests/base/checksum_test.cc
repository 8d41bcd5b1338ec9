#include "base/checksum.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "base/random.h"

namespace paddock {
namespace {

TEST(ChecksumTest, MatchesTheCheckValues) {
  EXPECT_EQ(Crc32(0, "123456789"), 0xcbf43926u);
  EXPECT_EQ(Adler32(kAdler32Start, "123456789"), 0x091e01deu);
}

TEST(ChecksumTest, NothingChangesNothing) {
  EXPECT_EQ(Crc32(7, ""), 7u);
  EXPECT_EQ(Crc32(7, std::string_view()), 7u);
  EXPECT_EQ(Adler32(7, ""), 7u);
  EXPECT_EQ(Adler32(7, std::string_view()), 7u);
}

TEST(ChecksumTest, EqualsZlibAtEachLengthAndAlignment) {
  Random random(1);
  std::string bytes(300, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random.Below(256));
  }
  for (size_t start = 0; start < 8; ++start) {
    for (size_t size = 0; start + size <= bytes.size(); ++size) {
      const auto seed = static_cast<uint32_t>(random.Next());
      const auto* data = reinterpret_cast<const Bytef*>(bytes.data()) + start;
      const std::string_view part = std::string_view(bytes).substr(start, size);
      EXPECT_EQ(Crc32(seed, part), crc32_z(seed, data, size))
          << start << " " << size;
      const uint32_t sum = Adler32(kAdler32Start, bytes.substr(0, start));
      EXPECT_EQ(Adler32(sum, part), adler32_z(sum, data, size))
          << start << " " << size;
    }
  }
}

}  // namespace
}  // namespace paddock
