// SlabHeap: blocks of memory by the million, mostly of a few sizes.
//
// A block takes its size rounded up to 8 bytes and nothing more.  Blocks of one
// size lie together in slabs; a slab that becomes empty serves any size again,
// and all but a few of those give their memory back to the system at once.
//
// A block also has a number of 32 bits: half a pointer, for tables of millions.
//
// Not thread-safe.  Where a sanitizer watches, each block is an allocation of
// its own.

#ifndef PADDOCK_BASE_SLAB_HEAP_H_
#define PADDOCK_BASE_SLAB_HEAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/memory.h"

namespace paddock {

class SlabHeap {
 public:
  SlabHeap() = default;
  // All blocks go with it, but those larger than kBlockBytesMax.
  ~SlabHeap();

  SlabHeap(const SlabHeap&) = delete;
  SlabHeap& operator=(const SlabHeap&) = delete;

  // Larger ones come from operator new.
  static constexpr size_t kBlockBytesMax = 1024;

  // Aligned to 8 bytes.  REQUIRES: bytes > 0
  void* Allocate(size_t bytes);
  // REQUIRES: `bytes` is what `block` was allocated with
  void Free(void* block, size_t bytes);

  // The same for a block that is known by its number, and lies at At().
  uint32_t AllocateNumbered(size_t bytes);
  void FreeNumbered(uint32_t number, size_t bytes);
  void* At(uint32_t number) const;

  // What such a block takes.
  static constexpr size_t BlockBytes(size_t bytes) {
    return bytes > kBlockBytesMax ? HeapBytes(bytes)
                                  : (bytes + kGrain - 1) / kGrain * kGrain;
  }

 private:
  struct Slab;

  static constexpr size_t kGrain = 8;
  static constexpr size_t kClasses = kBlockBytesMax / kGrain + 1;

  static Slab* SlabOf(void* block);
  Slab* TakeSlab(size_t block_bytes);
  void GiveBack(Slab* slab);
  void MapRegion();
  void Link(Slab* slab, size_t size_class);
  void Unlink(Slab* slab, size_t size_class);

  std::array<Slab*, kClasses> with_room_ = {};  // Lists, by size / kGrain
  std::vector<void*> regions_;
  std::vector<Slab*> slabs_;        // By number
  std::vector<uint32_t> empty_;     // Slabs that are free, and in memory
  std::vector<uint32_t> released_;  // Slabs that are free, and not

  std::vector<void*> large_;        // Numbered blocks that lie in no slab
  std::vector<uint32_t> no_large_;  // Of large_, what is free
};

}  // namespace paddock

#endif  // PADDOCK_BASE_SLAB_HEAP_H_
