// The side of DataTree that takes up a state from elsewhere.

#include "base/check.h"
#include "tree/data_tree.h"
#include "tree/path.h"

namespace paddock::tree {

void DataTree::BeginRestore() {
  CHECK(!tracks_changes_);
  FreeAll();
  nodes_.Clear();
  latest_parent_ = nullptr;
  acls_ = AclTable();
  ephemerals_.clear();
  containers_.clear();
  ttl_nodes_.clear();
  quotas_.clear();
  ephemeral_count_ = 0;
  path_and_data_bytes_ = 0;
  data_bytes_ = 0;
  memory_bytes_ = 0;
  last_zxid_ = 0;
  last_id_ = 0;
  digest_ = 0;
  announced_digest_.reset();
  digest_history_.clear();
}

bool DataTree::RestoreNode(std::string_view path, std::string_view data,
                           std::string_view acl,
                           const jute::StatPersisted& stat, int64_t id) {
  const bool is_root = path == "/";
  nodes_.Prefetch(path);
  Znode* const parent = is_root ? nullptr : RestoredParent(path);
  if (!is_root && (parent == nullptr || BaseName(path).empty())) {
    return false;
  }
  Znode* const node = Znode::New(&heap_, path, data);
  if (!nodes_.Insert(node)) {
    Znode::Free(&heap_, node);
    return false;
  }
  if (id != 0) {
    CHECK_GT(id, last_id_);
    last_id_ = id - 1;
  }
  Link(node, parent, data, acls_.InternEncoded(acl), stat);
  return true;
}

// Siblings mostly come together.
Znode* DataTree::RestoredParent(std::string_view path) {
  const std::string_view parent_path = ParentPath(path);
  if (latest_parent_ == nullptr || latest_parent_->path() != parent_path) {
    latest_parent_ = FindMutable(parent_path);
  }
  return latest_parent_;
}

void DataTree::EndRestore(int64_t zxid) {
  AddReservedNodes();
  latest_parent_ = nullptr;
  last_zxid_ = zxid;
  RestoreQuotas();
}

}  // namespace paddock::tree
