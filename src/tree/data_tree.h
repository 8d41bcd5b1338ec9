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
// (4) The quotas in force are those that have a zookeeper_limits znode.
//
// Facts: client-protocol.md chapters 3, 7, 8; zab-and-disk.md chapter 5.
// Pure; not thread-safe.

#ifndef PADDOCK_TREE_DATA_TREE_H_
#define PADDOCK_TREE_DATA_TREE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "base/packed_strings.h"
#include "jute/data.h"
#include "jute/proto.h"
#include "jute/txn.h"
#include "paddock/error.h"
#include "tree/acl.h"
#include "tree/operation.h"
#include "tree/path_table.h"
#include "tree/quotas.h"
#include "tree/string_hash.h"
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
  jute::OpCode type = jute::OpCode::kError;
  Error error = Error::kOk;
  std::string_view path = {};  // Of creates; points into the transaction
  jute::Stat stat = {};        // Right after a create, setData or setACL
};

// The raw owner of containers (client-protocol.md chapter 7).
inline constexpr int64_t kContainerOwner = std::numeric_limits<int64_t>::min();

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

  // The digest() that the transaction applied last says it leaves behind;
  // nullopt when it says none, or one of another version.  The two differ
  // while replaying over a fuzzy snapshot, and never else.
  std::optional<uint64_t> announced_digest() const { return announced_digest_; }

  // Another way to get a state: BeginRestore() removes everything, then
  // RestoreNode() adds nodes as they were, parents before their children, then
  // EndRestore() makes it the state after `zxid`.  It adds reserved nodes that
  // old releases did not have, and counts what is used of the quotas.
  //
  // `acl` is as AclTable::InternEncoded() takes it, `id` that of a checkpoint,
  // growing from call to call, or 0 where none was given.  RestoreNode()
  // returns false, with nothing changed, for a node that is there already, has
  // no parent, or has no proper name.
  void BeginRestore();
  [[nodiscard]] bool RestoreNode(std::string_view path, std::string_view data,
                                 std::string_view acl,
                                 const jute::StatPersisted& stat,
                                 int64_t id = 0);
  void EndRestore(int64_t zxid);

  // What checkpoints are made of: the nodes that changed since the last one.
  //
  // TrackChanges() begins to note them; `all` counts every node as changed.
  // BeginCapture() freezes what was noted and returns the ids of the nodes that
  // were deleted.  Capture() appends those that changed to *records, as
  // jute::CheckpointNode, until that holds `bytes_max` or more, and returns
  // whether there are more: each as it was at BeginCapture(), whatever is
  // applied in between, roughly in the order of their ids.  EndCapture() tells
  // whether all that was captured is safe; if not, it counts as changed.  Only
  // Capture() and the end of an unsafe one take longer where more has changed.
  void TrackChanges(bool all);
  size_t change_count() const { return changed_count_ + deleted_.size(); }
  // Whether nodes that changed again before Capture() came to them take so much
  // memory, as they were, that it should be called more often.
  bool IsCaptureUrgent() const;
  std::shared_ptr<const std::vector<int64_t>> BeginCapture();
  [[nodiscard]] bool Capture(size_t bytes_max, std::string* records);
  void EndCapture(bool is_safe);
  // What all that takes at the moment, about.
  size_t change_bytes() const;

  // The znode at exactly `path`, or null.  "" finds nothing.
  const Znode* Find(std::string_view path) const;

  // The znodes at these paths will be used soon.
  void Prefetch(absl::Span<const std::string_view> paths) const {
    nodes_.Prefetch(paths);
  }

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
  // Whether a raw owner is a session: neither 0, nor the mark of a container
  // or a TTL node.
  bool IsSession(int64_t ephemeral_owner) const;

  // Number of descendants of `node`, itself not counted.
  int64_t CountDescendants(const Znode& node) const;

  // Limits and usage of the deepest quota at or above `path` (chapter 8).
  std::optional<QuotaState> QuotaFor(std::string_view path) const;

  int64_t last_zxid() const { return last_zxid_; }
  uint64_t digest() const { return digest_; }

  // Counts as monitoring shows them; the root counts twice, as in Java (3.3).
  int64_t node_count() const;
  int64_t ephemeral_count() const { return ephemeral_count_; }
  int64_t approximate_data_bytes() const { return path_and_data_bytes_; }
  size_t acl_count() const { return acls_.size(); }

  // What the data takes, and what all the rest about the znodes takes.
  size_t data_bytes() const { return data_bytes_; }
  size_t node_bytes() const {
    return memory_bytes_ - data_bytes_ + nodes_.bytes();
  }

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
  Znode* FindMutable(std::string_view path) {
    return nodes_.Find(path).value_or(nullptr);
  }
  // `top` itself first, parents before their children.
  static void ForEachBelow(const Znode& top,
                           absl::FunctionRef<void(const Znode&)> visit);

  // Apply one operation; a transaction's header says when and for whom.
  OpResult ApplyOne(const jute::TxnHeader& header, const Operation& op,
                    ChangeSink sink);
  OpResult ApplyCreate(const jute::TxnHeader& header, const Operation& op,
                       ChangeSink sink);
  Error ApplyDelete(int64_t zxid, std::string_view path, ChangeSink sink);
  OpResult ApplySetData(const jute::TxnHeader& header, const Operation& op,
                        ChangeSink sink);
  OpResult ApplySetAcl(const Operation& op);
  void ApplyCloseSession(const jute::TxnHeader& header, ChangeSink sink);
  void FinishTxn(int64_t zxid);

  // Adds a znode to the tree, or removes one without children.
  void Link(Znode* node, Znode* parent, std::string_view data,
            const AclList* acl, const jute::StatPersisted& stat);
  void RemoveLeaf(Znode* node, ChangeSink sink);
  // The set of the session, the containers or the TTL nodes that `node`
  // belongs to; null for a persistent node.
  NodeSet* SetOf(const Znode& node);
  Znode* RestoredParent(std::string_view path);
  void AddReservedNodes();
  void AddReserved(std::string_view path, int32_t perms, int32_t aversion);

  // Nodes whose ids are close, which a checkpoint has on the same pages.
  struct ChangedGroup {
    std::vector<Znode*> nodes;
    std::string early;  // Records of those that were about to change again
  };
  using ChangedNodes = absl::btree_map<int64_t, ChangedGroup>;

  // `node` is about to change, or was just created.
  void Touch(Znode* node);
  void NoteDeletion(Znode* node);
  // REQUIRES: `node` is in the list that is being captured
  void CaptureNode(Znode* node, std::string* records);
  void CaptureEarly(Znode* node);
  void TakeEarly(ChangedGroup* group, std::string* records);
  int frozen_list() const { return 3 - current_list_; }

  // A create of a child with parentCVersion `cversion` never sets the
  // parent's back (zab-and-disk.md 5.3).
  void RaiseCversion(Znode* parent, int32_t cversion, int64_t zxid);
  void ReplaceData(Znode* node, std::string_view data);
  // Brings the digests up to date after a change of `node`.
  void UpdateDigest(Znode* node);

  // Quotas.  `path` and its difference are counted in the quota at or above.
  void AccountQuota(std::string_view path, int64_t count, int64_t bytes);
  void NoteQuotaNodeCreated(std::string_view path);
  void NoteQuotaNodeDeleted(std::string_view path);
  // Of the quotas in force the one at or above `path`; "" when there is none.
  std::string_view DeepestQuota(std::string_view path) const;
  // The path whose quota the znode `path` limits; "" when it limits none.
  static std::string_view QuotaLimitedBy(std::string_view path);
  void RecountQuota(std::string_view quota_path);
  // Finds the quotas of a tree that was restored, and counts afresh what is
  // used of them: what a snapshot says of it is not part of the state (5.3).
  void RestoreQuotas();

  void CheckNode(const Znode& node) const;

  void FreeAll();

  const TreeOptions options_;
  SlabHeap heap_;  // Of the znodes
  AclTable acls_;
  PathTable<ZnodeByPath> nodes_;                  // Owned
  absl::btree_map<int64_t, NodeSet> ephemerals_;  // By session; none is empty
  NodeSet containers_;
  NodeSet ttl_nodes_;
  // Paths with a zookeeper_limits znode.  Iteration order is never observed.
  absl::flat_hash_set<std::string, StringHash, std::equal_to<>> quotas_;
  int64_t ephemeral_count_ = 0;
  int64_t path_and_data_bytes_ = 0;
  size_t data_bytes_ = 0;
  size_t memory_bytes_ = 0;  // Of the znodes
  int64_t last_zxid_ = 0;
  int64_t last_id_ = 0;
  uint64_t digest_ = 0;
  std::optional<uint64_t> announced_digest_;
  std::deque<std::pair<int64_t, uint64_t>> digest_history_;

  Znode* latest_parent_ = nullptr;  // While nodes are restored

  // Changes since the last checkpoint.
  bool tracks_changes_ = false;
  int current_list_ = 1;          // What changed_ is: 1 or 2
  ChangedNodes changed_;          // Null: it was deleted
  size_t changed_count_ = 0;      // Of those that are not null
  std::vector<int64_t> deleted_;  // Ids
  int64_t capture_id_ = 0;        // The last one given at BeginCapture()
  ChangedNodes capturing_;        // What is left of changed_; null: captured
  std::shared_ptr<const std::vector<int64_t>> capturing_deleted_;
  size_t captured_ = 0;      // Of the first group of capturing_
  size_t early_bytes_ = 0;   // Of all groups
  int64_t early_group_ = 0;  // The next to give up its early ones
  // The paths of all that was captured, in lists of a bounded size.
  std::vector<PackedStrings> captured_paths_;

  std::vector<Operation> operations_;  // Of one Apply(); kept for its memory
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_DATA_TREE_H_
