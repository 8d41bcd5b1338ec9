// DataTree is the state that a ZooKeeper ensemble replicates: the znodes, as a
// deterministic state machine.  Start here.
//
// Only committed transactions reach it, through Apply(), which cannot fail:
// whether an operation is allowed was decided when its transaction was
// prepared.  Applying the same transactions in the same order gives the same
// tree, the same digest and the same sequence of changes on every member.
//
// Invariants, verified by CheckInvariants() in tests:
//
// (1) Every node but "/" has a parent in the tree, and is among its children.
// (2) num_children, the ephemerals of each session, the sets of containers and
//     TTL nodes, counts and sizes agree with the nodes.
// (3) digest() is the sum of the digests of all nodes.
//
// Facts: client-protocol.md chapters 3, 7, 8; zab-and-disk.md chapter 5.
// Pure; not thread-safe.

#ifndef PADDOCK_TREE_DATA_TREE_H_
#define PADDOCK_TREE_DATA_TREE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "base/ids.h"
#include "jute/data.h"
#include "jute/proto.h"
#include "jute/txn.h"
#include "paddock/error.h"
#include "tree/acl.h"
#include "tree/quotas.h"
#include "tree/znode.h"

namespace paddock::tree {

// What a transaction did to one znode; enough to decide which watches fire.
struct Change {
  enum class Kind { kCreated, kDeleted, kDataChanged };
  Kind kind;
  std::string_view path;
  const AclList* acl;         // Of the znode; of the deleted one for kDeleted
  const AclList* parent_acl;  // Null for kDataChanged
};

// What one operation of a transaction came to; the stuff of replies.
struct OpResult {
  jute::OpCode type;  // kError for an error transaction
  Error error = Error::kOk;
  std::string_view path;  // Of creates; points into the transaction
  jute::Stat stat;        // Right after the operation, where a reply has one
};

struct TreeOptions {
  bool extended_types = false;   // Owners with top byte 0xff are TTL nodes
  bool emulate_353_ttl = false;  // TTL owners as 3.5.3 wrote them
  bool digest = true;            // Keep digest() up to date
};

class DataTree {
 public:
  using ChangeSink = absl::FunctionRef<void(const Change&)>;

  // A fresh tree: "/" and the reserved nodes below /zookeeper.
  explicit DataTree(const TreeOptions& options);
  ~DataTree();

  DataTree(const DataTree&) = delete;
  DataTree& operator=(const DataTree&) = delete;

  // Applies one committed transaction: `record` is what follows the header (a
  // digest may follow it).  Appends one result per operation to *results (for
  // a multi, one per sub-operation) and reports each change, in order, while
  // the transaction is being applied; what the views of a Change point to is
  // valid during the call only.
  //
  // A transaction that does not fit the tree (a missing parent, say) is
  // normal while replaying over a fuzzy snapshot; its result then carries the
  // error and the rules of zab-and-disk.md 5.3 say what still happens.
  // Sessions are not kept here; of kCloseSession only the deletions are done.
  // Returns false, with nothing applied, when `record` cannot be decoded.
  [[nodiscard]] bool Apply(const jute::TxnHeader& header,
                           std::string_view record,
                           std::vector<OpResult>* results, ChangeSink sink);

  // The znode at exactly `path`, or null.  "" finds nothing.
  const Znode* Find(std::string_view path) const;

  // The Stat that clients see: cversion counts creates and deletes, the
  // owners of containers and TTL nodes are masked (client-protocol.md 3.4).
  jute::Stat StatOf(const Znode& node) const;

  // Paths of the ephemerals of one session, sorted; null when it has none.
  using NodeSet = absl::btree_set<const Znode*, ZnodePathLess>;
  const NodeSet* EphemeralsOf(SessionId session) const;
  const absl::btree_map<int64_t, NodeSet>& ephemerals() const {
    return ephemerals_;
  }
  const NodeSet& containers() const { return containers_; }
  const NodeSet& ttl_nodes() const { return ttl_nodes_; }

  // The TTL in ms that a raw owner encodes, when it marks a TTL node.
  std::optional<int64_t> TtlOf(int64_t ephemeral_owner) const;

  // Number of descendants of `node`, itself not counted.
  int64_t CountDescendants(const Znode& node) const;

  // Limits and usage of the deepest quota at or above `path` (chapter 8).
  std::optional<QuotaState> QuotaFor(std::string_view path) const;

  int64_t last_zxid() const { return last_zxid_; }
  uint64_t digest() const { return digest_; }

  // Counts as monitoring shows them; the root counts twice, as in Java (3.3).
  int64_t node_count() const;
  int64_t ephemeral_count() const;
  int64_t approximate_data_bytes() const;
  size_t acl_count() const { return acls_.size(); }

  // Digests kept for the four-letter word `hash`: {zxid, digest}, oldest
  // first; one for each zxid divisible by 128, at most 1024.
  const std::deque<std::pair<int64_t, uint64_t>>& digest_history() const {
    return digest_history_;
  }

  // Fails a CHECK when an invariant above does not hold.  Walks the tree.
  void CheckInvariants() const;

  // Calls `visit` for each znode, parents before their children.
  void ForEach(absl::FunctionRef<void(const Znode&)> visit) const;

 private:
  // To be completed with the implementation.
  const TreeOptions options_;
  AclTable acls_;
  absl::btree_map<int64_t, NodeSet> ephemerals_;
  NodeSet containers_;
  NodeSet ttl_nodes_;
  int64_t last_zxid_ = 0;
  uint64_t digest_ = 0;
  std::deque<std::pair<int64_t, uint64_t>> digest_history_;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_DATA_TREE_H_
