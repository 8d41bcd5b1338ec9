// What storage can be asked to make durable, and what it gives back when it is
// opened.

#ifndef PADDOCK_ZAB_WRITE_H_
#define PADDOCK_ZAB_WRITE_H_

#include <cstdint>
#include <string>

#include "zab/zxid.h"

namespace paddock::zab {

// One transaction: opaque bytes with a place in the order.
struct Txn {
  Zxid zxid;
  std::string bytes;
};

// Append `txn` to the log.  Writes are numbered from 1, become durable in that
// order, and are reported with Persisted.
struct Write {
  uint64_t id = 0;
  Txn txn;
};

// What a member finds on its disk.
struct DurableState {
  Zxid last_zxid;  // Of the last transaction in the log
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_WRITE_H_
