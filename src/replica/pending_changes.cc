#include "replica/pending_changes.h"

#include "base/check.h"
#include "base/hash.h"
#include "tree/digest.h"
#include "tree/path.h"

namespace paddock::replica {

size_t PendingChanges::PathHash::operator()(std::string_view path) const {
  return HashOf(path);
}
size_t PendingChanges::PathHash::operator()(const Change* change) const {
  return change->path_hash;
}
bool PendingChanges::PathEqual::operator()(const Change* a,
                                           std::string_view b) const {
  return a->path == b;
}
bool PendingChanges::PathEqual::operator()(const Change* a,
                                           const Change* b) const {
  return a->path == b->path;
}

// --- Views ---

jute::StatPersisted PendingChanges::View::stat() const {
  return change_ != nullptr ? change_->stat : node_->stat();
}

absl::Span<const jute::ACL> PendingChanges::View::acl() const {
  return change_ != nullptr && change_->acl != nullptr ? change_->acl->entries()
                                                       : node_->acl().entries();
}

int32_t PendingChanges::View::num_children() const {
  return change_ != nullptr ? change_->num_children : node_->num_children();
}

int64_t PendingChanges::View::data_bytes() const {
  return change_ != nullptr ? change_->data_bytes
                            : static_cast<int64_t>(node_->data().size());
}

uint32_t PendingChanges::View::content_crc() const {
  return change_ != nullptr ? change_->content_crc : node_->content_crc();
}

uint32_t PendingChanges::View::digest() const {
  return change_ != nullptr ? change_->digest : node_->digest();
}

PendingChanges::PendingChanges(const tree::DataTree& tree, bool keeps_digest)
    : tree_(tree), keeps_digest_(keeps_digest) {}

PendingChanges::~PendingChanges() = default;

std::optional<PendingChanges::View> PendingChanges::Find(
    std::string_view path) const {
  const auto it = latest_.empty() ? latest_.end() : latest_.find(path);
  if (it != latest_.end() && !(*it)->exists) {
    return std::nullopt;
  }
  View view;
  if (it != latest_.end()) {
    view.change_ = *it;
    if (view.change_->acl != nullptr) {
      return view;
    }
  }
  view.node_ = tree_.Find(path);
  if (view.node_ == nullptr) {
    CHECK(view.change_ == nullptr) << path;
    return std::nullopt;
  }
  return view;
}

absl::btree_set<std::string_view> PendingChanges::EphemeralsOf(
    SessionId session) const {
  absl::btree_set<std::string_view> paths;
  if (const auto* nodes = tree_.EphemeralsOf(session)) {
    for (const tree::Znode* node : *nodes) {
      paths.insert(node->path());
    }
  }
  for (const Change& change : changes_) {
    if (!change.exists) {
      paths.erase(change.path);
    } else if (change.stat.ephemeralOwner == ToWire(session)) {
      paths.insert(change.path);
    }
  }
  return paths;
}

uint64_t PendingChanges::digest() const {
  return changes_.empty() ? tree_.digest() : digest_;
}

// --- Changes ---

PendingChanges::Change& PendingChanges::Begin(int64_t zxid,
                                              std::string_view path,
                                              const View* before) {
  if (changes_.empty()) {
    digest_ = tree_.digest();
  }
  CHECK(changes_.empty() || changes_.back().zxid <= zxid) << zxid;
  changes_.emplace_back();
  Change& change = changes_.back();
  change.zxid = zxid;
  change.path = path;
  if (before != nullptr) {
    change.stat = before->stat();
    change.num_children = before->num_children();
    change.data_bytes = before->data_bytes();
    if (keeps_digest_) {
      change.content_crc = before->content_crc();
      change.digest_before = before->digest();
    }
    if (before->change_ != nullptr && before->change_->acl != nullptr) {
      change.acl = acls_.Intern(before->change_->acl->entries());
    }
  }
  change.path_hash = PathHash()(path);
  const auto [it, is_first] = latest_.insert(&change);
  if (!is_first) {
    change.previous = *it;
    latest_.erase(it);
    latest_.insert(&change);
  }
  return change;
}

void PendingChanges::End(Change& change) {
  if (keeps_digest_) {
    change.digest =
        change.exists
            ? tree::NodeDigest(change.path, change.content_crc, change.stat)
            : 0;
    digest_ += change.digest;
    digest_ -= change.digest_before;
  }
}

void PendingChanges::Create(int64_t zxid, std::string_view path,
                            std::string_view data,
                            const jute::StatPersisted& stat,
                            absl::Span<const jute::ACL> acl) {
  Change& change = Begin(zxid, path, nullptr);
  change.stat = stat;
  change.data_bytes = static_cast<int64_t>(data.size());
  change.acl = acls_.Intern(acl);
  if (keeps_digest_) {
    change.content_crc = tree::ContentCrc(path, data);
  }
  End(change);
}

void PendingChanges::Delete(int64_t zxid, std::string_view path) {
  ChangeParent(zxid, tree::ParentPath(path), -1, std::nullopt);
  const std::optional<View> node = Find(path);
  CHECK(node.has_value()) << path;
  Change& change = Begin(zxid, path, nullptr);
  change.exists = false;
  change.digest_before = keeps_digest_ ? node->digest() : 0;
  End(change);
}

void PendingChanges::SetData(int64_t zxid, std::string_view path,
                             const View& before, std::string_view data,
                             int32_t version, int64_t mtime_ms) {
  Change& change = Begin(zxid, path, &before);
  change.stat.version = version;
  change.stat.mzxid = zxid;
  change.stat.mtime = mtime_ms;
  change.data_bytes = static_cast<int64_t>(data.size());
  if (keeps_digest_) {
    change.content_crc = tree::ContentCrc(path, data);
  }
  End(change);
}

void PendingChanges::SetAcl(int64_t zxid, std::string_view path,
                            const View& before, absl::Span<const jute::ACL> acl,
                            int32_t aversion) {
  Change& change = Begin(zxid, path, &before);
  change.stat.aversion = aversion;
  const tree::AclList* const old = change.acl;
  change.acl = acls_.Intern(acl);
  if (old != nullptr) {
    acls_.Release(old);
  }
  End(change);
}

void PendingChanges::ChangeParent(int64_t zxid, std::string_view path,
                                  int32_t children_added,
                                  std::optional<int32_t> cversion) {
  const std::optional<View> parent = Find(path);
  CHECK(parent.has_value()) << path;
  Change& change = Begin(zxid, path, &*parent);
  change.num_children += children_added;
  change.stat.pzxid = zxid;
  if (cversion && *cversion > change.stat.cversion) {  // As the tree will
    change.stat.cversion = *cversion;
  }
  End(change);
}

void PendingChanges::Rollback(int64_t zxid) {
  while (!changes_.empty() && changes_.back().zxid == zxid) {
    Change& change = changes_.back();
    digest_ += change.digest_before;
    digest_ -= change.digest;
    latest_.erase(&change);
    if (change.previous != nullptr) {
      latest_.insert(change.previous);
    }
    if (change.acl != nullptr) {
      acls_.Release(change.acl);
    }
    changes_.pop_back();
  }
}

void PendingChanges::Forget(int64_t zxid) {
  while (!changes_.empty() && changes_.front().zxid <= zxid) {
    Change& change = changes_.front();
    const auto it = latest_.find(&change);
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

}  // namespace paddock::replica
