#include "tree/watches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <tuple>

namespace paddock::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Change::Kind;

constexpr ConnectionId kA{1};
constexpr ConnectionId kB{2};
constexpr ConnectionId kC{3};

struct Event {
  ConnectionId connection;
  EventType type;
  std::string path;

  friend bool operator==(const Event&, const Event&) = default;
};

void PrintTo(const Event& event, std::ostream* out) {
  *out << "{" << static_cast<uint64_t>(event.connection) << " "
       << static_cast<int>(event.type) << " " << event.path << "}";
}

Event Created(ConnectionId c, std::string path) {
  return {c, EventType::kNodeCreated, std::move(path)};
}
Event Deleted(ConnectionId c, std::string path) {
  return {c, EventType::kNodeDeleted, std::move(path)};
}
Event DataChanged(ConnectionId c, std::string path) {
  return {c, EventType::kNodeDataChanged, std::move(path)};
}
Event ChildrenChanged(ConnectionId c, std::string path) {
  return {c, EventType::kNodeChildrenChanged, std::move(path)};
}

class WatchTableTest : public testing::Test {
 protected:
  std::vector<Event> Trigger(Kind kind, std::string_view path) {
    std::vector<Event> events;
    watches_.Trigger(
        {kind, path, node_acl_, parent_acl_}, [&](const Notification& n) {
          for (const ConnectionId connection : n.connections) {
            events.push_back({connection, n.type, std::string(n.path)});
          }
          const bool of_parent = n.type == EventType::kNodeChildrenChanged;
          EXPECT_EQ(n.acl, of_parent ? parent_acl_ : node_acl_);
        });
    watches_.CheckInvariants();
    return events;
  }

  AclTable acls_;
  const AclList* const node_acl_ = acls_.Intern({});
  const AclList* const parent_acl_ = acls_.Intern({{1, {"world", "anyone"}}});
  WatchTable watches_;
};

TEST_F(WatchTableTest, DataWatchFiresOnce) {
  watches_.Add("/p", kA, WatchKind::kData);
  watches_.Add("/p", kA, WatchKind::kData);
  EXPECT_EQ(watches_.watch_count(), 1);
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/other"), IsEmpty());
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/p"),
              ElementsAre(DataChanged(kA, "/p")));
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/p"), IsEmpty());
  EXPECT_EQ(watches_.watch_count(), 0);
}

TEST_F(WatchTableTest, ExistsWatchFiresOnCreate) {
  watches_.Add("/p", kA, WatchKind::kData);
  EXPECT_THAT(Trigger(Kind::kCreated, "/p"), ElementsAre(Created(kA, "/p")));
}

TEST_F(WatchTableTest, ChildWatchFiresForDirectChildren) {
  watches_.Add("/q", kA, WatchKind::kChild);
  EXPECT_THAT(Trigger(Kind::kCreated, "/q/a/b"), IsEmpty());
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/q/a"), IsEmpty());
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/q"), IsEmpty());
  EXPECT_THAT(Trigger(Kind::kCreated, "/q/a"),
              ElementsAre(ChildrenChanged(kA, "/q")));
  watches_.Add("/", kA, WatchKind::kChild);
  EXPECT_THAT(Trigger(Kind::kDeleted, "/q"),
              ElementsAre(ChildrenChanged(kA, "/")));
}

// Client-protocol.md chapter 17: one NodeDeleted, then the parent's.
TEST_F(WatchTableTest, DeleteReachesAConnectionOnce) {
  watches_.Add("/q/p", kA, WatchKind::kData);
  watches_.Add("/q/p", kA, WatchKind::kChild);
  watches_.Add("/q/p", kB, WatchKind::kChild);
  watches_.Add("/q", kA, WatchKind::kChild);
  EXPECT_THAT(Trigger(Kind::kDeleted, "/q/p"),
              ElementsAre(Deleted(kA, "/q/p"), Deleted(kB, "/q/p"),
                          ChildrenChanged(kA, "/q")));
  EXPECT_EQ(watches_.watch_count(), 0);
}

TEST_F(WatchTableTest, PersistentWatchStays) {
  watches_.Add("/p", kA, WatchKind::kPersistent);
  EXPECT_EQ(watches_.watch_count(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Trigger(Kind::kCreated, "/p"), ElementsAre(Created(kA, "/p")));
    EXPECT_THAT(Trigger(Kind::kDataChanged, "/p"),
                ElementsAre(DataChanged(kA, "/p")));
    EXPECT_THAT(Trigger(Kind::kCreated, "/p/c"),
                ElementsAre(ChildrenChanged(kA, "/p")));
    EXPECT_THAT(Trigger(Kind::kDeleted, "/p"), ElementsAre(Deleted(kA, "/p")));
  }
}

TEST_F(WatchTableTest, RecursiveWatchSeesDescendantsButNoChildEvents) {
  watches_.Add("/p", kA, WatchKind::kRecursive);
  EXPECT_EQ(watches_.watch_count(), 1);
  EXPECT_THAT(Trigger(Kind::kCreated, "/p/c/d"),
              ElementsAre(Created(kA, "/p/c/d")));
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/p"),
              ElementsAre(DataChanged(kA, "/p")));
  EXPECT_THAT(Trigger(Kind::kDeleted, "/p/c"),
              ElementsAre(Deleted(kA, "/p/c")));
  EXPECT_THAT(Trigger(Kind::kCreated, "/pp"), IsEmpty());
  watches_.Add("/", kB, WatchKind::kRecursive);
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/"),
              ElementsAre(DataChanged(kB, "/")));
  EXPECT_THAT(Trigger(Kind::kCreated, "/p/x"),
              ElementsAre(Created(kA, "/p/x"), Created(kB, "/p/x")));
}

// Client-protocol.md 4.3, last rows.
TEST_F(WatchTableTest, KindsCombine) {
  watches_.Add("/p", kA, WatchKind::kPersistent);
  watches_.Add("/p", kA, WatchKind::kRecursive);
  EXPECT_THAT(Trigger(Kind::kCreated, "/p/c"),
              ElementsAre(Created(kA, "/p/c"), ChildrenChanged(kA, "/p")));
  watches_.Add("/p/c", kA, WatchKind::kData);
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/p/c"),
              ElementsAre(DataChanged(kA, "/p/c")));
}

TEST_F(WatchTableTest, ConnectionsComeInOrder) {
  for (const ConnectionId c : {kC, kA, kB}) {
    watches_.Add("/p", c, WatchKind::kData);
  }
  watches_.Add("/", kB, WatchKind::kRecursive);
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/p"),
              ElementsAre(DataChanged(kA, "/p"), DataChanged(kB, "/p"),
                          DataChanged(kC, "/p")));
}

TEST_F(WatchTableTest, RemovesByKind) {
  watches_.Add("/p", kA, WatchKind::kData);
  watches_.Add("/p", kA, WatchKind::kPersistent);
  EXPECT_FALSE(watches_.Remove("/p", kA, WatchKind::kChild));
  EXPECT_FALSE(watches_.Remove("/p", kB, WatchKind::kData));
  EXPECT_FALSE(watches_.Remove("/", kA, WatchKind::kData));
  EXPECT_TRUE(watches_.Remove("/p", kA, WatchKind::kData));
  EXPECT_FALSE(watches_.Has("/p", kA, WatchKind::kData));
  EXPECT_TRUE(watches_.Has("/p", kA, WatchKind::kPersistent));
  EXPECT_TRUE(watches_.HasAny("/p", kA));
  EXPECT_EQ(watches_.watch_count(), 2);
  EXPECT_TRUE(watches_.RemoveAny("/p", kA));
  EXPECT_FALSE(watches_.RemoveAny("/p", kA));
  EXPECT_FALSE(watches_.HasAny("/p", kA));
  EXPECT_EQ(watches_.watch_count(), 0);
}

TEST_F(WatchTableTest, ConnectionTakesItsWatchesAlong) {
  for (const WatchKind kind : {WatchKind::kData, WatchKind::kChild,
                               WatchKind::kPersistent, WatchKind::kRecursive}) {
    watches_.Add("/p", kA, kind);
    watches_.Add("/p", kB, kind);
    watches_.Add("/only", kA, kind);
  }
  EXPECT_EQ(watches_.watch_count(), 6);
  watches_.RemoveConnection(kA);
  watches_.CheckInvariants();
  EXPECT_EQ(watches_.watch_count(), 2);
  EXPECT_TRUE(watches_.Has("/p", kB, WatchKind::kRecursive));
  watches_.RemoveConnection(kA);
  watches_.RemoveConnection(kB);
  EXPECT_EQ(watches_.watch_count(), 0);
  EXPECT_THAT(Trigger(Kind::kDeleted, "/p"), IsEmpty());
}

TEST_F(WatchTableTest, SummaryIsOfTheDataTable) {
  watches_.Add("/b", kB, WatchKind::kData);
  watches_.Add("/b", kA, WatchKind::kData);
  watches_.Add("/b", kA, WatchKind::kRecursive);
  watches_.Add("/a", kA, WatchKind::kPersistent);
  watches_.Add("/c", kC, WatchKind::kChild);
  const WatchTable::Summary summary = watches_.DataSummary();
  EXPECT_EQ(summary.connections, 2);
  EXPECT_EQ(summary.paths, 2);
  EXPECT_EQ(summary.watches, 3);
  EXPECT_EQ(watches_.watch_count(), 5);
  using Row = std::pair<std::string_view, std::vector<ConnectionId>>;
  EXPECT_THAT(watches_.DataWatchesByPath(),
              ElementsAre(Row("/a", {kA}), Row("/b", {kA, kB})));
}

TEST_F(WatchTableTest, OddPathsAreJustStrings) {
  for (const char* path : {"", "foo", "/a/", "//"}) {
    watches_.Add(path, kA, WatchKind::kData);
    watches_.Add(path, kA, WatchKind::kRecursive);
  }
  watches_.CheckInvariants();
  EXPECT_THAT(Trigger(Kind::kDataChanged, "/"), IsEmpty());
  watches_.RemoveConnection(kA);
  EXPECT_EQ(watches_.watch_count(), 0);
}

// So many that the tables grow and shrink.
TEST_F(WatchTableTest, ManyComeAndGo) {
  constexpr int kPaths = 30'000;
  const auto path = [](int i) { return "/many/" + std::to_string(i); };
  for (int i = 0; i < kPaths; ++i) {
    watches_.Add(path(i), i % 2 == 0 ? kA : kB, WatchKind::kData);
    if (i % 5 == 0) {
      watches_.Add(path(i), kC, WatchKind::kPersistent);
    }
  }
  watches_.CheckInvariants();
  const size_t full = watches_.memory_bytes();
  for (int i = 0; i < kPaths; i += 3) {
    watches_.Trigger(
        {Kind::kDataChanged, path(i), node_acl_, parent_acl_},
        [](const Notification& n) { EXPECT_FALSE(n.connections.empty()); });
  }
  watches_.CheckInvariants();
  EXPECT_EQ(watches_.watch_count(), kPaths * 2 / 3 + 2 * kPaths / 5);
  watches_.RemoveConnection(kA);
  watches_.CheckInvariants();
  watches_.RemoveConnection(kB);
  watches_.CheckInvariants();
  EXPECT_EQ(watches_.watch_count(), 2 * kPaths / 5);
  watches_.RemoveConnection(kC);
  watches_.CheckInvariants();
  EXPECT_EQ(watches_.watch_count(), 0);
  EXPECT_LT(watches_.memory_bytes(), full / 5);
}

}  // namespace
}  // namespace paddock::tree
