#include "base/slab_heap.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"

namespace paddock {
namespace {

#ifdef PADDOCK_SANITIZED
constexpr bool kIsWatched = true;
#else
constexpr bool kIsWatched = false;
#endif

struct Block {
  unsigned char* bytes;
  size_t size;
  unsigned char mark;

  bool IsWhole() const {
    for (size_t i = 0; i < size; ++i) {
      if (bytes[i] != mark) {
        return false;
      }
    }
    return true;
  }
};

size_t ResidentBytes() {
  size_t all = 0;
  size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * 4096;
}

// With `numbered`, the blocks are known by their numbers.
void AllocateAndFreeAtRandom(bool numbered) {
  SlabHeap heap;
  Random random(7);
  std::vector<Block> blocks;
  std::vector<uint32_t> numbers;
  const auto free_last = [&] {
    const Block block = blocks.back();
    ASSERT_TRUE(block.IsWhole());
    if (numbered) {
      ASSERT_EQ(heap.At(numbers.back()), block.bytes);
      heap.FreeNumbered(numbers.back(), block.size);
    } else {
      heap.Free(block.bytes, block.size);
    }
    blocks.pop_back();
    numbers.pop_back();
  };
  for (int i = 0; i < 200'000; ++i) {
    if (blocks.empty() || random.Chance(11, 20)) {
      const size_t size = 1 + random.Below(random.Chance(1, 50) ? 3000 : 300);
      numbers.push_back(numbered ? heap.AllocateNumbered(size) : 0);
      auto* const bytes = static_cast<unsigned char*>(
          numbered ? heap.At(numbers.back()) : heap.Allocate(size));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(bytes) % 8, 0u);
      const auto mark = static_cast<unsigned char>(random.Next());
      std::memset(bytes, mark, size);
      blocks.push_back({bytes, size, mark});
    } else {
      const size_t chosen = random.Below(blocks.size());
      std::swap(blocks[chosen], blocks.back());
      std::swap(numbers[chosen], numbers.back());
      free_last();
    }
  }
  while (!blocks.empty()) {
    free_last();
  }
}

TEST(SlabHeapTest, BlocksDoNotOverlapWhateverIsFreedInBetween) {
  AllocateAndFreeAtRandom(/*numbered=*/false);
}

TEST(SlabHeapTest, NumberedBlocksDoNotEither) {
  AllocateAndFreeAtRandom(/*numbered=*/true);
}

TEST(SlabHeapTest, ABlockTakesItsSizeAndNoMore) {
  if (kIsWatched) {
    GTEST_SKIP() << "a sanitizer has an allocator of its own";
  }
  constexpr size_t kCount = 200'000;
  constexpr size_t kBytes = 104;
  SlabHeap heap;
  std::vector<void*> blocks(kCount);
  const size_t before = ResidentBytes();
  for (void*& block : blocks) {
    block = heap.Allocate(kBytes - 3);
    std::memset(block, 1, kBytes);
  }
  const size_t taken = ResidentBytes() - before;
  EXPECT_LT(taken, kCount * kBytes * 102 / 100);
  EXPECT_EQ(SlabHeap::BlockBytes(kBytes - 3), kBytes);
  for (void* const block : blocks) {
    heap.Free(block, kBytes - 3);
  }
}

TEST(SlabHeapTest, WhatIsFreedServesOtherSizesAndGoesBack) {
  if (kIsWatched) {
    GTEST_SKIP() << "a sanitizer has an allocator of its own";
  }
  constexpr size_t kAllBytes = 64 << 20;
  SlabHeap heap;
  const size_t before = ResidentBytes();
  for (const size_t size : {64u, 200u, 1000u}) {
    std::vector<void*> blocks(kAllBytes / size);
    for (void*& block : blocks) {
      block = heap.Allocate(size);
      std::memset(block, 1, size);
    }
    EXPECT_LT(ResidentBytes() - before, kAllBytes * 5 / 4) << size;
    for (void* const block : blocks) {
      heap.Free(block, size);
    }
    EXPECT_LT(ResidentBytes() - before, kAllBytes / 4) << size;
  }
}

}  // namespace
}  // namespace paddock
