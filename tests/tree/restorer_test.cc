#include "tree/restorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tree/digest.h"
#include "tree/path.h"
#include "tree/snapshot_fixture.h"
#include "tree/tree_harness.h"

namespace paddock::tree {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Txn(int64_t zxid, const Op& op, int64_t session = 7) {
  std::string bytes;
  jute::Write(jute::TxnHeader{session, 1, zxid, zxid * 1000,
                              static_cast<int32_t>(op.type)},
              &bytes);
  return bytes + op.record;
}

std::string WithDigest(std::string txn, uint64_t digest,
                       int32_t version = kDigestVersion) {
  jute::Write(jute::TxnDigest{version, static_cast<int64_t>(digest)}, &txn);
  return txn;
}

Op SessionOp(int32_t timeout_ms) {
  return {OpCode::kCreateSession, Encode(jute::CreateSessionTxn{timeout_ms})};
}

// --- Digests ---

// A snapshot of an empty tree at zxid 3, exact from zxid `exact_from` on.
std::string SnapshotExactFrom(int64_t exact_from, uint64_t digest,
                              int32_t version = kDigestVersion) {
  SnapshotBuilder builder;
  builder.Fresh().End();
  if (version == kDigestVersion) {
    builder.Digest({.zxid = exact_from, .digest = digest});
  } else {
    builder.TextDigest(exact_from, "12ab");
  }
  return builder.Bytes();
}

class RestorerDigestTest : public testing::Test {
 protected:
  void Start(const std::string& snapshot) {
    ASSERT_TRUE(
        restored_.restorer.RestoreSnapshot(3, BytesSource(snapshot)).ok());
  }
  // A create, and the digest that it announces: the right one plus `error`.
  void Create(int64_t zxid, uint64_t error) {
    const std::string path = "/n" + std::to_string(zxid);
    Restored after;
    ASSERT_TRUE(after.Read(SnapshotBytes(restored_.tree, {}), 3).ok());
    ASSERT_TRUE(after.restorer.RestoreTxn(Txn(zxid, CreateOp(path))));
    ASSERT_TRUE(restored_.restorer.RestoreTxn(
        WithDigest(Txn(zxid, CreateOp(path)), after.tree.digest() + error)));
  }
  std::vector<std::string> Findings() const {
    return restored_.restorer.Findings();
  }
  uint64_t digest() const { return restored_.tree.digest(); }

  static uint64_t FreshDigest() { return DataTree(TreeOptions{}).digest(); }

  Restored restored_;
};

TEST_F(RestorerDigestTest, ExactSnapshotIsComparedAtOnce) {
  Start(SnapshotExactFrom(3, FreshDigest()));
  EXPECT_THAT(Findings(), IsEmpty());
  Start(SnapshotExactFrom(3, FreshDigest() + 1));
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("after zxid 0x3")));
}

TEST_F(RestorerDigestTest, TransactionsAreComparedBehindAnExactSnapshot) {
  Start(SnapshotExactFrom(3, FreshDigest()));
  Create(4, /*error=*/0);
  EXPECT_THAT(Findings(), IsEmpty());
  Create(5, /*error=*/1);
  Create(6, /*error=*/1);
  EXPECT_THAT(Findings(), ElementsAre(testing::AllOf(
                              HasSubstr("after zxid 0x5"),
                              HasSubstr("differs at 2 transactions"))));
}

TEST_F(RestorerDigestTest, NothingIsComparedWhileTheStateIsFuzzy) {
  Start(SnapshotExactFrom(5, 0));
  Create(4, /*error=*/1);
  Create(5, /*error=*/0);
  // That of the snapshot, 0, was compared.
  EXPECT_THAT(Findings(), ElementsAre(testing::AllOf(
                              HasSubstr("after zxid 0x5"),
                              HasSubstr("differs at 1 transactions"))));
  Create(6, /*error=*/1);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("at 2 transactions")));
}

// A Java server notes what it has applied after it has, so that its snapshot
// may hold a part of the next transaction.
TEST_F(RestorerDigestTest, SnapshotFromTheMiddleOfATransactionIsNoFinding) {
  Start(SnapshotExactFrom(3, FreshDigest() + 1));
  ASSERT_TRUE(restored_.restorer.RestoreTxn(Txn(4, CreateOp("/a"))));
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("after zxid 0x3")));
  Create(5, /*error=*/0);
  EXPECT_THAT(Findings(), IsEmpty());
  Create(6, /*error=*/1);
  Create(7, /*error=*/0);
  EXPECT_THAT(Findings(), ElementsAre(testing::AllOf(
                              HasSubstr("after zxid 0x6"),
                              HasSubstr("differs at 1 transactions"))));
  Start(SnapshotExactFrom(5, 0));
  Create(4, /*error=*/1);
  Create(5, /*error=*/1);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("after zxid 0x5")));
  Create(6, /*error=*/0);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(RestorerDigestTest, LogThatEndsWhileTheStateIsFuzzyIsAFinding) {
  Start(SnapshotExactFrom(5, 0));
  Create(4, /*error=*/0);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("up to 0x5")));
}

TEST_F(RestorerDigestTest, DigestsThatSayNothingAreIgnored) {
  Start(SnapshotExactFrom(2, FreshDigest() + 1));  // Of an earlier epoch
  EXPECT_THAT(Findings(), IsEmpty());
  Start(SnapshotExactFrom(3, 0, /*version=*/1));
  EXPECT_THAT(Findings(), IsEmpty());
  ASSERT_TRUE(restored_.restorer.RestoreTxn(
      WithDigest(Txn(4, CreateOp("/n4")), digest() + 1, /*version=*/3)));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(RestorerDigestTest, TransactionsWithoutDigestAreNotCompared) {
  Start(SnapshotExactFrom(3, FreshDigest()));
  ASSERT_TRUE(restored_.restorer.RestoreTxn(Txn(4, CreateOp("/a"))));
  ASSERT_TRUE(restored_.restorer.RestoreTxn(Txn(5, CloseOp({"/a"}))));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(RestorerDigestTest, NothingIsComparedWithoutDigest) {
  const TreeOptions options{.digest = false};
  Restored restored(options);
  ASSERT_TRUE(
      restored.restorer.RestoreSnapshot(3, BytesSource(SnapshotExactFrom(3, 5)))
          .ok());
  EXPECT_THAT(restored.restorer.Findings(), IsEmpty());
}

TEST(RestorerTest, NodesOfWhichTheAclIsUnknownAreAFinding) {
  SnapshotBuilder builder;
  builder.Fresh().NodeWithAcl("/given", 9).NodeWithAcl("/lost", 9);
  const std::string bytes = builder.Finish();
  Restored restored;
  ASSERT_TRUE(restored.restorer.RestoreSnapshot(3, BytesSource(bytes)).ok());
  ASSERT_TRUE(restored.restorer.RestoreTxn(Txn(4, CreateOp("/given"))));
  EXPECT_THAT(restored.restorer.Findings(),
              ElementsAre(testing::AllOf(HasSubstr("for 1 nodes"),
                                         HasSubstr("/lost"))));
}

// --- Old forms ---

TEST(RestorerTest, SessionsOfOldReleases) {
  Restored restored;
  ASSERT_TRUE(restored.restorer.RestoreTxn(Txn(1, SessionOp(4000))));
  ASSERT_TRUE(restored.restorer.RestoreTxn(
      Txn(2, CreateOp("/e", "", /*ephemeral=*/true, 1))));
  EXPECT_THAT(restored.sessions, ElementsAre(std::pair(7, 4000)));
  ASSERT_TRUE(restored.restorer.RestoreTxn(Txn(3, {OpCode::kCloseSession})));
  EXPECT_THAT(restored.sessions, IsEmpty());
  EXPECT_EQ(restored.tree.Find("/e"), nullptr);
  EXPECT_EQ(restored.tree.last_zxid(), 3);
}

TEST(RestorerTest, CreateWithoutTheVersionOfTheParent) {
  Restored restored;
  std::string record = CreateOp("/old", "text").record;
  record.resize(record.size() - sizeof(int32_t));
  ASSERT_TRUE(restored.restorer.RestoreTxn(Txn(1, {OpCode::kCreate, record})));
  EXPECT_EQ(restored.tree.Find("/old")->data(), "text");
  EXPECT_EQ(restored.tree.Find("/")->stat().cversion, 1);
}

TEST(RestorerTest, BytesThatAreNoTransactionAreRefused) {
  Restored restored;
  EXPECT_FALSE(restored.restorer.RestoreTxn("short"));
  EXPECT_FALSE(restored.restorer.RestoreTxn(Txn(1, CheckOp("/"))));
  EXPECT_FALSE(
      restored.restorer.RestoreTxn(Txn(1, SessionOp(1000), /*session=*/0)));
}

// --- Replay over a fuzzy snapshot ---

// A Java server loses the child in this case: it is in the snapshot, so that
// its second creation "exists", but not among the children of the new /p.
TEST(FuzzySnapshotTest, ChildOfANodeMadeAnewStaysItsChild) {
  SnapshotBuilder builder;
  builder.Fresh().NodeWithAcl("/p", -1, "", {.czxid = 4, .cversion = 1});
  builder.Node("/p/c");
  const std::string bytes = builder.Finish();
  Restored restored;
  Restorer& restorer = restored.restorer;
  ASSERT_TRUE(restorer.RestoreSnapshot(2, BytesSource(bytes)).ok());
  ASSERT_TRUE(restorer.RestoreTxn(Txn(3, DeleteOp("/p"))));
  ASSERT_TRUE(restorer.RestoreTxn(Txn(4, CreateOp("/p", "", false, 2))));
  ASSERT_TRUE(restorer.RestoreTxn(Txn(5, CreateOp("/p/c", "", false, 1))));
  restored.tree.CheckInvariants();
  EXPECT_EQ(restored.tree.Find("/p")->num_children(), 1);
  EXPECT_EQ(restored.tree.Find("/p/c")->stat().czxid, 5);
}

// A random history of a server, as its log would tell it.
class History {
 public:
  History(uint64_t seed, size_t count) : random_(seed) {
    while (txns_.size() < count) {
      Append();
    }
  }

  const std::vector<std::string>& txns() const { return txns_; }

  // The state after the first `count` transactions.
  static void Replay(const std::vector<std::string>& txns, size_t from,
                     size_t to, Restorer* restorer) {
    for (size_t i = from; i < to; ++i) {
      ASSERT_TRUE(restorer->RestoreTxn(txns[i]));
    }
  }

 private:
  int64_t zxid() const { return static_cast<int64_t>(txns_.size()) + 1; }

  void Append() {
    const int64_t session = 1 + static_cast<int64_t>(random_.Below(3));
    const Op op = RandomOp(session);
    if (op.type != OpCode::kError) {
      AppendTxn(op, session);
    }
  }

  void AppendTxn(const Op& op, int64_t session) {
    const std::string txn = Txn(zxid(), op, session);
    ASSERT_TRUE(state_.restorer.RestoreTxn(txn));
    txns_.push_back(WithDigest(txn, state_.tree.digest()));
  }

  static Op Nothing() { return {OpCode::kError, ""}; }

  Op RandomOp(int64_t session) {
    if (!state_.sessions.contains(session)) {
      return SessionOp(static_cast<int32_t>(1000 + random_.Below(9)));
    }
    switch (random_.Below(12)) {
      case 0:
        return Close(session);
      case 1:
        return Multi();
      case 2:
        return Quota();
      default:
        return Simple(nullptr);
    }
  }

  Op Close(int64_t session) {
    std::vector<std::string_view> paths;
    if (const auto* nodes = state_.tree.EphemeralsOf(SessionId{session})) {
      for (const Znode* node : *nodes) {
        paths.push_back(node->path());
      }
    }
    return CloseOp(paths);
  }

  // Of operations that do not depend on each other.
  Op Multi() {
    std::vector<Op> ops;
    std::vector<std::string> touched;
    for (int i = 0; i < 3; ++i) {
      const Op op = Simple(&touched);
      if (op.type != OpCode::kError && op.type != OpCode::kSetAcl) {
        ops.push_back(op);
      }
    }
    ops.push_back(CheckOp("/"));
    return MultiOp(ops);
  }

  Op Quota() {
    const std::string at = "/zookeeper/quota/a";
    if (state_.tree.Find(at) != nullptr) {
      return Nothing();
    }
    return MultiOp({CreateOp(at, "", false, 1),
                    CreateOp(at + "/zookeeper_limits", "count=3", false, 1),
                    CreateOp(at + "/zookeeper_stats", "", false, 2)});
  }

  // With `touched`, none of its parents is touched twice.
  Op Simple(std::vector<std::string>* touched) {
    const std::string path = RandomPath();
    const std::string parent_path(ParentPath(path));
    const Znode* const parent = state_.tree.Find(parent_path);
    const Znode* const node = state_.tree.Find(path);
    if (parent == nullptr || parent->stat().ephemeralOwner > 0) {
      return Nothing();
    }
    if (touched != nullptr) {
      for (const std::string& other : *touched) {
        if (IsAtOrBelow(other, parent_path) || IsAtOrBelow(path, other)) {
          return Nothing();
        }
      }
      touched->push_back(parent_path);
    }
    if (node == nullptr) {
      return Create(path, parent->stat().cversion + 1);
    }
    switch (random_.Below(4)) {
      case 0:
        return SetOp(path, RandomData(), node->stat().version + 1);
      case 1:
        return SetAclOp(path, RandomAcl(), node->stat().aversion + 1);
      default:
        return node->num_children() == 0 ? DeleteOp(path) : Nothing();
    }
  }

  Op Create(const std::string& path, int32_t cversion) {
    switch (random_.Below(5)) {
      case 0:
        return {OpCode::kCreateContainer,
                Encode(jute::CreateContainerTxn{path, RandomData(), RandomAcl(),
                                                cversion})};
      case 1:
        return CreateOp(path, RandomData(), true, cversion, OpCode::kCreate2,
                        RandomAcl());
      case 2:
        return CreateOp(path, RandomData(), true, cversion, OpCode::kCreate,
                        RandomAcl());
      default:
        return CreateOp(path, RandomData(), false, cversion, OpCode::kCreate,
                        RandomAcl());
    }
  }

  std::string RandomPath() {
    std::string path;
    for (uint64_t depth = 1 + random_.Below(3); depth > 0; --depth) {
      path += random_.Chance(1, 2) ? "/a" : "/b";
    }
    return path;
  }
  std::string RandomData() { return std::string(random_.Below(9), 'x'); }
  std::vector<jute::ACL> RandomAcl() {
    return {{static_cast<int32_t>(1 + random_.Below(31)), {"world", "anyone"}}};
  }

  Random random_;
  Restored state_;
  std::vector<std::string> txns_;
};

// Takes a snapshot as a Java server does: named at its beginning, it copies
// one node after the other while transactions go on.
class FuzzySnapshot {
 public:
  FuzzySnapshot(const std::vector<std::string>& txns, size_t begin,
                Random* random)
      : txns_(txns), next_(begin), random_(*random) {
    History::Replay(txns_, 0, begin, &state_.restorer);
    for (const auto& [id, timeout] : state_.sessions) {
      builder_.Session(id, timeout);
    }
    GoOn();
    state_.tree.ForEach([this](const Znode& node) { IdOf(node.acl()); });
    known_acls_ = acls_.size();
    Take("/");
    builder_.End().Digest(
        {.zxid = state_.tree.last_zxid(), .digest = state_.tree.digest()});
  }

  std::string Bytes() const { return builder_.Bytes(); }

 private:
  void GoOn() {
    const size_t more =
        std::min(txns_.size() - next_, size_t{random_.Below(6)});
    History::Replay(txns_, next_, next_ + more, &state_.restorer);
    next_ += more;
  }

  // Lists that came after the map was written have ids that it lacks.
  int64_t IdOf(const AclList& list) {
    const std::string encoded = EncodeAcls(list.entries());
    const auto known = std::find(acls_.begin(), acls_.end(), encoded);
    const auto id = known - acls_.begin() + 1;
    if (known == acls_.end()) {
      acls_.push_back(encoded);
      if (known_acls_ == 0) {
        builder_.Acl(list.entries());
      }
    }
    return id;
  }

  void Take(const std::string& path) {
    const Znode* const node = state_.tree.Find(path);
    if (node == nullptr) {
      return;
    }
    std::vector<std::string> children;
    for (const Znode* child = node->first_child(); child != nullptr;
         child = child->next_sibling()) {
      children.emplace_back(child->path());
    }
    builder_.NodeWithAcl(path == "/" ? "" : path, IdOf(node->acl()),
                         node->data(), node->stat());
    for (const std::string& child : children) {
      GoOn();
      Take(child);
    }
  }

  const std::vector<std::string>& txns_;
  size_t next_;
  Random& random_;
  Restored state_;
  SnapshotBuilder builder_;
  std::vector<std::string> acls_;
  size_t known_acls_ = 0;  // Once the map is written
};

// Wherever a snapshot begins, and however much of later transactions each of
// its nodes has seen, replaying these gives the state of the server.
class FuzzyHistoryTest : public testing::TestWithParam<uint64_t> {};

TEST_P(FuzzyHistoryTest, ReplayConverges) {
  Random random(GetParam());
  const History history(GetParam(), 150);
  const std::vector<std::string>& txns = history.txns();
  Restored expected;
  History::Replay(txns, 0, txns.size(), &expected.restorer);
  for (int round = 0; round < 12; ++round) {
    const size_t begin = random.Below(txns.size());
    const std::string bytes = FuzzySnapshot(txns, begin, &random).Bytes();
    Restored restored;
    ASSERT_TRUE(
        restored.restorer
            .RestoreSnapshot(static_cast<int64_t>(begin), BytesSource(bytes))
            .ok());
    History::Replay(txns, begin, txns.size(), &restored.restorer);
    restored.tree.CheckInvariants();
    ASSERT_EQ(Describe(restored.tree), Describe(expected.tree))
        << "begun at " << begin;
    EXPECT_EQ(restored.sessions, expected.sessions);
    EXPECT_EQ(restored.tree.digest(), expected.tree.digest());
    EXPECT_THAT(restored.restorer.Findings(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FuzzyHistoryTest,
                         testing::Range<uint64_t>(1, 11));

}  // namespace
}  // namespace paddock::tree
