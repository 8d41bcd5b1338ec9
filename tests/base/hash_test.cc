#include "base/hash.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <unordered_set>
#include <vector>

namespace paddock {
namespace {

// Wherever the bytes lie, and whatever lies behind them.
TEST(HashTest, DependsOnTheTextAlone) {
  for (size_t size = 0; size <= 64; ++size) {
    const std::string text(size, 'a');
    const std::string elsewhere = "xyz" + text + "other";
    EXPECT_EQ(HashOf(text),
              HashOf(std::string_view(elsewhere).substr(3, size)));
  }
}

TEST(HashTest, EveryBitCounts) {
  for (size_t size = 1; size <= 64; ++size) {
    std::string text(size, '/');
    const size_t hash = HashOf(text);
    EXPECT_NE(hash, HashOf(text + '\0'));
    for (size_t bit = 0; bit < size * 8; ++bit) {
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
      EXPECT_NE(HashOf(text), hash) << size << " bytes, bit " << bit;
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    }
  }
}

// Tables look at the low bits, and at seven others.
TEST(HashTest, NumberedPathsSpread) {
  constexpr size_t kPaths = 1 << 16;
  std::unordered_set<size_t> hashes;
  std::vector<int> per_low_bits(1 << 10);
  std::vector<int> per_high_bits(1 << 10);
  for (size_t i = 0; i < kPaths; ++i) {
    const size_t hash = HashOf(fmt::format("/app/queue/item-{:010}", i));
    hashes.insert(hash);
    ++per_low_bits[hash % per_low_bits.size()];
    ++per_high_bits[hash >> 54];
  }
  EXPECT_EQ(hashes.size(), kPaths);
  // Of 64 on average, with a deviation of 8.
  for (size_t i = 0; i < per_low_bits.size(); ++i) {
    EXPECT_NEAR(per_low_bits[i], 64, 56) << i;
    EXPECT_NEAR(per_high_bits[i], 64, 56) << i;
  }
}

}  // namespace
}  // namespace paddock
