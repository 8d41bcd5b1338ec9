// SlabHeap: blocks of memory by the million, mostly of a few sizes.
//
// A block takes its size rounded up to 8 bytes and nothing more.  Blocks of one
// size lie together in slabs; a slab that becomes empty serves any size again,
// and all but a few of those give their memory back to the system at once.
//
// Not thread-safe.  Where a sanitizer watches, each block is an allocation of
// its own.

#ifndef PADDOCK_BASE_SLAB_HEAP_H_
#define PADDOCK_BASE_SLAB_HEAP_H_

#include <array>
#include <cstddef>
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

  // What such a block takes.
  static constexpr size_t BlockBytes(size_t bytes) {
    return bytes > kBlockBytesMax ? HeapBytes(bytes)
                                  : (bytes + kGrain - 1) / kGrain * kGrain;
  }

 private:
  struct Slab;

  static constexpr size_t kGrain = 8;
  static constexpr size_t kClasses = kBlockBytesMax / kGrain + 1;

  Slab* TakeSlab(size_t block_bytes);
  void GiveBack(Slab* slab);
  void MapRegion();
  void Link(Slab* slab, size_t size_class);
  void Unlink(Slab* slab, size_t size_class);

  std::array<Slab*, kClasses> with_room_ = {};  // Lists, by size / kGrain
  std::vector<Slab*> empty_;                    // Free, and in memory
  std::vector<Slab*> released_;                 // Free, and not
  std::vector<void*> regions_;
};

}  // namespace paddock

#endif  // PADDOCK_BASE_SLAB_HEAP_H_
