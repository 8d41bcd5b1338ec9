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

constexpr int64_t kPagesOfMegabyte = 256;

// A block in use behind it does not keep it.
TEST(MemoryTrimmerTest, GivesBackWhatWasFreed) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
  constexpr size_t kBlocks = 100000;
  constexpr size_t kBlockBytes = 1000;
  std::vector<std::unique_ptr<std::string>> blocks;
  for (size_t i = 0; i <= kBlocks; ++i) {
    blocks.push_back(std::make_unique<std::string>(kBlockBytes, 'x'));
  }
  const int64_t full = ResidentPages();
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks[i].reset();
  }
  EXPECT_GT(ResidentPages(), full - 10 * kPagesOfMegabyte);
  MemoryTrimmer trimmer;
  absl::Duration now;
  trimmer.RunTimers(now);
  const int64_t after_step = ResidentPages();
  EXPECT_LT(after_step, full - 10 * kPagesOfMegabyte);
  EXPECT_GT(after_step, full - 50 * kPagesOfMegabyte);
  trimmer.RunTimers(now);  // It is not due
  EXPECT_EQ(ResidentPages(), after_step);
  for (int i = 0; i < 10; ++i) {
    now = trimmer.NextDeadline();
    trimmer.RunTimers(now);
  }
  EXPECT_LT(ResidentPages(), full - 70 * kPagesOfMegabyte);
}

TEST(MemoryTrimmerTest, KeepsALittle) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
  constexpr size_t kBlockBytes = 3 << 20;
  auto block = std::make_unique<std::string>(kBlockBytes, 'x');
  const int64_t before = ResidentPages();
  block.reset();
  MemoryTrimmer trimmer;
  trimmer.RunTimers(absl::ZeroDuration());
  EXPECT_GT(ResidentPages(), before - kPagesOfMegabyte);
}

}  // namespace
}  // namespace paddock::server
