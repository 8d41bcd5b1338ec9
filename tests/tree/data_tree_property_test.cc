// Random transactions, zxids that go back included, applied to a DataTree and
// to a TreeModel, which are compared in full after each.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "tree/tree_harness.h"
#include "tree/tree_model.h"

namespace paddock::tree {
namespace {

constexpr int64_t kTtlOwner = static_cast<int64_t>(0xff00000000000005u);

std::vector<jute::ACL> World(int32_t perms) {
  return {{perms, {"world", "anyone"}}};
}

class DataTreePropertyTest : public testing::TestWithParam<uint64_t> {
 protected:
  std::string RandomPath() {
    std::string path;
    if (random_.Chance(1, 4)) {
      path = kQuotaPath;
    }
    for (uint64_t depth = 1 + random_.Below(3); depth > 0; --depth) {
      path += random_.Chance(1, 2) ? "/a" : "/b";
    }
    if (path.starts_with(kQuotaPath) && random_.Chance(2, 3)) {
      path = std::string(ParentPath(path)) + "/" +
             std::string(random_.Chance(1, 2) ? kLimitsName : kStatsName);
    }
    return path;
  }

  std::optional<std::string> RandomData() {
    switch (random_.Below(5)) {
      case 0:
        return std::nullopt;
      case 1:
        return "";
      case 2:
        return "count=" + std::to_string(random_.Below(9));
      default:
        return std::string(random_.Below(40), 'x');
    }
  }

  int32_t RandomCversion(const std::string& path) {
    const auto it = model_.nodes().find(std::string(ParentPath(path)));
    if (it == model_.nodes().end() || random_.Chance(1, 3)) {
      return -1;
    }
    return it->second.stat.cversion + 2 -
           static_cast<int32_t>(random_.Below(4));
  }

  // Makes an operation, and applies it to the model.
  Op Create(const std::string& path, int64_t session, Error* error) {
    const std::optional<std::string> data = RandomData();
    const int32_t cversion = RandomCversion(path);
    const int32_t perms = random_.Chance(1, 3) ? 1 : 31;
    const std::string_view bytes = data ? *data : jute::kNull;
    switch (random_.Below(6)) {
      case 0:
        *error = model_.Create(path, data, kContainerOwner, cversion, perms);
        return {OpCode::kCreateContainer,
                Encode(jute::CreateContainerTxn{path, bytes, World(perms),
                                                cversion})};
      case 1:
        *error = model_.Create(path, data, kTtlOwner, cversion, perms);
        return {
            OpCode::kCreateTtl,
            Encode(jute::CreateTTLTxn{path, bytes, World(perms), cversion, 5})};
      default: {
        const bool ephemeral = random_.Chance(1, 3);
        *error =
            model_.Create(path, data, ephemeral ? session : 0, cversion, perms);
        return CreateOp(
            path, bytes, ephemeral, cversion,
            random_.Chance(1, 2) ? OpCode::kCreate : OpCode::kCreate2,
            World(perms));
      }
    }
  }

  Op SimpleOperation(int64_t session, Error* error) {
    const std::string path = RandomPath();
    const auto version = static_cast<int32_t>(random_.Below(100));
    const uint64_t choice = random_.Below(10);
    if (choice < 6) {
      return Create(path, session, error);
    }
    if (choice < 8) {
      const std::optional<std::string> data = RandomData();
      *error = model_.SetData(path, data, version);
      return SetOp(path, data ? *data : jute::kNull, version);
    }
    *error = model_.Delete(path);
    return DeleteOp(path);
  }

  Op RandomMulti(int64_t session, std::vector<Error>* errors) {
    std::vector<Op> ops;
    if (random_.Chance(1, 4)) {
      *errors = {Error::kOk, Error::kBadVersion, Error::kRuntimeInconsistency};
      return MultiOp({DeleteOp(RandomPath()), ErrorOp(Error::kBadVersion),
                      DeleteOp(RandomPath())});
    }
    for (uint64_t i = random_.Below(5); i > 0; --i) {
      ops.push_back(SimpleOperation(session, &errors->emplace_back()));
    }
    return MultiOp(ops);
  }

  Op RandomTxn(int64_t session, std::vector<Error>* errors) {
    const uint64_t choice = random_.Below(100);
    if (choice < 10) {
      return RandomMulti(session, errors);
    }
    if (choice < 15) {
      const std::string path = RandomPath();
      const auto perms = static_cast<int32_t>(1 + random_.Below(31));
      errors->push_back(model_.SetAcl(path, perms, 3));
      return SetAclOp(path, World(perms), 3);
    }
    if (choice < 20) {
      const std::string stranger = RandomPath();
      std::vector<std::string> paths = model_.OwnedBy(session);
      if (!paths.empty() && random_.Chance(1, 2)) {
        paths.pop_back();
        paths.push_back(stranger);
      }
      model_.CloseSession(session, paths);
      errors->push_back(Error::kOk);
      return CloseOp({paths.begin(), paths.end()});
    }
    return SimpleOperation(session, &errors->emplace_back());
  }

  void Step() {
    const auto session = static_cast<int64_t>(1 + random_.Below(3));
    zxid_ += random_.Chance(1, 10) ? -2 : 1;
    model_.Begin(zxid_);
    std::vector<Error> errors;
    harness_.ApplyAt(zxid_, RandomTxn(session, &errors), session);
    ASSERT_EQ(harness_.results().size(), errors.size());
    for (size_t i = 0; i < errors.size(); ++i) {
      EXPECT_EQ(harness_.results()[i].error, errors[i]);
    }
    EXPECT_EQ(harness_.changes(), model_.changes());
  }

  void CompareNode(const std::string& path, const TreeModel::Node& expected) {
    const Znode& node = harness_.Node(path);
    EXPECT_EQ(node.data(), expected.data.value_or(""));
    EXPECT_EQ(jute::IsNull(node.data()), !expected.data.has_value());
    EXPECT_EQ(node.stat(), expected.stat);
    EXPECT_EQ(node.acl().entries(), World(expected.perms));
    const std::vector<std::string> children = model_.ChildrenOf(path);
    EXPECT_EQ(harness_.Children(path), children);

    const jute::Stat stat = harness_.Stat(path);
    const auto child_count = static_cast<int32_t>(children.size());
    const int64_t owner = expected.stat.ephemeralOwner;
    EXPECT_EQ(stat.numChildren, child_count);
    EXPECT_EQ(stat.cversion, 2 * expected.stat.cversion - child_count);
    EXPECT_EQ(stat.ephemeralOwner, owner > 0 ? owner : 0);
  }

  static std::vector<std::string> Paths(const DataTree::NodeSet* set) {
    std::vector<std::string> paths;
    if (set != nullptr) {
      for (const Znode* node : *set) {
        paths.emplace_back(node->path());
      }
    }
    return paths;
  }

  void Compare() {
    const DataTree& tree = harness_.tree();
    for (const auto& [path, node] : model_.nodes()) {
      SCOPED_TRACE(path);
      CompareNode(path, node);
    }
    EXPECT_EQ(tree.node_count(),
              static_cast<int64_t>(model_.nodes().size()) + 1);
    EXPECT_EQ(tree.digest(), model_.Digest());
    EXPECT_EQ(tree.approximate_data_bytes(), model_.Bytes());
    EXPECT_EQ(tree.last_zxid(), model_.last_zxid());
    EXPECT_EQ(Paths(&tree.containers()), model_.OwnedBy(kContainerOwner));
    EXPECT_EQ(Paths(&tree.ttl_nodes()), model_.OwnedBy(kTtlOwner));
    for (int64_t session = 1; session <= 3; ++session) {
      EXPECT_EQ(Paths(tree.EphemeralsOf(SessionId{session})),
                model_.OwnedBy(session));
    }
    const std::string path = RandomPath();
    const std::optional<QuotaState> quota = tree.QuotaFor(path);
    if (quota) {
      EXPECT_EQ(quota->path, model_.DeepestQuota(path));
    }
  }

  Random random_{GetParam()};
  TreeHarness harness_{{.extended_types = true}};
  TreeModel model_;
  int64_t zxid_ = 0;
};

TEST_P(DataTreePropertyTest, BehavesLikeTheModel) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  for (int step = 0; step < 1000 && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Step();
    Compare();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DataTreePropertyTest,
                         testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace paddock::tree
