#include "tree/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tree/snapshot_fixture.h"
#include "tree/tree_harness.h"

namespace paddock::tree {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kSession = 0x100000000000007;

// A tree with one of everything.
void Fill(TreeHarness* harness) {
  harness->Apply(CreateOp("/a", "text"));
  harness->Apply(CreateOp("/a/null", jute::kNull));
  harness->Apply(CreateOp("/a/large", std::string(1 << 20, 'x')));
  harness->Apply(CreateOp("/a/mine", "", /*ephemeral=*/true), kSession);
  harness->Apply(ContainerOp("/box"));
  harness->Apply(TtlOp("/ttl", 5000));
  harness->Apply(CreateOp("/read", "", false, -1, OpCode::kCreate2, kReadAcl));
  harness->Apply(SetOp("/a", "more", 1));
  harness->Apply(SetAclOp("/a", {}, 1));
  harness->Apply(CreateOp("/zookeeper/quota/a"));
  harness->Apply(
      CreateOp("/zookeeper/quota/a/zookeeper_limits", "count=9,bytes=99"));
  harness->Apply(CreateOp("/zookeeper/quota/a/zookeeper_stats", ""));
  harness->Apply(DeleteOp("/a/null"));
}

TEST(SnapshotTest, ReadsBackWhatWasWritten) {
  const TreeOptions options{.extended_types = true};
  TreeHarness harness(options);
  Fill(&harness);
  const SessionTimeouts sessions = {{kSession, 4000}, {-5, 60000}};
  const std::string bytes = SnapshotBytes(harness.tree(), sessions);

  for (const size_t step : {size_t{1}, size_t{7}, bytes.size()}) {
    Restored restored(options);
    ASSERT_TRUE(restored.Read(bytes, harness.zxid(), step).ok());
    restored.tree.CheckInvariants();
    EXPECT_EQ(Describe(restored.tree), Describe(harness.tree()));
    EXPECT_EQ(restored.tree.digest(), harness.tree().digest());
    EXPECT_EQ(restored.tree.last_zxid(), harness.zxid());
    EXPECT_EQ(restored.sessions, sessions);
    EXPECT_EQ(restored.tree.EphemeralsOf(SessionId{kSession})->size(), 1u);
    EXPECT_EQ(restored.tree.containers().size(), 1u);
    EXPECT_EQ(restored.tree.ttl_nodes().size(), 1u);
    EXPECT_EQ(SnapshotBytes(restored.tree, restored.sessions), bytes);
  }
}

TEST(SnapshotTest, ReplacesWhatTheTreeHeld) {
  TreeHarness harness;
  harness.Apply(CreateOp("/new"));
  const std::string bytes = SnapshotBytes(harness.tree(), {});
  Restored restored;
  ASSERT_TRUE(restored.Read(bytes, 1).ok());
  const DataTree fresh(TreeOptions{});
  ASSERT_TRUE(restored.Read(SnapshotBytes(fresh, {{1, 2}}), 5).ok());
  EXPECT_EQ(Describe(restored.tree), Describe(fresh));
  EXPECT_EQ(restored.tree.last_zxid(), 5);
  EXPECT_EQ(restored.sessions.size(), 1u);
}

TEST(SnapshotTest, UsageOfQuotasIsCountedAfresh) {
  SnapshotBuilder builder;
  builder.Node("").Node("/zookeeper").Node("/zookeeper/quota");
  builder.Node("/zookeeper/quota/a");
  builder.Node("/zookeeper/quota/a/zookeeper_limits", "count=9,bytes=99");
  builder.Node("/zookeeper/quota/a/zookeeper_stats", "count=7,bytes=7");
  builder.Node("/a", "123").Node("/a/b", "45");
  Restored restored;
  ASSERT_TRUE(restored.Read(builder.Finish(), 1).ok());
  restored.tree.CheckInvariants();
  EXPECT_EQ(restored.tree.Find("/zookeeper/quota/a/zookeeper_stats")->data(),
            "count=2,bytes=5");
  const auto quota = restored.tree.QuotaFor("/a/b");
  ASSERT_TRUE(quota.has_value());
  EXPECT_EQ(quota->path, "/a");
}

TEST(SnapshotTest, ReservedNodesOfLaterReleasesAreAdded) {
  SnapshotBuilder builder;
  builder.Node("").Node("/zookeeper").Node("/zookeeper/quota");
  Restored restored;
  ASSERT_TRUE(restored.Read(builder.Finish(), 1).ok());
  EXPECT_EQ(Describe(restored.tree), Describe(DataTree(TreeOptions{})));
}

// Every release writes tails of its own, and any of them may be switched off.
TEST(SnapshotTest, TailsMayBeAbsent) {
  const ZxidDigest digest{.zxid = 9, .version = 2, .digest = 0x1234};
  const auto read = [](const std::string& bytes) {
    Restored restored;
    const auto facts = restored.Read(bytes, 1);
    EXPECT_TRUE(facts.ok()) << facts.status();
    return facts.ok() ? facts->digest : std::nullopt;
  };
  EXPECT_EQ(read(SnapshotBuilder().Fresh().Finish()), std::nullopt);
  EXPECT_EQ(read(SnapshotBuilder().Fresh().End().Zxid(3).Bytes()),
            std::nullopt);
  for (const bool with_zxid : {false, true}) {
    SnapshotBuilder builder;
    builder.Fresh().End().Digest(digest);
    if (with_zxid) {
      builder.Zxid(9);
    }
    const auto found = read(builder.Bytes());
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->zxid, 9);
    EXPECT_EQ(found->version, 2);
    EXPECT_EQ(found->digest, 0x1234u);
  }
  // Of a server that had applied nothing, and of an early release.
  EXPECT_EQ(read(SnapshotBuilder().Fresh().End().Digest({}).Bytes()),
            std::nullopt);
  EXPECT_EQ(read(SnapshotBuilder().Fresh().End().TextDigest(9, "ab12").Bytes())
                ->version,
            1);
}

TEST(SnapshotTest, AclThatIsNotInTheMapGrantsNothing) {
  SnapshotBuilder builder;
  builder.Fresh().NodeWithAcl("/lost", 77).NodeWithAcl("/open", -1);
  Restored restored;
  const auto facts = restored.Read(builder.Finish(), 1);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->without_acl, ElementsAre("/lost"));
  const auto permits = [&](const char* path) {
    return Permits(restored.tree.Find(path)->acl().entries(), jute::kPermAll,
                   {});
  };
  EXPECT_FALSE(permits("/lost"));
  EXPECT_TRUE(permits("/open"));
}

// --- Damage ---

// The state is then that of an empty history.
void ExpectDamage(const std::string& bytes, std::string_view what) {
  SCOPED_TRACE(what);
  Restored restored;
  const auto facts = restored.Read(bytes, 7);
  ASSERT_TRUE(absl::IsDataLoss(facts.status())) << facts.status();
  EXPECT_THAT(facts.status().ToString(), HasSubstr(std::string(what)));
  restored.tree.CheckInvariants();
  EXPECT_EQ(Describe(restored.tree), Describe(DataTree(TreeOptions{})));
  EXPECT_EQ(restored.tree.last_zxid(), 0);
  EXPECT_THAT(restored.sessions, IsEmpty());
}

TEST(SnapshotTest, CutAnywhereIsDamage) {
  TreeHarness harness;
  harness.Apply(CreateOp("/a", "text"));
  const std::string bytes = SnapshotBytes(harness.tree(), {{1, 1000}});
  for (size_t size = 0; size < bytes.size(); ++size) {
    ExpectDamage(bytes.substr(0, size), "ends in the middle");
  }
}

TEST(SnapshotTest, AnyChangedByteIsDamage) {
  TreeHarness harness;
  harness.Apply(CreateOp("/a", "text"));
  SnapshotBuilder builder;
  const std::string bytes = builder.Session(1, 1000)
                                .Fresh()
                                .Node("/a", "text")
                                .End()
                                .Digest({.zxid = 1, .version = 2, .digest = 3})
                                .Zxid(1)
                                .Bytes();
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string harmed = bytes;
    harmed[at] = static_cast<char>(harmed[at] ^ 0x21);
    Restored restored;
    EXPECT_FALSE(restored.Read(harmed, 7).ok()) << "byte " << at;
  }
}

TEST(SnapshotTest, LengthsThatLieAreDamage) {
  const std::string large("\x7f\xff\xff\xff", 4);
  const std::string negative("\xff\xff\xff\xfe", 4);
  const auto header = [] { return SnapshotBuilder().Bytes().substr(0, 16); };
  const std::string none(4, '\0');
  ExpectDamage(header() + large, "ends in the middle");
  ExpectDamage(header() + negative, "number of sessions");
  ExpectDamage(header() + none + large, "ends in the middle");
  ExpectDamage(header() + none + negative, "number of access control lists");
  const std::string one("\0\0\0\1", 4);
  const std::string id(8, '\1');
  ExpectDamage(header() + none + one + id + large, "ends in the middle");
  ExpectDamage(header() + none + one + id + negative, "number of ACL entries");
  ExpectDamage(header() + none + one + id + one + none + negative,
               "length in an access control list");
  ExpectDamage(header() + none + none + large, "ends in the middle");
  ExpectDamage(header() + none + none + negative, "bytes of a path");
  ExpectDamage(header() + none + none + none + large, "ends in the middle");
  ExpectDamage(header() + none + none + none + negative, "length of data");
}

TEST(SnapshotTest, WhatIsNoTreeIsDamage) {
  ExpectDamage(SnapshotBuilder().Finish(), "no root node");
  ExpectDamage(SnapshotBuilder().Node("").Node("/a/b").Finish(),
               "without its parent");
  ExpectDamage(SnapshotBuilder().Node("").Node("/a").Node("/a").Finish(),
               "twice");
  ExpectDamage(SnapshotBuilder().Node("").Node("a").Finish(),
               "without its parent");
  ExpectDamage(SnapshotBuilder().Node("").Node("/a").Node("/a/").Finish(),
               "without a name");
  ExpectDamage(SnapshotBuilder().Session(0, 1000).Fresh().Finish(),
               "without an id");
  ExpectDamage(std::string(100, 'x'), "no header");
  ExpectDamage(SnapshotBuilder().Fresh().Finish() + "x", "unknown bytes");
}

}  // namespace
}  // namespace paddock::tree
