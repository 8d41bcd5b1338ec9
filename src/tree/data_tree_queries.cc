// The side of DataTree that changes nothing.

#include "absl/container/flat_hash_set.h"
#include "base/check.h"
#include "tree/data_tree.h"
#include "tree/digest.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

constexpr uint64_t kTtlMark = 0xff;  // In the top byte of an owner
constexpr uint64_t kTtlMask = 0xff'ffff'ffff;

}  // namespace

const Znode* DataTree::Find(std::string_view path) const {
  return nodes_.Find(path).value_or(nullptr);
}

jute::Stat DataTree::StatOf(const Znode& node) const {
  const jute::StatPersisted stat = node.stat();
  // Wraps around like Java's int.
  const uint32_t cversion = 2 * static_cast<uint32_t>(stat.cversion) -
                            static_cast<uint32_t>(node.num_children());
  return {.czxid = stat.czxid,
          .mzxid = stat.mzxid,
          .ctime = stat.ctime,
          .mtime = stat.mtime,
          .version = stat.version,
          .cversion = static_cast<int32_t>(cversion),
          .aversion = stat.aversion,
          .ephemeralOwner =
              IsSession(stat.ephemeralOwner) ? stat.ephemeralOwner : 0,
          .dataLength = static_cast<int32_t>(node.data_size_),
          .numChildren = node.num_children(),
          .pzxid = stat.pzxid};
}

const DataTree::NodeSet* DataTree::EphemeralsOf(SessionId session) const {
  const auto it = ephemerals_.find(ToWire(session));
  return it == ephemerals_.end() ? nullptr : &it->second;
}

std::optional<int64_t> DataTree::TtlOf(int64_t ephemeral_owner) const {
  if (!options_.extended_types || ephemeral_owner >= 0) {
    return std::nullopt;
  }
  const auto owner = static_cast<uint64_t>(ephemeral_owner);
  const bool is_ttl = options_.emulate_353_ttl
                          ? ephemeral_owner != kContainerOwner
                          : owner >> 40 == kTtlMark << 16;
  return is_ttl ? std::optional(static_cast<int64_t>(owner & kTtlMask))
                : std::nullopt;
}

bool DataTree::IsSession(int64_t ephemeral_owner) const {
  return ephemeral_owner != 0 && ephemeral_owner != kContainerOwner &&
         !TtlOf(ephemeral_owner);
}

int64_t DataTree::CountDescendants(const Znode& node) const {
  if (node.parent_ == nullptr) {
    return static_cast<int64_t>(nodes_.size()) - 1;
  }
  int64_t count = 0;
  ForEachBelow(node, [&](const Znode&) { ++count; });
  return count - 1;
}

int64_t DataTree::node_count() const {
  return static_cast<int64_t>(nodes_.size()) + 1;
}

void DataTree::ForEach(absl::FunctionRef<void(const Znode&)> visit) const {
  ForEachBelow(*Find("/"), visit);
}

void DataTree::ForEachBelow(const Znode& top,
                            absl::FunctionRef<void(const Znode&)> visit) {
  const Znode* node = &top;
  while (true) {
    visit(*node);
    if (node->first_child() != nullptr) {
      node = node->first_child();
      continue;
    }
    while (node != &top && node->next_sibling_ == nullptr) {
      node = node->parent_;
    }
    if (node == &top) {
      return;
    }
    node = node->next_sibling_;
  }
}

void DataTree::CheckInvariants() const {
  size_t nodes = 0;
  size_t limits = 0;
  size_t in_sets = 0;
  int64_t ephemerals = 0;
  int64_t bytes = 0;
  size_t data_bytes = 0;
  size_t memory_bytes = 0;
  uint64_t digest = 0;
  absl::flat_hash_set<const AclList*> acls;
  ForEach([&](const Znode& node) {
    CheckNode(node);
    const bool is_ephemeral = IsSession(node.ephemeral_owner_);
    ++nodes;
    in_sets += node.ephemeral_owner_ != 0 ? 1 : 0;
    ephemerals += is_ephemeral ? 1 : 0;
    bytes += static_cast<int64_t>(node.path().size() + node.data().size());
    data_bytes += node.data().size();
    memory_bytes += node.memory_bytes();
    digest += node.digest_;
    acls.insert(node.acl_);
    const std::string_view quota = QuotaLimitedBy(node.path());
    limits += quota.empty() ? 0 : 1;
    CHECK(quota.empty() || quotas_.contains(quota)) << quota;
  });
  CHECK_EQ(nodes, nodes_.size());
  CHECK_EQ(acls.size(), acls_.size());
  CHECK_EQ(limits, quotas_.size());
  CHECK_EQ(ephemerals, ephemeral_count_);
  CHECK_EQ(bytes, path_and_data_bytes_);
  CHECK_EQ(data_bytes, data_bytes_);
  CHECK_EQ(memory_bytes, memory_bytes_);
  CHECK_EQ(digest, digest_);

  size_t set_members = containers_.size() + ttl_nodes_.size();
  for (const auto& [session, set] : ephemerals_) {
    CHECK(!set.empty()) << "session " << session;
    set_members += set.size();
  }
  CHECK_EQ(set_members, in_sets);
}

// What can be said of one node and its neighbours.
void DataTree::CheckNode(const Znode& node) const {
  CHECK(Find(node.path()) == &node) << node.path();
  if (node.path() == "/") {
    CHECK(node.parent_ == nullptr);
  } else {
    CHECK(node.parent_ == Find(ParentPath(node.path()))) << node.path();
  }
  int32_t children = 0;
  const Znode* previous = nullptr;
  for (const Znode* child = node.first_child(); child != nullptr;
       child = child->next_sibling_) {
    CHECK(child->parent_ == &node && child->previous_sibling_ == previous);
    previous = child;
    ++children;
  }
  CHECK((node.family_ ? node.family_->last : nullptr) == previous);
  CHECK_EQ(node.num_children(), children) << node.path();

  const int64_t owner = node.ephemeral_owner_;
  if (IsSession(owner)) {
    CHECK(ephemerals_.at(owner).contains(&node)) << node.path();
  }
  CHECK_EQ(containers_.contains(&node), owner == kContainerOwner);
  CHECK_EQ(ttl_nodes_.contains(&node), TtlOf(owner).has_value());
  CHECK_EQ(node.digest_, options_.digest
                             ? NodeDigest(node.path(), node.data(), node.stat())
                             : 0);
}

}  // namespace paddock::tree
