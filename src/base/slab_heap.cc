#include "base/slab_heap.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "base/check.h"

namespace paddock {
namespace {

constexpr size_t kSlabBytes = 64 << 10;  // And what slabs are aligned to
constexpr size_t kRegionBytes = 4 << 20;
constexpr size_t kEmptyMax = 32;  // Slabs kept for the next blocks

#ifdef PADDOCK_SANITIZED
constexpr bool kIsWatched = true;
#else
constexpr bool kIsWatched = false;
#endif

}  // namespace

// The beginning of a slab; blocks follow.
struct SlabHeap::Slab {
  Slab* previous;  // In the list of those with room
  Slab* next;
  void* freed;         // Blocks that were freed, each with the next in it
  uint32_t used;       // Blocks
  uint32_t untouched;  // Offset of the part that was never used
};

SlabHeap::~SlabHeap() {
  for (void* const region : regions_) {
    munmap(region, kRegionBytes + kSlabBytes);
  }
}

void* SlabHeap::Allocate(size_t bytes) {
  CHECK_GT(bytes, 0u);
  if (bytes > kBlockBytesMax || kIsWatched) {
    return ::operator new(bytes);
  }
  const size_t block_bytes = BlockBytes(bytes);
  const size_t size_class = block_bytes / kGrain;
  Slab* slab = with_room_[size_class];
  if (slab == nullptr) {
    slab = TakeSlab(block_bytes);
    Link(slab, size_class);
  }
  ++slab->used;
  void* block = slab->freed;
  if (block != nullptr) {
    slab->freed = *static_cast<void**>(block);
  } else {
    block = reinterpret_cast<char*>(slab) + slab->untouched;
    slab->untouched += static_cast<uint32_t>(block_bytes);
  }
  if (slab->freed == nullptr && slab->untouched + block_bytes > kSlabBytes) {
    Unlink(slab, size_class);
  }
  return block;
}

void SlabHeap::Free(void* block, size_t bytes) {
  if (bytes > kBlockBytesMax || kIsWatched) {
    ::operator delete(block);
    return;
  }
  const size_t block_bytes = BlockBytes(bytes);
  const size_t size_class = block_bytes / kGrain;
  auto* const slab = reinterpret_cast<Slab*>(
      reinterpret_cast<uintptr_t>(block) & ~(kSlabBytes - 1));
  const bool was_full =
      slab->freed == nullptr && slab->untouched + block_bytes > kSlabBytes;
  *static_cast<void**>(block) = slab->freed;
  slab->freed = block;
  CHECK_GT(slab->used, 0u);
  --slab->used;
  if (was_full) {
    Link(slab, size_class);
  }
  if (slab->used == 0) {
    Unlink(slab, size_class);
    GiveBack(slab);
  }
}

void SlabHeap::Link(Slab* slab, size_t size_class) {
  Slab*& first = with_room_[size_class];
  slab->previous = nullptr;
  slab->next = first;
  if (first != nullptr) {
    first->previous = slab;
  }
  first = slab;
}

void SlabHeap::Unlink(Slab* slab, size_t size_class) {
  (slab->previous != nullptr ? slab->previous->next : with_room_[size_class]) =
      slab->next;
  if (slab->next != nullptr) {
    slab->next->previous = slab->previous;
  }
}

SlabHeap::Slab* SlabHeap::TakeSlab(size_t block_bytes) {
  CHECK_LE(sizeof(Slab) + block_bytes, kSlabBytes);
  if (empty_.empty() && released_.empty()) {
    MapRegion();
  }
  std::vector<Slab*>& from = empty_.empty() ? released_ : empty_;
  Slab* const slab = from.back();
  from.pop_back();
  *slab = {.previous = nullptr,
           .next = nullptr,
           .freed = nullptr,
           .used = 0,
           .untouched = sizeof(Slab)};
  return slab;
}

void SlabHeap::GiveBack(Slab* slab) {
  if (empty_.size() < kEmptyMax) {
    empty_.push_back(slab);
    return;
  }
  CHECK_EQ(madvise(slab, kSlabBytes, MADV_DONTNEED), 0);
  released_.push_back(slab);
}

void SlabHeap::MapRegion() {
  void* const region =
      mmap(nullptr, kRegionBytes + kSlabBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) {
    throw std::bad_alloc();
  }
  regions_.push_back(region);
  const uintptr_t first =
      (reinterpret_cast<uintptr_t>(region) + kSlabBytes - 1) &
      ~(kSlabBytes - 1);
  for (size_t at = kRegionBytes; at > 0; at -= kSlabBytes) {
    released_.push_back(reinterpret_cast<Slab*>(first + at - kSlabBytes));
  }
}

}  // namespace paddock
