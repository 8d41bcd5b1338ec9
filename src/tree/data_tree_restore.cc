// The side of DataTree that takes up a state from elsewhere.

#include "base/check.h"
#include "tree/data_tree.h"
#include "tree/path.h"

namespace paddock::tree {

void DataTree::BeginRestore() {
  CHECK(!tracks_changes_);
  for (Znode* node : nodes_) {
    Znode::Free(node);
  }
  nodes_.clear();
  acls_ = AclTable();
  ephemerals_.clear();
  containers_.clear();
  ttl_nodes_.clear();
  quotas_.clear();
  ephemeral_count_ = 0;
  path_and_data_bytes_ = 0;
  last_zxid_ = 0;
  digest_ = 0;
  announced_digest_.reset();
  digest_history_.clear();
}

bool DataTree::RestoreNode(std::string_view path, std::string_view data,
                           std::string_view acl,
                           const jute::StatPersisted& stat) {
  const bool is_root = path == "/";
  Znode* const parent = is_root ? nullptr : FindMutable(ParentPath(path));
  if (!is_root && (parent == nullptr || BaseName(path).empty())) {
    return false;
  }
  Znode* restored = nullptr;
  nodes_.lazy_emplace(path, [&](const auto& construct) {
    restored = Znode::New(path, data);
    construct(restored);
  });
  if (restored == nullptr) {
    return false;
  }
  Link(restored, parent, data, acls_.InternEncoded(acl), stat);
  return true;
}

void DataTree::EndRestore(int64_t zxid) {
  AddReservedNodes();
  last_zxid_ = zxid;
  RestoreQuotas();
}

}  // namespace paddock::tree
