#include "base/memory.h"

#ifndef PADDOCK_SANITIZED
#include <gperftools/malloc_extension_c.h>
#endif

namespace paddock {

void ReleaseFreeMemory() {
#ifndef PADDOCK_SANITIZED
  MallocExtension_ReleaseFreeMemory();
#endif
}

}  // namespace paddock
