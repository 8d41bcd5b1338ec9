#include "tree/data_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tree/path.h"
#include "tree/tree_harness.h"

namespace paddock::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Change::Kind;

class DataTreeTest : public testing::Test, protected TreeHarness {};

TEST_F(DataTreeTest, FreshTreeHasTheReservedNodes) {
  tree().CheckInvariants();
  EXPECT_EQ(tree().node_count(), 5);
  EXPECT_EQ(tree().approximate_data_bytes(), 44);
  EXPECT_THAT(Children("/"), ElementsAre("zookeeper"));
  EXPECT_THAT(Children(kZooKeeperPath), ElementsAre("quota", "config"));
  EXPECT_EQ(Stat("/"), (jute::Stat{.cversion = -1, .numChildren = 1}));
  EXPECT_EQ(Stat(kZooKeeperPath),
            (jute::Stat{.cversion = -2, .numChildren = 2}));
  EXPECT_EQ(Stat(kConfigPath), (jute::Stat{.aversion = -1}));
  EXPECT_EQ(Node(kConfigPath).acl().entries(), kReadAcl);
  EXPECT_EQ(Node("/").acl().entries(), kOpenAcl);
  EXPECT_FALSE(jute::IsNull(Node(kConfigPath).data()));
  EXPECT_EQ(tree().CountDescendants(Node("/")), 3);
  EXPECT_EQ(tree().Find(""), nullptr);
}

// Zab-and-disk.md 5.5.
TEST_F(DataTreeTest, DigestMatchesGoldenValues) {
  EXPECT_EQ(tree().digest(), 0x51c6d660u);
  DataTree golden{TreeOptions{}};
  const Op op = CreateOp("/a1795190366", "x", false, 1);
  std::vector<OpResult> results;
  ASSERT_TRUE(golden.Apply({0, 0, 0x100000002, 0x1a1f9af22ef, 1}, op.record,
                           &results, [](const Change&) {}));
  EXPECT_EQ(golden.digest(), 0x1be2124c6u);
}

TEST_F(DataTreeTest, CreateSetsTheStats) {
  Apply(CreateOp("/a", "abc"));
  const jute::Stat stat{.czxid = 1,
                        .mzxid = 1,
                        .ctime = 1000,
                        .mtime = 1000,
                        .dataLength = 3,
                        .pzxid = 1};
  EXPECT_EQ(error(), Error::kOk);
  EXPECT_EQ(results()[0].type, OpCode::kCreate);
  EXPECT_EQ(results()[0].path, "/a");
  EXPECT_EQ(results()[0].stat, stat);
  EXPECT_EQ(Stat("/a"), stat);
  EXPECT_EQ(Stat("/"),
            (jute::Stat{.cversion = 0, .numChildren = 2, .pzxid = 1}));
  EXPECT_THAT(changes(), ElementsAre(SeenChange{Kind::kCreated, "/a", 31, 31}));
  EXPECT_EQ(tree().last_zxid(), 1);
}

TEST_F(DataTreeTest, NullAndEmptyDataDiffer) {
  Apply(CreateOp("/null", jute::kNull));
  Apply(CreateOp("/empty", ""));
  EXPECT_TRUE(jute::IsNull(Node("/null").data()));
  EXPECT_FALSE(jute::IsNull(Node("/empty").data()));
  Apply(SetOp("/null", "", 1));
  Apply(SetOp("/empty", jute::kNull, 1));
  EXPECT_FALSE(jute::IsNull(Node("/null").data()));
  EXPECT_TRUE(jute::IsNull(Node("/empty").data()));
}

// Enough that it does something; of it nothing can be seen.
TEST_F(DataTreeTest, PrefetchChangesNothing) {
  constexpr int kNodes = 20'000;
  DataTree large{TreeOptions{}};
  std::vector<OpResult> results;
  for (int i = 1; i <= kNodes; ++i) {
    const Op op = CreateOp("/n" + std::to_string(i), "x", false, i);
    ASSERT_TRUE(large.Apply({0, 0, i, 1000, 1}, op.record, &results,
                            [](const Change&) {}));
  }
  const uint64_t digest = large.digest();
  large.Prefetch({});
  for (int i = 0; i < 2 * kNodes; i += 40) {  // Half of them are there
    std::vector<std::string> paths;
    for (int k = 0; k < 40; ++k) {
      paths.push_back("/n" + std::to_string(i + k));
    }
    const std::vector<std::string_view> views(paths.begin(), paths.end());
    large.Prefetch(views);
  }
  EXPECT_EQ(large.digest(), digest);
  large.CheckInvariants();
}

TEST_F(DataTreeTest, CreateWithoutParentIsNoNode) {
  Apply(CreateOp("/a/b"));
  EXPECT_EQ(error(), Error::kNoNode);
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(tree().last_zxid(), 1);
}

// Zab-and-disk.md 5.3: the ACL is that of the replayed create, and the parent
// catches up.
TEST_F(DataTreeTest, CreateOfAnExistingNodeRepairsAclAndParent) {
  Apply(CreateOp("/a", "1", false, 1));
  Apply(CreateOp("/a", "2", false, 5, OpCode::kCreate, kReadAcl));
  EXPECT_EQ(error(), Error::kNodeExists);
  EXPECT_EQ(Node("/a").data(), "1");
  EXPECT_EQ(Node("/a").acl().entries(), kReadAcl);
  EXPECT_EQ(Node("/").stat().cversion, 5);
  EXPECT_EQ(Node("/").stat().pzxid, 2);
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(DataTreeTest, CversionAndPzxidNeverGoBack) {
  Apply(CreateOp("/a", "", false, 5));
  Apply(CreateOp("/b", "", false, 3));
  EXPECT_EQ(Node("/").stat().cversion, 5);
  EXPECT_EQ(Node("/").stat().pzxid, 1);
  Apply(CreateOp("/c", "", false, -1));
  EXPECT_EQ(Node("/").stat().cversion, 6);
  EXPECT_EQ(Node("/").stat().pzxid, 3);
  ApplyAt(2, DeleteOp("/a"));
  EXPECT_EQ(Node("/").stat().pzxid, 3);
  EXPECT_EQ(tree().last_zxid(), 3);
}

TEST_F(DataTreeTest, CversionStaysAtItsMaximum) {
  Apply(CreateOp("/a", "", false, 2147483647));
  Apply(CreateOp("/b", "", false, -2147483647 - 1));
  Apply(CreateOp("/c", "", false, -1));
  EXPECT_EQ(Node("/").stat().cversion, 2147483647);
  EXPECT_EQ(Node("/").stat().pzxid, 1);
}

// Client-protocol.md chapter 17.
TEST_F(DataTreeTest, WireCversionCountsCreatesAndDeletes) {
  Apply(CreateOp("/x"));
  for (char c = 'a'; c < 'a' + 14; ++c) {
    Apply(CreateOp(std::string("/x/") + c));
  }
  for (const char* path : {"/x/c", "/x/a", "/x/n"}) {
    Apply(DeleteOp(path));
  }
  EXPECT_EQ(Stat("/x").cversion, 17);
  EXPECT_EQ(Stat("/x").numChildren, 11);
  EXPECT_EQ(Stat("/x").pzxid, zxid());
  EXPECT_THAT(Children("/x"), ElementsAre("b", "d", "e", "f", "g", "h", "i",
                                          "j", "k", "l", "m"));
}

TEST_F(DataTreeTest, DeleteReportsTheAclOfTheDeletedNode) {
  Apply(CreateOp("/a", "", false, -1, OpCode::kCreate, kReadAcl));
  Apply(DeleteOp("/a"));
  EXPECT_EQ(tree().Find("/a"), nullptr);
  EXPECT_THAT(changes(), ElementsAre(SeenChange{Kind::kDeleted, "/a", 1, 31}));
  EXPECT_EQ(Node("/").stat().pzxid, 2);
}

TEST_F(DataTreeTest, DeleteOfAMissingNodeStillMovesPzxid) {
  Apply(DeleteOp("/a"));
  EXPECT_EQ(error(), Error::kNoNode);
  EXPECT_EQ(Node("/").stat().pzxid, 1);
  Apply(DeleteOp("/a/b"));
  EXPECT_EQ(error(), Error::kNoNode);
}

// A fuzzy snapshot may hold children that later transactions create again.
TEST_F(DataTreeTest, DeleteTakesTheDescendantsAlong) {
  for (const char* path : {"/a", "/a/b", "/a/b/c", "/a/d"}) {
    Apply(CreateOp(path, "x", std::string_view(path) == "/a/d"));
  }
  Apply(DeleteOp("/a"));
  EXPECT_EQ(error(), Error::kOk);
  EXPECT_EQ(tree().node_count(), 5);
  EXPECT_EQ(tree().ephemeral_count(), 0);
}

TEST_F(DataTreeTest, SetDataTakesTheVersionOfTheTransaction) {
  Apply(CreateOp("/a", "abc"));
  Apply(SetOp("/a", "xyz", 9));
  EXPECT_EQ(Node("/a").data(), "xyz");
  EXPECT_EQ(results()[0].stat, (jute::Stat{.czxid = 1,
                                           .mzxid = 2,
                                           .ctime = 1000,
                                           .mtime = 2000,
                                           .version = 9,
                                           .dataLength = 3,
                                           .pzxid = 1}));
  EXPECT_THAT(changes(),
              ElementsAre(SeenChange{Kind::kDataChanged, "/a", 31, -1}));
  Apply(SetOp("/b", "xyz", 9));
  EXPECT_EQ(error(), Error::kNoNode);
}

TEST_F(DataTreeTest, ReconfigSetsTheConfigNode) {
  Apply({OpCode::kReconfig, SetOp(kConfigPath, "version=1", -1).record});
  EXPECT_EQ(error(), Error::kOk);
  EXPECT_EQ(results()[0].type, OpCode::kReconfig);
  EXPECT_EQ(Stat(kConfigPath).version, -1);
  EXPECT_THAT(changes(),
              ElementsAre(SeenChange{Kind::kDataChanged,
                                     std::string(kConfigPath), 1, -1}));
}

TEST_F(DataTreeTest, SetAclChangesAversionOnly) {
  Apply(CreateOp("/a"));
  const jute::Stat before = Stat("/a");
  Apply(SetAclOp("/a", kReadAcl, 4));
  jute::Stat after = before;
  after.aversion = 4;
  EXPECT_EQ(results()[0].stat, after);
  EXPECT_EQ(Node("/a").acl().entries(), kReadAcl);
  EXPECT_THAT(changes(), IsEmpty());
  Apply(SetAclOp("/b", kReadAcl, 4));
  EXPECT_EQ(error(), Error::kNoNode);
}

TEST_F(DataTreeTest, AclListsAreShared) {
  EXPECT_EQ(tree().acl_count(), 2u);
  const std::vector<jute::ACL> mine = {{31, {"digest", "a:b"}}};
  Apply(CreateOp("/a", "", false, -1, OpCode::kCreate, mine));
  Apply(CreateOp("/b", "", false, -1, OpCode::kCreate2, mine));
  EXPECT_EQ(tree().acl_count(), 3u);
  EXPECT_EQ(&Node("/a").acl(), &Node("/b").acl());
  Apply(DeleteOp("/a"));
  Apply(SetAclOp("/b", kOpenAcl, 1));
  EXPECT_EQ(tree().acl_count(), 2u);
}

TEST_F(DataTreeTest, EphemeralsBelongToTheirSession) {
  Apply(CreateOp("/b", "", true), 7);
  Apply(CreateOp("/a", "", true), 7);
  Apply(CreateOp("/c", "", true), 8);
  EXPECT_EQ(Stat("/a").ephemeralOwner, 7);
  EXPECT_EQ(tree().ephemeral_count(), 3);
  ASSERT_NE(tree().EphemeralsOf(SessionId{7}), nullptr);
  std::vector<std::string> paths;
  for (const Znode* node : *tree().EphemeralsOf(SessionId{7})) {
    paths.emplace_back(node->path());
  }
  EXPECT_THAT(paths, ElementsAre("/a", "/b"));
  Apply(DeleteOp("/c"));
  EXPECT_EQ(tree().EphemeralsOf(SessionId{8}), nullptr);
  EXPECT_EQ(tree().ephemeral_count(), 2);
}

// First the paths of the transaction in its order, then the others, sorted.
TEST_F(DataTreeTest, CloseSessionDeletesTheEphemerals) {
  for (const char* path : {"/d", "/a", "/c", "/b"}) {
    Apply(CreateOp(path, "", true), 7);
  }
  Apply(CreateOp("/other", "", true), 8);
  Apply(CloseOp({"/c", "/missing"}), 7);
  EXPECT_EQ(error(), Error::kOk);
  EXPECT_EQ(results()[0].type, OpCode::kCloseSession);
  std::vector<std::string> deleted;
  for (const SeenChange& change : changes()) {
    EXPECT_EQ(change.kind, Kind::kDeleted);
    deleted.push_back(change.path);
  }
  EXPECT_THAT(deleted, ElementsAre("/c", "/a", "/b", "/d"));
  EXPECT_EQ(tree().ephemeral_count(), 1);
  EXPECT_EQ(tree().ephemerals().size(), 1u);
  EXPECT_EQ(Node("/").stat().pzxid, zxid());
}

TEST_F(DataTreeTest, OldCloseSessionHasNoRecord) {
  Apply(CreateOp("/a", "", true));
  Apply({OpCode::kCloseSession, ""});
  EXPECT_EQ(tree().Find("/a"), nullptr);
}

// Java with closeSessionTxn.enabled=false (zab-and-disk.md 5.2).
TEST_F(DataTreeTest, CloseSessionMayHaveADigestOnly) {
  Apply(CreateOp("/a", "", true));
  Apply({OpCode::kCloseSession, Encode(jute::TxnDigest{2, 1})});
  EXPECT_EQ(tree().Find("/a"), nullptr);
}

TEST_F(DataTreeTest, ContainersAreMasked) {
  Apply(ContainerOp("/c"));
  EXPECT_EQ(Node("/c").stat().ephemeralOwner, kContainerOwner);
  EXPECT_EQ(Stat("/c").ephemeralOwner, 0);
  EXPECT_EQ(tree().containers().size(), 1u);
  EXPECT_EQ(tree().ephemeral_count(), 0);
  Apply({OpCode::kDeleteContainer, DeleteOp("/c").record}, 0);
  EXPECT_EQ(error(), Error::kOk);
  EXPECT_EQ(tree().containers().size(), 0u);
}

TEST(DataTreeTtlTest, OwnersMarkTtlNodes) {
  TreeHarness harness({.extended_types = true});
  harness.Apply(TtlOp("/t", 5000));
  const Znode& node = harness.Node("/t");
  EXPECT_EQ(static_cast<uint64_t>(node.stat().ephemeralOwner),
            0xff00000000001388u);
  EXPECT_EQ(harness.Stat("/t").ephemeralOwner, 0);
  EXPECT_EQ(harness.tree().TtlOf(node.stat().ephemeralOwner), 5000);
  EXPECT_EQ(harness.tree().ttl_nodes().size(), 1u);
  EXPECT_EQ(harness.tree().TtlOf(0x1388), std::nullopt);
  EXPECT_EQ(harness.tree().TtlOf(kContainerOwner), std::nullopt);
  const auto reserved = static_cast<int64_t>(0xff00010000001388u);
  EXPECT_EQ(harness.tree().TtlOf(reserved), std::nullopt);
  EXPECT_TRUE(harness.tree().IsSession(reserved));
}

TEST(DataTreeTtlTest, WithoutExtendedTypesTheOwnerIsASession) {
  TreeHarness harness;
  harness.Apply(TtlOp("/t", 5000));
  EXPECT_EQ(harness.tree().ttl_nodes().size(), 0u);
  EXPECT_EQ(harness.tree().ephemeral_count(), 1);
}

TEST(DataTreeTtlTest, Emulates353) {
  TreeHarness harness({.extended_types = true, .emulate_353_ttl = true});
  const auto owner = static_cast<int64_t>(0x8000000000001388u);
  EXPECT_EQ(harness.tree().TtlOf(owner), 5000);
  EXPECT_EQ(harness.tree().TtlOf(kContainerOwner), std::nullopt);
}

TEST(DataTreeTtlTest, RefusesTtlsThatCannotBeEncoded) {
  TreeHarness harness({.extended_types = true});
  EXPECT_FALSE(harness.TryApply(1, TtlOp("/t", 0)));
  EXPECT_FALSE(harness.TryApply(1, TtlOp("/t", 0x10000000000)));
  EXPECT_TRUE(harness.TryApply(1, TtlOp("/t", 0xffffffffff)));
}

TEST_F(DataTreeTest, MultiAppliesAllInOrder) {
  Apply(MultiOp({CreateOp("/a"), CreateOp("/a/b", "1"), CheckOp("/a"),
                 SetOp("/a/b", "22", 1), DeleteOp("/a/b")}));
  ASSERT_EQ(results().size(), 5u);
  EXPECT_EQ(results()[1].stat.dataLength, 1);
  EXPECT_EQ(results()[3].stat.dataLength, 2);
  EXPECT_EQ(results()[2].type, OpCode::kCheck);
  for (const OpResult& result : results()) {
    EXPECT_EQ(result.error, Error::kOk);
  }
  EXPECT_THAT(changes(),
              ElementsAre(SeenChange{Kind::kCreated, "/a", 31, 31},
                          SeenChange{Kind::kCreated, "/a/b", 31, 31},
                          SeenChange{Kind::kDataChanged, "/a/b", 31, -1},
                          SeenChange{Kind::kDeleted, "/a/b", 31, 31}));
  EXPECT_EQ(Stat("/a").czxid, 1);
}

TEST_F(DataTreeTest, FailedMultiDoesNothing) {
  Apply(MultiOp({CreateOp("/a"), ErrorOp(Error::kNoNode),
                 ErrorOp(Error::kRuntimeInconsistency), DeleteOp("/x")}));
  ASSERT_EQ(results().size(), 4u);
  EXPECT_EQ(results()[0].error, Error::kOk);
  EXPECT_EQ(results()[1].error, Error::kNoNode);
  EXPECT_EQ(results()[2].error, Error::kRuntimeInconsistency);
  EXPECT_EQ(results()[3].error, Error::kRuntimeInconsistency);
  for (const OpResult& result : results()) {
    EXPECT_EQ(result.type, OpCode::kError);
  }
  EXPECT_EQ(tree().node_count(), 5);
  EXPECT_EQ(tree().last_zxid(), 1);
}

TEST_F(DataTreeTest, EmptyMultiOnlyMovesTheZxid) {
  Apply(MultiOp({}));
  EXPECT_THAT(results(), IsEmpty());
  EXPECT_EQ(tree().last_zxid(), 1);
}

TEST_F(DataTreeTest, ErrorAndCreateSessionOnlyMoveTheZxid) {
  const uint64_t digest = tree().digest();
  Apply(ErrorOp(Error::kBadVersion));
  EXPECT_EQ(error(), Error::kBadVersion);
  Apply({OpCode::kCreateSession, Encode(jute::CreateSessionTxn{1000})});
  EXPECT_EQ(results()[0].type, OpCode::kCreateSession);
  EXPECT_EQ(tree().last_zxid(), 2);
  EXPECT_EQ(tree().digest(), digest);
}

TEST_F(DataTreeTest, OldCreateHasNoParentCversion) {
  Op op = CreateOp("/a");
  op.record.resize(op.record.size() - 4);
  Apply(op);
  EXPECT_EQ(error(), Error::kOk);
  EXPECT_EQ(Node("/").stat().cversion, 1);
}

TEST_F(DataTreeTest, NullAclReadsAsEmpty) {
  jute::CreateTxn txn{"/a", "", {}, false, -1};
  Op op{OpCode::kCreate, Encode(txn)};
  op.record[4 + 2 + 4 + 3] = '\xff';  // Count 0 becomes 255: cut off
  EXPECT_FALSE(TryApply(1, op));
  op.record.replace(10, 4, "\xff\xff\xff\xff");
  Apply(op);
  EXPECT_THAT(Node("/a").acl().entries(), IsEmpty());
}

TEST_F(DataTreeTest, RefusesEachPrefixOfARecord) {
  const std::vector<Op> ops = {
      CreateOp("/a", "data", false, 1),
      ContainerOp("/a"),
      TtlOp("/a", 1),
      DeleteOp("/a"),
      SetOp("/a", "x", 1),
      SetAclOp("/a", kOpenAcl, 1),
      ErrorOp(Error::kNoNode),
      MultiOp({CreateOp("/a"), DeleteOp("/a")}),
      MultiOp({ErrorOp(Error::kNoNode)}),
      {OpCode::kCreateSession, Encode(jute::CreateSessionTxn{1000})}};
  const uint64_t digest = tree().digest();
  for (const Op& op : ops) {
    for (size_t size = 0; size < op.record.size(); ++size) {
      if (op.type == OpCode::kCreate && size + 4 == op.record.size()) {
        continue;  // The old form of create
      }
      EXPECT_FALSE(TryApply(1, {op.type, op.record.substr(0, size)}))
          << static_cast<int>(op.type) << " " << size;
    }
  }
  EXPECT_EQ(tree().digest(), digest);
  EXPECT_EQ(tree().last_zxid(), 0);
}

TEST_F(DataTreeTest, RefusesUnknownTypes) {
  EXPECT_FALSE(TryApply(1, {OpCode::kCheck, CheckOp("/").record}));
  EXPECT_FALSE(TryApply(1, {OpCode{99}, ""}));
  const Op set_acl = SetAclOp("/", kOpenAcl, 1);
  EXPECT_FALSE(TryApply(1, MultiOp({CreateOp("/a"), set_acl})));
  EXPECT_FALSE(TryApply(1, MultiOp({MultiOp({})})));
  EXPECT_EQ(tree().Find("/a"), nullptr);
}

TEST_F(DataTreeTest, BytesAfterTheRecordAreIgnored) {
  Op op = CreateOp("/a");
  op.record += Encode(jute::TxnDigest{2, 1});
  Apply(op);
  EXPECT_EQ(error(), Error::kOk);
}

TEST_F(DataTreeTest, KeepsDigestsOfRoundZxids) {
  for (int64_t zxid : {127, 128, 129, 256}) {
    ApplyAt(zxid, CreateOp("/n" + std::to_string(zxid)));
    if (zxid == 128) {
      EXPECT_EQ(tree().digest_history().back(),
                std::pair(zxid, tree().digest()));
    }
  }
  EXPECT_EQ(tree().digest_history().size(), 2u);
  for (int64_t i = 3; i < 1100; ++i) {
    ASSERT_TRUE(TryApply(i * 128, ErrorOp(Error::kNoNode)));
  }
  EXPECT_EQ(tree().digest_history().size(), 1024u);
  EXPECT_EQ(tree().digest_history().back().first, 1099 * 128);
}

TEST(DataTreeDigestTest, CanBeOff) {
  TreeHarness harness({.digest = false});
  harness.ApplyAt(128, CreateOp("/a", "x"));
  EXPECT_EQ(harness.tree().digest(), 0u);
  EXPECT_THAT(harness.tree().digest_history(), IsEmpty());
}

TEST_F(DataTreeTest, VisitsParentsBeforeChildren) {
  for (const char* path : {"/b", "/a", "/b/y", "/b/x", "/b/y/z"}) {
    Apply(CreateOp(path));
  }
  std::vector<std::string> paths;
  tree().ForEach([&](const Znode& node) { paths.emplace_back(node.path()); });
  EXPECT_THAT(paths, ElementsAre("/", "/zookeeper", "/zookeeper/quota",
                                 "/zookeeper/config", "/b", "/b/y", "/b/y/z",
                                 "/b/x", "/a"));
  EXPECT_EQ(tree().CountDescendants(Node("/b")), 3);
  EXPECT_EQ(tree().CountDescendants(Node("/a")), 0);
}

class DataTreeQuotaTest : public testing::Test, protected TreeHarness {
 protected:
  void SetQuota(const std::string& path, std::string_view limits) {
    std::string at = std::string(kQuotaPath);
    for (size_t slash = 0; slash != std::string::npos;) {
      slash = path.find('/', slash + 1);
      Apply(CreateOp(at + path.substr(0, slash)));
    }
    Apply(CreateOp(at + path + "/zookeeper_limits", limits));
    Apply(CreateOp(at + path + "/zookeeper_stats", "count=0,bytes=0"));
  }
  std::string Usage(const std::string& path) {
    return std::string(
        Node(std::string(kQuotaPath) + path + "/zookeeper_stats").data());
  }
};

TEST_F(DataTreeQuotaTest, CountsWhatIsThereAndWhatComes) {
  Apply(CreateOp("/q", "abc"));
  Apply(CreateOp("/q/a", "de"));
  SetQuota("/q", "count=5,bytes=-1");
  EXPECT_EQ(Usage("/q"), "count=2,bytes=5");
  Apply(CreateOp("/q/b", "f"));
  Apply(SetOp("/q/a", "1234", 1));
  Apply(SetOp("/q", jute::kNull, 1));
  EXPECT_EQ(Usage("/q"), "count=3,bytes=5");
  Apply(DeleteOp("/q/a"));
  EXPECT_EQ(Usage("/q"), "count=2,bytes=1");
  Apply(CreateOp("/qq", "f"));
  EXPECT_EQ(Usage("/q"), "count=2,bytes=1");
}

TEST_F(DataTreeQuotaTest, UpdatesLeaveNoTrace) {
  Apply(CreateOp("/q", "abc"));
  SetQuota("/q", "count=5,bytes=-1");
  const std::string stats = std::string(kQuotaPath) + "/q/zookeeper_stats";
  const jute::StatPersisted before = Node(stats).stat();
  Apply(CreateOp("/q/a"));
  EXPECT_EQ(Node(stats).stat(), before);
  EXPECT_EQ(changes().size(), 1u);
}

TEST_F(DataTreeQuotaTest, OnlyTheDeepestCounts) {
  Apply(CreateOp("/q"));
  Apply(CreateOp("/q/r"));
  SetQuota("/q", "count=5,bytes=-1");
  Apply(CreateOp("/zookeeper/quota/q/r"));
  Apply(CreateOp("/zookeeper/quota/q/r/zookeeper_limits", "count=9"));
  Apply(CreateOp("/zookeeper/quota/q/r/zookeeper_stats"));
  EXPECT_EQ(Usage("/q/r"), "count=1,bytes=0");
  Apply(CreateOp("/q/r/s"));
  EXPECT_EQ(Usage("/q/r"), "count=2,bytes=0");
  EXPECT_EQ(Usage("/q"), "count=2,bytes=0");
  const std::optional<QuotaState> state = tree().QuotaFor("/q/r/s/t");
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->path, "/q/r");
  EXPECT_EQ(state->limits.count, 9);
  EXPECT_EQ(state->usage.count, 2);
  EXPECT_EQ(tree().QuotaFor("/q/x")->path, "/q");
  EXPECT_EQ(tree().QuotaFor("/qq"), std::nullopt);
}

TEST_F(DataTreeQuotaTest, EndsWithTheLimitsNode) {
  Apply(CreateOp("/q"));
  SetQuota("/q", "count=5");
  Apply(DeleteOp("/zookeeper/quota/q/zookeeper_limits"));
  EXPECT_EQ(tree().QuotaFor("/q"), std::nullopt);
  Apply(CreateOp("/q/a"));
  EXPECT_EQ(Usage("/q"), "count=1,bytes=0");
}

TEST_F(DataTreeQuotaTest, NoneWithoutStatsOrWithBadText) {
  Apply(CreateOp("/q"));
  SetQuota("/q", "count=x");
  EXPECT_TRUE(tree().QuotaFor("/q")->malformed);
  Apply(SetOp("/zookeeper/quota/q/zookeeper_limits", "count=1", 1));
  EXPECT_EQ(tree().QuotaFor("/q")->limits.count, 1);
  Apply(SetOp("/zookeeper/quota/q/zookeeper_stats", "count=x", 1));
  EXPECT_TRUE(tree().QuotaFor("/q")->malformed);
  Apply(CreateOp("/q/a"));
  EXPECT_EQ(Usage("/q"), "count=x");
  Apply(DeleteOp("/zookeeper/quota/q/zookeeper_stats"));
  EXPECT_EQ(tree().QuotaFor("/q"), std::nullopt);
  Apply(CreateOp("/q/b"));
  EXPECT_EQ(error(), Error::kOk);
}

TEST_F(DataTreeQuotaTest, NoneOnTheRoot) {
  Apply(CreateOp("/zookeeper/quota/zookeeper_limits", "count=1"));
  Apply(CreateOp("/zookeeper/quota/zookeeper_stats", "keep"));
  Apply(CreateOp("/a"));
  EXPECT_EQ(tree().QuotaFor("/a"), std::nullopt);
  EXPECT_EQ(Node("/zookeeper/quota/zookeeper_stats").data(),
            "count=6,bytes=11");
}

TEST_F(DataTreeQuotaTest, CountsAPathThatIsMissing) {
  SetQuota("/later", "count=5");
  EXPECT_EQ(Usage("/later"), "count=0,bytes=0");
  Apply(CreateOp("/later", "abc"));
  EXPECT_EQ(Usage("/later"), "count=1,bytes=3");
}

}  // namespace
}  // namespace paddock::tree
