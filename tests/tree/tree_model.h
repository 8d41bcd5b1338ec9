// TreeModel is what a DataTree must be equal to, written for being obvious: a
// map of paths, searched whenever something is asked (zab-and-disk.md 5.3,
// client-protocol.md chapter 8).

#ifndef PADDOCK_TESTS_TREE_TREE_MODEL_H_
#define PADDOCK_TESTS_TREE_TREE_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tree/digest.h"
#include "tree/path.h"
#include "tree/quotas.h"
#include "tree/tree_harness.h"

namespace paddock::tree {

class TreeModel {
 public:
  struct Node {
    std::optional<std::string> data;  // Nullopt: null
    jute::StatPersisted stat;
    int32_t perms = 31;      // Of world:anyone, the only entry
    int64_t created_as = 0;  // Orders siblings
  };

  TreeModel() {
    AddReserved("/");
    AddReserved("/zookeeper");
    AddReserved("/zookeeper/quota");
    AddReserved("/zookeeper/config");
    nodes_["/zookeeper/config"].perms = 1;
    nodes_["/zookeeper/config"].stat.aversion = -1;
  }

  // A transaction: the zxid, and the time as TreeHarness makes it.
  void Begin(int64_t zxid) {
    zxid_ = zxid;
    last_zxid_ = std::max(last_zxid_, zxid);
    changes_.clear();
  }

  Error Create(const std::string& path, std::optional<std::string> data,
               int64_t owner, int32_t parent_cversion, int32_t perms) {
    const std::string above(ParentPath(path));
    if (!nodes_.contains(above)) {
      return Error::kNoNode;
    }
    jute::StatPersisted& parent = nodes_[above].stat;
    const int64_t cversion =
        parent_cversion == -1 ? int64_t{parent.cversion} + 1 : parent_cversion;
    if (cversion > parent.cversion) {
      parent.cversion = static_cast<int32_t>(cversion);
      parent.pzxid = zxid_;
    }
    if (nodes_.contains(path)) {
      nodes_[path].perms = perms;
      return Error::kNodeExists;
    }
    Node node{data, {}, perms, ++creations_};
    node.stat.czxid = node.stat.mzxid = node.stat.pzxid = zxid_;
    node.stat.ctime = node.stat.mtime = zxid_ * 1000;
    node.stat.ephemeralOwner = owner;
    nodes_[path] = node;
    if (BaseName(path) == kStatsName && IsQuotaNode(path)) {
      Recount(path);
    }
    Account(path, 1, static_cast<int64_t>(data.value_or("").size()));
    changes_.push_back(
        {Change::Kind::kCreated, path, perms, nodes_[above].perms});
    return Error::kOk;
  }

  Error Delete(const std::string& path) {
    const std::string above(ParentPath(path));
    if (!nodes_.contains(above)) {
      return Error::kNoNode;
    }
    jute::StatPersisted& parent = nodes_[above].stat;
    parent.pzxid = std::max(parent.pzxid, zxid_);
    if (!nodes_.contains(path)) {
      return Error::kNoNode;
    }
    RemoveSubtree(path);
    return Error::kOk;
  }

  Error SetData(const std::string& path, std::optional<std::string> data,
                int32_t version) {
    if (!nodes_.contains(path)) {
      return Error::kNoNode;
    }
    Node& node = nodes_[path];
    const auto before = static_cast<int64_t>(node.data.value_or("").size());
    node.data = data;
    node.stat.mzxid = zxid_;
    node.stat.mtime = zxid_ * 1000;
    node.stat.version = version;
    Account(path, 0, static_cast<int64_t>(data.value_or("").size()) - before);
    changes_.push_back({Change::Kind::kDataChanged, path, node.perms, -1});
    return Error::kOk;
  }

  Error SetAcl(const std::string& path, int32_t perms, int32_t aversion) {
    if (!nodes_.contains(path)) {
      return Error::kNoNode;
    }
    nodes_[path].perms = perms;
    nodes_[path].stat.aversion = aversion;
    return Error::kOk;
  }

  void CloseSession(int64_t session, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      Delete(path);
    }
    for (bool found = true; found;) {
      found = false;
      for (const auto& [path, node] : nodes_) {
        if (node.stat.ephemeralOwner == session) {
          found = true;
          Delete(std::string(path));
          break;
        }
      }
    }
  }

  std::vector<std::string> ChildrenOf(const std::string& path) const {
    std::map<int64_t, std::string> by_age;
    for (const auto& [child, node] : nodes_) {
      if (child != "/" && ParentPath(child) == path) {
        by_age[node.created_as] = std::string(BaseName(child));
      }
    }
    std::vector<std::string> names;
    for (const auto& [age, name] : by_age) {
      names.push_back(name);
    }
    return names;
  }

  uint64_t Digest() const {
    uint64_t digest = 0;
    for (const auto& [path, node] : nodes_) {
      digest += NodeDigest(path, node.data.value_or(""), node.stat);
    }
    return digest;
  }

  int64_t Bytes() const {
    size_t bytes = 0;
    for (const auto& [path, node] : nodes_) {
      bytes += path.size() + node.data.value_or("").size();
    }
    return static_cast<int64_t>(bytes);
  }

  // The paths whose raw owner is `owner`.
  std::vector<std::string> OwnedBy(int64_t owner) const {
    std::vector<std::string> paths;
    for (const auto& [path, node] : nodes_) {
      if (node.stat.ephemeralOwner == owner) {
        paths.push_back(path);
      }
    }
    return paths;
  }

  std::string DeepestQuota(const std::string& path) const {
    std::string deepest;
    for (const auto& [at, node] : nodes_) {
      if (BaseName(at) == kLimitsName && IsQuotaNode(at)) {
        const std::string quota(ParentPath(at).substr(kQuotaPath.size()));
        if (!quota.empty() && IsAtOrBelow(path, quota) &&
            quota.size() > deepest.size()) {
          deepest = quota;
        }
      }
    }
    return deepest;
  }

  const std::map<std::string, Node>& nodes() const { return nodes_; }
  const std::vector<SeenChange>& changes() const { return changes_; }
  int64_t last_zxid() const { return last_zxid_; }

 private:
  void AddReserved(const std::string& path) {
    nodes_[path] = {"", {}, 31, ++creations_};
  }

  static bool IsQuotaNode(const std::string& path) {
    return path.starts_with(std::string(kQuotaPath) + "/");
  }

  // Descendants first, the youngest first.
  void RemoveSubtree(const std::string& path) {
    std::vector<std::string> names = ChildrenOf(path);
    std::reverse(names.begin(), names.end());
    for (const std::string& name : names) {
      RemoveSubtree(path + "/" + name);
    }
    const Node node = nodes_[path];
    nodes_.erase(path);
    Account(path, -1, -static_cast<int64_t>(node.data.value_or("").size()));
    changes_.push_back({Change::Kind::kDeleted, path, node.perms,
                        nodes_[std::string(ParentPath(path))].perms});
  }

  void Account(const std::string& path, int64_t count, int64_t bytes) {
    const std::string quota = DeepestQuota(path);
    const std::string stats =
        std::string(kQuotaPath) + quota + "/" + std::string(kStatsName);
    if (quota.empty() || !nodes_.contains(stats) ||
        (count == 0 && bytes == 0)) {
      return;
    }
    if (auto usage = ParseQuota(nodes_[stats].data.value_or(""))) {
      usage->count += count;
      usage->bytes += bytes;
      nodes_[stats].data = FormatQuota(*usage);
    }
  }

  void Recount(const std::string& stats) {
    const std::string quota(ParentPath(stats).substr(kQuotaPath.size()));
    QuotaText usage{.count = 0, .bytes = 0};
    for (const auto& [path, node] : nodes_) {
      if (quota.empty() || IsAtOrBelow(path, quota)) {
        usage.count += 1;
        usage.bytes += static_cast<int64_t>(node.data.value_or("").size());
      }
    }
    nodes_[stats].data = FormatQuota(usage);
  }

  std::map<std::string, Node> nodes_;
  std::vector<SeenChange> changes_;
  int64_t creations_ = 0;
  int64_t zxid_ = 0;
  int64_t last_zxid_ = 0;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TESTS_TREE_TREE_MODEL_H_
