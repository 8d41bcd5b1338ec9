#include "base/memory.h"

#ifndef PADDOCK_SANITIZED
#include <gperftools/malloc_extension_c.h>
#endif

namespace paddock {

#ifdef PADDOCK_SANITIZED

size_t FreeBytes() { return 0; }
void ReleaseFreeMemory(size_t /*bytes*/) {}

#else

size_t FreeBytes() {
  size_t bytes = 0;
  MallocExtension_GetNumericProperty("tcmalloc.pageheap_free_bytes", &bytes);
  return bytes;
}

void ReleaseFreeMemory(size_t bytes) { MallocExtension_ReleaseToSystem(bytes); }

#endif

}  // namespace paddock
