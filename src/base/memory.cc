#include "base/memory.h"

#ifndef PADDOCK_SANITIZED
#include <gperftools/malloc_extension_c.h>
#endif

namespace paddock {

#ifdef PADDOCK_SANITIZED

size_t HeapBytes(size_t size) { return size; }
void ReleaseFreeMemory() {}

#else

size_t HeapBytes(size_t size) {
  return MallocExtension_GetEstimatedAllocatedSize(size);
}

void ReleaseFreeMemory() { MallocExtension_ReleaseFreeMemory(); }

#endif

}  // namespace paddock
