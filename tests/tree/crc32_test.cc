#include "tree/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "base/random.h"

namespace paddock::tree {
namespace {

TEST(Crc32Test, MatchesTheCheckValue) {
  EXPECT_EQ(Crc32(0, "123456789"), 0xcbf43926u);
  EXPECT_EQ(Crc32(0, ""), 0u);
  EXPECT_EQ(Crc32(7, std::string_view()), 7u);
}

TEST(Crc32Test, EqualsZlibAtEachLengthAndAlignment) {
  Random random(1);
  std::string bytes(300, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random.Below(256));
  }
  for (size_t start = 0; start < 8; ++start) {
    for (size_t size = 0; start + size <= bytes.size(); ++size) {
      const auto seed = static_cast<uint32_t>(random.Next());
      const auto* data = reinterpret_cast<const Bytef*>(bytes.data()) + start;
      EXPECT_EQ(Crc32(seed, std::string_view(bytes).substr(start, size)),
                crc32_z(seed, data, size))
          << start << " " << size;
    }
  }
}

TEST(Crc32Test, ContinuesWhereItStopped) {
  const std::string text(100, 'x');
  const std::string_view view(text);
  EXPECT_EQ(Crc32(Crc32(0, view.substr(0, 33)), view.substr(33)),
            Crc32(0, view));
}

}  // namespace
}  // namespace paddock::tree
