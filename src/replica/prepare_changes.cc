// The side of Preparer that keeps the changes of transactions that are not
// applied yet.

#include "absl/hash/hash.h"
#include "base/check.h"
#include "replica/prepare.h"
#include "tree/digest.h"
#include "tree/path.h"

namespace paddock::replica {

size_t Preparer::PathHash::operator()(std::string_view path) const {
  return absl::Hash<std::string_view>()(path);
}
size_t Preparer::PathHash::operator()(const Change* change) const {
  return absl::Hash<std::string_view>()(change->path);
}
bool Preparer::PathEqual::operator()(const Change* a,
                                     std::string_view b) const {
  return a->path == b;
}
bool Preparer::PathEqual::operator()(const Change* a, const Change* b) const {
  return a->path == b->path;
}

const jute::StatPersisted& Preparer::View::stat() const {
  return change != nullptr ? change->stat : node->stat();
}
absl::Span<const jute::ACL> Preparer::View::acl() const {
  return change != nullptr && change->acl != nullptr ? change->acl->entries()
                                                     : node->acl().entries();
}
int32_t Preparer::View::num_children() const {
  return change != nullptr ? change->num_children : node->num_children();
}
int64_t Preparer::View::data_bytes() const {
  return change != nullptr ? change->data_bytes
                           : static_cast<int64_t>(node->data().size());
}

void Preparer::Forget(int64_t zxid) {
  while (!changes_.empty() && changes_.front().zxid <= zxid) {
    Change& change = changes_.front();
    const auto it = latest_.find(std::string_view(change.path));
    CHECK(it != latest_.end()) << change.path;
    if (*it == &change) {
      latest_.erase(it);
    }
    if (change.acl != nullptr) {
      acls_.Release(change.acl);
    }
    changes_.pop_front();
  }
}

std::optional<Preparer::View> Preparer::Find(std::string_view path) const {
  const auto it = latest_.empty() ? latest_.end() : latest_.find(path);
  if (it != latest_.end() && !(*it)->exists) {
    return std::nullopt;
  }
  View view;
  if (it != latest_.end()) {
    view.change = *it;
    if (view.change->acl != nullptr) {
      return view;
    }
  }
  view.node = tree_.Find(path);
  if (view.node == nullptr) {
    CHECK(view.change == nullptr) << path;
    return std::nullopt;
  }
  return view;
}

Preparer::Change& Preparer::AddChange(std::string_view path,
                                      const View* before) {
  if (changes_.empty()) {
    tree_digest_ = tree_.digest();
  }
  changes_.emplace_back();
  Change& change = changes_.back();
  change.zxid = caller_.zxid;
  change.path = path;
  if (before != nullptr) {
    change.stat = before->stat();
    change.num_children = before->num_children();
    change.data_bytes = before->data_bytes();
    if (options_.tree.digest) {
      change.content_crc = ContentCrc(*before);
    }
    if (before->change != nullptr && before->change->acl != nullptr) {
      change.acl = acls_.Intern(before->change->acl->entries());
    }
  }
  const auto it = latest_.find(path);
  if (it != latest_.end()) {
    change.previous = *it;
    latest_.erase(it);
  }
  latest_.insert(&change);
  return change;
}

void Preparer::FinishChange(Change& change, uint32_t digest_before) {
  if (!options_.tree.digest) {
    return;
  }
  change.digest =
      change.exists
          ? tree::NodeDigest(change.path, change.content_crc, change.stat)
          : 0;
  tree_digest_ += change.digest;
  tree_digest_ -= digest_before;
}

void Preparer::NoteCreate(std::string_view path, std::string_view data,
                          const jute::StatPersisted& stat,
                          absl::Span<const jute::ACL> acl) {
  Change& change = AddChange(path, nullptr);
  change.stat = stat;
  change.data_bytes = static_cast<int64_t>(data.size());
  change.acl = acls_.Intern(acl);
  if (options_.tree.digest) {
    change.content_crc = tree::ContentCrc(path, data);
  }
  FinishChange(change, /*digest_before=*/0);
}

// A node that vanishes, and its parent.
void Preparer::NoteDelete(std::string_view path) {
  NoteParent(tree::ParentPath(path), -1, std::nullopt);
  const std::optional<View> node = Find(path);
  CHECK(node.has_value()) << path;
  const uint32_t digest_before = DigestOf(*node);
  Change& change = AddChange(path, nullptr);
  change.exists = false;
  FinishChange(change, digest_before);
}

void Preparer::NoteParent(std::string_view path, int32_t children_added,
                          std::optional<int32_t> cversion) {
  const std::optional<View> parent = Find(path);
  CHECK(parent.has_value()) << path;
  const uint32_t digest_before = DigestOf(*parent);
  Change& change = AddChange(path, &*parent);
  change.num_children += children_added;
  change.stat.pzxid = caller_.zxid;
  if (cversion && *cversion > change.stat.cversion) {  // As the tree will
    change.stat.cversion = *cversion;
  }
  FinishChange(change, digest_before);
}

void Preparer::DropLatest() {
  Change& change = changes_.back();
  latest_.erase(&change);
  if (change.previous != nullptr) {
    latest_.insert(change.previous);
  }
  if (change.acl != nullptr) {
    acls_.Release(change.acl);
  }
  changes_.pop_back();
}

uint32_t Preparer::ContentCrc(const View& view) const {
  return view.change != nullptr ? view.change->content_crc
                                : view.node->content_crc();
}

uint32_t Preparer::DigestOf(const View& view) const {
  if (!options_.tree.digest) {
    return 0;
  }
  return view.change != nullptr ? view.change->digest : view.node->digest();
}

}  // namespace paddock::replica
