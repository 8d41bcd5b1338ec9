// What storage can be asked to make durable, and what it gives back when it is
// opened.

#ifndef PADDOCK_ZAB_WRITE_H_
#define PADDOCK_ZAB_WRITE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "zab/zxid.h"

namespace paddock::zab {

// One transaction: opaque bytes with a place in the order.
struct Txn {
  Zxid zxid;
  std::string bytes;

  friend bool operator==(const Txn&, const Txn&) = default;
};

// The state that all transactions up to `zxid` make, as bytes.
struct Snapshot {
  Zxid zxid;
  std::string state;
};

// Forget all transactions after `zxid`.
struct TruncateAfter {
  Zxid zxid;
};

struct SetAcceptedEpoch {
  int64_t epoch = 0;
};

struct SetCurrentEpoch {
  int64_t epoch = 0;
};

// Writes are numbered from 1, become durable in that order, and are reported
// with Persisted.  A Txn is appended to the log; a Snapshot replaces all that
// there is of transactions and state.
struct Write {
  uint64_t id = 0;
  std::variant<Txn, Snapshot, TruncateAfter, SetAcceptedEpoch, SetCurrentEpoch>
      body;

  // REQUIRES: it appends one
  const Txn& txn() const { return std::get<Txn>(body); }
  Txn& txn() { return std::get<Txn>(body); }
};

// What a member finds on its disk.
struct DurableState {
  // Of the state that the owner starts with, which `log` is not part of.
  // Whether all of it is known to be committed: a snapshot that a leader sent
  // need not be.
  Zxid state_zxid;
  bool state_is_committed = true;
  std::vector<Txn> log;  // What follows, committed or not
  int64_t accepted_epoch = 0;
  int64_t current_epoch = 0;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_WRITE_H_
