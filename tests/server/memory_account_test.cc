#include "server/memory_account.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace paddock::server {
namespace {

int64_t ResidentPages() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  int64_t resident = 0;
  statm >> pages >> resident;
  return resident;
}

// Memory with a block in use behind it is not given back by itself.
TEST(MemoryTrimmerTest, GivesBackWhatWasFreed) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
  constexpr size_t kBlocks = 40000;
  constexpr size_t kBlockBytes = 1000;
  constexpr int64_t kPagesOf30Megabytes = 30 * 256;
  std::vector<std::unique_ptr<std::string>> blocks;
  for (size_t i = 0; i <= kBlocks; ++i) {
    blocks.push_back(std::make_unique<std::string>(kBlockBytes, 'x'));
  }
  MemoryTrimmer trimmer;
  trimmer.Look(kBlocks * kBlockBytes);
  const int64_t full = ResidentPages();
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks[i].reset();
  }
  EXPECT_GT(ResidentPages(), full - kPagesOf30Megabytes);
  trimmer.Look(1);
  EXPECT_LT(ResidentPages(), full - kPagesOf30Megabytes);
}

TEST(MemoryTrimmerTest, DoesNotActForLittle) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
  constexpr size_t kUsed = 100 << 20;
  constexpr size_t kBlockBytes = 8 << 20;
  constexpr int64_t kPagesOf4Megabytes = 4 * 256;
  auto block = std::make_unique<std::string>(kBlockBytes, 'x');
  MemoryTrimmer trimmer;
  trimmer.Look(kUsed);
  const int64_t before = ResidentPages();
  block.reset();
  trimmer.Look(kUsed - kUsed / 20);
  EXPECT_GT(ResidentPages(), before - kPagesOf4Megabytes);
  trimmer.Look(kUsed - kUsed / 10);
  EXPECT_LT(ResidentPages(), before - kPagesOf4Megabytes);
}

}  // namespace
}  // namespace paddock::server
