// A DataTree under test, and a small language to apply transactions to it.

#ifndef PADDOCK_TESTS_TREE_TREE_HARNESS_H_
#define PADDOCK_TESTS_TREE_TREE_HARNESS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jute/txn.h"
#include "tree/data_tree.h"

namespace paddock::tree {

using jute::OpCode;

inline const std::vector<jute::ACL> kOpenAcl = {{31, {"world", "anyone"}}};
inline const std::vector<jute::ACL> kReadAcl = {{1, {"world", "anyone"}}};

template <class R>
std::string Encode(const R& record) {
  std::string bytes;
  jute::Write(record, &bytes);
  return bytes;
}

// One operation: its type and its encoded record.
struct Op {
  OpCode type;
  std::string record;
};

inline Op CreateOp(std::string_view path, std::string_view data = "",
                   bool ephemeral = false, int32_t parent_cversion = -1,
                   OpCode type = OpCode::kCreate,
                   const std::vector<jute::ACL>& acl = kOpenAcl) {
  return {type,
          Encode(jute::CreateTxn{path, data, acl, ephemeral, parent_cversion})};
}
inline Op ContainerOp(std::string_view path) {
  return {OpCode::kCreateContainer,
          Encode(jute::CreateContainerTxn{path, "", kOpenAcl, -1})};
}
inline Op TtlOp(std::string_view path, int64_t ttl) {
  return {OpCode::kCreateTtl,
          Encode(jute::CreateTTLTxn{path, "", kOpenAcl, -1, ttl})};
}
inline Op DeleteOp(std::string_view path) {
  return {OpCode::kDelete, Encode(jute::DeleteTxn{path})};
}
inline Op SetOp(std::string_view path, std::string_view data, int32_t version) {
  return {OpCode::kSetData, Encode(jute::SetDataTxn{path, data, version})};
}
inline Op SetAclOp(std::string_view path, const std::vector<jute::ACL>& acl,
                   int32_t version) {
  return {OpCode::kSetAcl, Encode(jute::SetACLTxn{path, acl, version})};
}
inline Op CheckOp(std::string_view path) {
  return {OpCode::kCheck, Encode(jute::CheckVersionTxn{path, -1})};
}
inline Op ErrorOp(Error error) {
  return {OpCode::kError, Encode(jute::ErrorTxn{static_cast<int32_t>(error)})};
}
inline Op CloseOp(const std::vector<std::string_view>& paths) {
  return {OpCode::kCloseSession, Encode(jute::CloseSessionTxn{paths})};
}
inline Op MultiOp(const std::vector<Op>& ops) {
  jute::MultiTxn multi;
  for (const Op& op : ops) {
    multi.txns.push_back({static_cast<int32_t>(op.type), op.record});
  }
  return {OpCode::kMulti, Encode(multi)};
}

// A Change that outlives the call.  acl is the list's perms, for short.
struct SeenChange {
  Change::Kind kind;
  std::string path;
  int32_t perms = 0;
  int32_t parent_perms = 0;

  friend bool operator==(const SeenChange&, const SeenChange&) = default;
};

inline void PrintTo(const SeenChange& change, std::ostream* out) {
  *out << "{" << static_cast<int>(change.kind) << " " << change.path << " "
       << change.perms << " " << change.parent_perms << "}";
}

class TreeHarness {
 public:
  explicit TreeHarness(const TreeOptions& options = {}) : tree_(options) {}

  // Applies `op` with the next zxid; its results and changes replace those of
  // the call before.  The time in ms is 1000 times the zxid.
  void Apply(Op op, int64_t session = 7) {
    ++zxid_;
    ApplyAt(zxid_, std::move(op), session);
  }

  void ApplyAt(int64_t zxid, Op op, int64_t session = 7) {
    ASSERT_TRUE(TryApply(zxid, std::move(op), session));
    tree_.CheckInvariants();
  }

  bool TryApply(int64_t zxid, Op op, int64_t session = 7) {
    results_.clear();
    changes_.clear();
    record_ = std::move(op.record);
    const jute::TxnHeader header{session, 1, zxid, zxid * 1000,
                                 static_cast<int32_t>(op.type)};
    return tree_.Apply(header, record_, &results_, [&](const Change& change) {
      const auto perms = [](const AclList* acl) {
        if (acl == nullptr) {
          return -1;
        }
        return acl->entries().empty() ? 0 : acl->entries()[0].perms;
      };
      changes_.push_back({change.kind, std::string(change.path),
                          perms(change.acl), perms(change.parent_acl)});
    });
  }

  // The error of the only operation of the latest transaction.
  Error error() const {
    EXPECT_EQ(results_.size(), 1u);
    return results_.at(0).error;
  }

  const Znode& Node(std::string_view path) const {
    const Znode* node = tree_.Find(path);
    EXPECT_NE(node, nullptr) << path;
    return *node;
  }
  jute::Stat Stat(std::string_view path) const {
    return tree_.StatOf(Node(path));
  }

  std::vector<std::string> Children(std::string_view path) const {
    std::vector<std::string> names;
    for (const Znode* child = Node(path).first_child(); child != nullptr;
         child = child->next_sibling()) {
      names.emplace_back(child->name());
    }
    return names;
  }

  int64_t zxid() const { return zxid_; }
  const DataTree& tree() const { return tree_; }
  DataTree& tree() { return tree_; }
  const std::vector<OpResult>& results() const { return results_; }
  const std::vector<SeenChange>& changes() const { return changes_; }

 private:
  DataTree tree_;
  int64_t zxid_ = 0;
  std::string record_;
  std::vector<OpResult> results_;
  std::vector<SeenChange> changes_;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TESTS_TREE_TREE_HARNESS_H_
