#include "base/slab_heap.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

#include "base/check.h"

namespace paddock {
namespace {

constexpr size_t kSlabBytes = 64 << 10;  // And what slabs are aligned to
constexpr size_t kRegionBytes = 4 << 20;
constexpr size_t kEmptyMax = 32;  // Slabs kept for the next blocks

constexpr size_t kSlabsPerRegion = kRegionBytes / kSlabBytes;

// The number of a block is that of its slab and of its place in it; or its
// index in large_, for what is larger, and for what comes behind 16 GB.
constexpr uint32_t kLarge = uint32_t{1} << 31;
constexpr int kPlaceBits = 13;
constexpr size_t kSlabsMax = kLarge >> kPlaceBits;

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
  uint32_t number;     // In slabs_
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
  Slab* const slab = SlabOf(block);
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

SlabHeap::Slab* SlabHeap::SlabOf(void* block) {
  return reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) &
                                 ~(kSlabBytes - 1));
}

uint32_t SlabHeap::AllocateNumbered(size_t bytes) {
  static_assert(kSlabBytes / kGrain == size_t{1} << kPlaceBits);
  if (bytes > kBlockBytesMax || kIsWatched ||
      slabs_.size() > kSlabsMax - kSlabsPerRegion) {
    if (no_large_.empty()) {
      CHECK_LT(large_.size(), size_t{kLarge});
      no_large_.push_back(static_cast<uint32_t>(large_.size()));
      large_.push_back(nullptr);
    }
    const uint32_t index = no_large_.back();
    no_large_.pop_back();
    large_[index] = ::operator new(bytes);
    return index | kLarge;
  }
  void* const block = Allocate(bytes);
  Slab* const slab = SlabOf(block);
  const auto offset = static_cast<uint32_t>(static_cast<char*>(block) -
                                            reinterpret_cast<char*>(slab));
  return slab->number << kPlaceBits | offset / uint32_t{kGrain};
}

void SlabHeap::FreeNumbered(uint32_t number, size_t bytes) {
  if ((number & kLarge) == 0) {
    Free(At(number), bytes);
    return;
  }
  const uint32_t index = number & ~kLarge;
  ::operator delete(std::exchange(large_[index], nullptr));
  no_large_.push_back(index);
}

void* SlabHeap::At(uint32_t number) const {
  if ((number & kLarge) != 0) {
    return large_[number & ~kLarge];
  }
  constexpr uint32_t kPlaces = uint32_t{1} << kPlaceBits;
  return reinterpret_cast<char*>(slabs_[number >> kPlaceBits]) +
         number % kPlaces * kGrain;
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
  std::vector<uint32_t>& from = empty_.empty() ? released_ : empty_;
  const uint32_t number = from.back();
  from.pop_back();
  Slab* const slab = slabs_[number];
  *slab = {.previous = nullptr,
           .next = nullptr,
           .freed = nullptr,
           .used = 0,
           .untouched = sizeof(Slab),
           .number = number};
  return slab;
}

void SlabHeap::GiveBack(Slab* slab) {
  const uint32_t number = slab->number;
  if (empty_.size() < kEmptyMax) {
    empty_.push_back(number);
    return;
  }
  CHECK_EQ(madvise(slab, kSlabBytes, MADV_DONTNEED), 0);
  released_.push_back(number);
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
  for (size_t i = 0; i < kSlabsPerRegion; ++i) {
    slabs_.push_back(reinterpret_cast<Slab*>(first + i * kSlabBytes));
  }
  for (size_t i = 1; i <= kSlabsPerRegion; ++i) {  // The first is used first
    released_.push_back(static_cast<uint32_t>(slabs_.size() - i));
  }
}

}  // namespace paddock
