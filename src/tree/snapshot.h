// The snapshot of ZooKeeper (zab-and-disk.md 6.3): a state as a stream.
//
//   FileHeader  int "ZKSN" | int 2 | long -1
//   sessions    int n ; n * { long id ; int timeout in ms }
//   ACL map     int n ; n * { long id ; vector<ACL> }
//   nodes       n * { ustring path ; buffer data ; long ACL id ; StatPersisted
//   }
//               parents first, "/" goes by the name ""; end: ustring "/"
//   seal        long Adler-32 of all bytes before it ; ustring "/"
//   tails       a digest with its seal, a zxid with its seal; each may be
//   absent
//
// A snapshot that a running server took is fuzzy: named after the zxid at
// which it was begun, it may hold effects of later transactions.  Replaying
// these over it gives the exact state (5.4); see restorer.h.

#ifndef PADDOCK_TREE_SNAPSHOT_H_
#define PADDOCK_TREE_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_stream.h"
#include "tree/data_tree.h"

namespace paddock::tree {

// Time-outs in ms by session id.
using SessionTimeouts = absl::btree_map<int64_t, int32_t>;

// The digest of a tree right after the transaction `zxid`.
struct ZxidDigest {
  int64_t zxid = 0;
  int32_t version = 0;
  uint64_t digest = 0;  // Not set for versions before 2
};

// What a snapshot tells besides the state.
struct SnapshotFacts {
  // From this zxid on, the state is exact.  Releases before 3.6 wrote none.
  std::optional<ZxidDigest> digest;
  // Nodes of which the ACL was given after the ACL map was written.  Nobody
  // may use them until a replayed transaction gives it again.
  std::vector<std::string> without_acl;
};

// What stands for an ACL that the snapshot lacks: it grants nothing.
std::string_view MissingAcl();

// Replaces what *tree and *sessions hold by the state in `source`, which
// becomes that after `zxid`.  Memory follows what the stream really holds, not
// what it says to hold.  Errors: kDataLoss when it is not a complete snapshot,
// with what is wrong and where; those of `source`.  The tree and the sessions
// are then those of an empty history.
absl::StatusOr<SnapshotFacts> ReadSnapshot(ByteSource source, int64_t zxid,
                                           DataTree* tree,
                                           SessionTimeouts* sessions);

// Writes the state, in pieces.  No tails: then every release reads it.
// Errors: those of `sink`.
absl::Status WriteSnapshot(const DataTree& tree,
                           const SessionTimeouts& sessions, ByteSink sink);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_SNAPSHOT_H_
