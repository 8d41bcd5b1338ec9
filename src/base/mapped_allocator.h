// An allocator for tables that grow by being copied to larger ones.

#ifndef PADDOCK_BASE_MAPPED_ALLOCATOR_H_
#define PADDOCK_BASE_MAPPED_ALLOCATOR_H_

#include <sys/mman.h>

#include <cstddef>
#include <new>

#include "base/check.h"

namespace paddock {

// Takes memory for half a page or more from the system, and gives it back at
// once.  The heap keeps some of each size that it was given back: 10 MB after
// 256 tables had grown to 4,000 znodes each.
template <class T>
class MappedAllocator {
 public:
  using value_type = T;

  MappedAllocator() = default;
  template <class Other>
  MappedAllocator(const MappedAllocator<Other>& /*other*/) {}  // NOLINT

  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    if (!IsMapped(bytes)) {
      return static_cast<T*>(::operator new(bytes));
    }
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED) << "no memory for " << bytes << " bytes";
    return static_cast<T*>(at);
  }

  void deallocate(T* at, size_t count) {
    const size_t bytes = count * sizeof(T);
    if (!IsMapped(bytes)) {
      ::operator delete(at);
      return;
    }
    CHECK_EQ(munmap(at, bytes), 0);
  }

  friend bool operator==(const MappedAllocator& /*a*/,
                         const MappedAllocator& /*b*/) {
    return true;
  }

 private:
  static bool IsMapped([[maybe_unused]] size_t bytes) {
#ifdef PADDOCK_SANITIZED
    return false;  // They watch the heap
#else
    constexpr size_t kPageBytes = 4096;
    return bytes >= kPageBytes / 2;
#endif
  }
};

}  // namespace paddock

#endif  // PADDOCK_BASE_MAPPED_ALLOCATOR_H_
