#include "tree/digest.h"

#include <gtest/gtest.h>

#include <string>

#include "tree/path.h"

namespace paddock::tree {
namespace {

// Zab-and-disk.md 5.5: observed at a Java server.
TEST(DigestTest, MatchesGoldenValues) {
  const jute::StatPersisted zero;
  EXPECT_EQ(NodeDigest("/", "", zero), 0x04128908u);
  EXPECT_EQ(NodeDigest(kZooKeeperPath, "", zero), 0x4db44d58u);
}

TEST(DigestTest, LeavesOutNodesBelowZooKeeper) {
  const jute::StatPersisted zero;
  EXPECT_EQ(NodeDigest(kQuotaPath, "", zero), 0u);
  EXPECT_EQ(NodeDigest("/zookeeper/a/b", "x", zero), 0u);
  EXPECT_NE(NodeDigest("/zookeepers", "", zero), 0u);
  EXPECT_NE(NodeDigest("/a/zookeeper/b", "", zero), 0u);
}

TEST(DigestTest, CoversEachField) {
  jute::StatPersisted stat;
  const uint32_t before = NodeDigest("/a", "x", stat);
  EXPECT_NE(NodeDigest("/b", "x", stat), before);
  EXPECT_NE(NodeDigest("/a", "y", stat), before);
  for (int64_t jute::StatPersisted::*field :
       {&jute::StatPersisted::czxid, &jute::StatPersisted::mzxid,
        &jute::StatPersisted::ctime, &jute::StatPersisted::mtime,
        &jute::StatPersisted::pzxid, &jute::StatPersisted::ephemeralOwner}) {
    stat.*field = 1;
    EXPECT_NE(NodeDigest("/a", "x", stat), before);
    stat.*field = 0;
  }
  for (int32_t jute::StatPersisted::*field :
       {&jute::StatPersisted::version, &jute::StatPersisted::cversion,
        &jute::StatPersisted::aversion}) {
    stat.*field = 1;
    EXPECT_NE(NodeDigest("/a", "x", stat), before);
    stat.*field = 0;
  }
}

TEST(DigestTest, NullAndEmptyDataAreAlike) {
  const jute::StatPersisted zero;
  EXPECT_EQ(NodeDigest("/a", jute::kNull, zero), NodeDigest("/a", "", zero));
}

}  // namespace
}  // namespace paddock::tree
