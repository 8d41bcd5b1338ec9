#include "base/mapped_allocator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <functional>
#include <unordered_set>
#include <vector>

namespace paddock {
namespace {

size_t ResidentBytes() {
  size_t all = 0;
  size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

TEST(MappedAllocatorTest, HoldsSmallAndLargeTables) {
  std::unordered_set<int, std::hash<int>, std::equal_to<>, MappedAllocator<int>>
      set;
  for (int i = 0; i < 100'000; ++i) {
    set.insert(i);
  }
  EXPECT_EQ(set.size(), 100'000u);
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(set.contains(i));
  }
  EXPECT_FALSE(set.contains(100'000));
}

TEST(MappedAllocatorTest, GivesMemoryBackAtOnce) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "sanitizers keep freed memory for a while";
#endif
  constexpr size_t kTables = 256;
  constexpr size_t kBytes = 40'000;  // The heap would keep tables like these
  constexpr size_t kLittle = 1 << 20;
  const size_t before = ResidentBytes();
  {
    std::vector<std::vector<char, MappedAllocator<char>>> tables(kTables);
    for (auto& table : tables) {
      table.resize(kBytes, 'x');
    }
    EXPECT_GT(ResidentBytes(), before + kTables * kBytes - kLittle);
  }
  EXPECT_LT(ResidentBytes(), before + kLittle);
}

}  // namespace
}  // namespace paddock
