// PendingChanges is the tree as it will be once every transaction that is
// proposed is also applied: the DataTree, and in front of it the znodes that
// those transactions change.  It also keeps the digest that the tree will have,
// which each transaction carries (zab-and-disk.md 5.3).
//
// Pure; not thread-safe.

#ifndef PADDOCK_REPLICA_PENDING_CHANGES_H_
#define PADDOCK_REPLICA_PENDING_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "jute/data.h"
#include "tree/acl.h"
#include "tree/data_tree.h"

namespace paddock::replica {

class PendingChanges {
 private:
  struct Change;

 public:
  // A znode as the next transaction will find it.  Valid until Forget().
  class View {
   public:
    jute::StatPersisted stat() const;
    absl::Span<const jute::ACL> acl() const;
    int32_t num_children() const;
    int64_t data_bytes() const;

   private:
    uint32_t content_crc() const;
    uint32_t digest() const;

    friend class PendingChanges;
    const Change* change_ = nullptr;     // Null: only the tree knows it
    const tree::Znode* node_ = nullptr;  // Null: not in the tree
  };

  // `tree` outlives the PendingChanges.  Without `keeps_digest` there is none.
  PendingChanges(const tree::DataTree& tree, bool keeps_digest);
  ~PendingChanges();

  PendingChanges(const PendingChanges&) = delete;
  PendingChanges& operator=(const PendingChanges&) = delete;

  // Nullopt when there will be no such znode.
  std::optional<View> Find(std::string_view path) const;

  // The paths that the session will own.  The views are valid until Forget().
  absl::btree_set<std::string_view> EphemeralsOf(SessionId session) const;

  // Of the tree after all changes.
  uint64_t digest() const;

  // What the transaction `zxid` does; zxids never fall.  `before` is what
  // Find() returns for the path.
  void Create(int64_t zxid, std::string_view path, std::string_view data,
              const jute::StatPersisted& stat, absl::Span<const jute::ACL> acl);
  void Delete(int64_t zxid, std::string_view path);  // And tells the parent
  void SetData(int64_t zxid, std::string_view path, const View& before,
               std::string_view data, int32_t version, int64_t mtime_ms);
  void SetAcl(int64_t zxid, std::string_view path, const View& before,
              absl::Span<const jute::ACL> acl, int32_t aversion);
  // A child came (+1) or went (-1).  The parent's cversion becomes `cversion`
  // if that is larger.
  void ChangeParent(int64_t zxid, std::string_view path, int32_t children_added,
                    std::optional<int32_t> cversion);

  // Takes back what the transaction `zxid`, the latest, has changed.
  void Rollback(int64_t zxid);

  // All transactions up to `zxid` are in the tree now.
  void Forget(int64_t zxid);

  bool empty() const { return changes_.empty(); }

 private:
  // One path as it will be after a transaction that is not applied yet.
  struct Change {
    int64_t zxid = 0;
    std::string path;
    size_t path_hash = 0;
    Change* previous = nullptr;  // The latest one before, when this was made
    bool exists = true;
    jute::StatPersisted stat;
    int32_t num_children = 0;
    int64_t data_bytes = 0;
    const tree::AclList* acl = nullptr;  // Null: the one in the tree
    uint32_t content_crc = 0;            // Of path and data
    uint32_t digest = 0;
    uint32_t digest_before = 0;
  };
  struct PathHash {
    using is_transparent = void;
    size_t operator()(std::string_view path) const;
    size_t operator()(const Change* change) const;
  };
  struct PathEqual {
    using is_transparent = void;
    bool operator()(const Change* a, std::string_view b) const;
    bool operator()(const Change* a, const Change* b) const;
  };

  // Begin() appends a change of `path`, as it is `before` it; the caller alters
  // it; End() brings the digests up to date.
  Change& Begin(int64_t zxid, std::string_view path, const View* before);
  void End(Change& change);

  const tree::DataTree& tree_;
  const bool keeps_digest_;
  tree::AclTable acls_;
  std::deque<Change> changes_;  // In the order of their transactions
  // The latest change of each path; its order is never observed.
  absl::flat_hash_set<Change*, PathHash, PathEqual> latest_;
  uint64_t digest_ = 0;  // Valid when there are changes
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_PENDING_CHANGES_H_
