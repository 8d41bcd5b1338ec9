// Subtrees and differences of small trees.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "cli/state_diff.h"
#include "cli/subtrees.h"
#include "tree/acl.h"
#include "tree/data_tree.h"

namespace paddock::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Tree {
 public:
  Tree() : tree_(tree::TreeOptions{}) {
    tree_.BeginRestore();
    Add("/", "");
  }

  Tree& Add(std::string_view path, std::string_view data,
            jute::StatPersisted stat = {}) {
    const std::string acl =
        tree::EncodeAcls({{acl_perms_, {"world", "anyone"}}});
    EXPECT_TRUE(tree_.RestoreNode(path, data, acl, stat)) << path;
    return *this;
  }
  Tree& Perms(int32_t perms) {
    acl_perms_ = perms;
    return *this;
  }

  const tree::DataTree& Done() {
    tree_.EndRestore(1);
    return tree_;
  }

 private:
  int32_t acl_perms_ = 31;
  tree::DataTree tree_;
};

TEST(SubtreesTest, CountsWhatIsBelow) {
  Tree tree;
  tree.Add("/a", "12").Add("/a/b", "345").Add("/a/b/c", "6").Add("/d", "7890");
  const Subtrees subtrees = MeasureSubtrees(tree.Done(), 4);
  // With /zookeeper, /zookeeper/quota and /zookeeper/config.
  EXPECT_EQ(subtrees.whole, (Subtree{"/", 8, 10}));
  EXPECT_THAT(subtrees.by_znodes,
              ElementsAre(Subtree{"/a", 3, 6}, Subtree{"/zookeeper", 3, 0},
                          Subtree{"/a/b", 2, 4}));
  EXPECT_THAT(subtrees.by_data_bytes,
              ElementsAre(Subtree{"/a", 3, 6}, Subtree{"/a/b", 2, 4},
                          Subtree{"/d", 1, 4}, Subtree{"/a/b/c", 1, 1}));
}

TEST(SubtreesTest, KeepsTheTop) {
  Tree tree;
  tree.Add("/a", "1").Add("/b", "22").Add("/c", "333");
  EXPECT_THAT(MeasureSubtrees(tree.Done(), 2).by_data_bytes,
              ElementsAre(Subtree{"/c", 1, 3}, Subtree{"/b", 1, 2}));
  EXPECT_THAT(MeasureSubtrees(tree.Done(), 0).by_data_bytes, IsEmpty());
}

TEST(StateDiffTest, EqualStates) {
  Tree a;
  Tree b;
  a.Add("/a", "1");
  b.Add("/a", "1");
  EXPECT_THAT(Compare(a.Done(), {{1, 2}}, b.Done(), {{1, 2}}, {}).lines,
              IsEmpty());
}

TEST(StateDiffTest, NodesAndSessions) {
  Tree a;
  Tree b;
  a.Add("/both", "same").Add("/gone", "").Add("/data", "old");
  a.Add("/stat", "", {.czxid = 1, .version = 3}).Add("/acl", "");
  b.Add("/stat", "", {.czxid = 16, .version = 4}).Perms(1).Add("/acl", "");
  b.Perms(31).Add("/new", "").Add("/data", "newer").Add("/both", "same");
  const StateDiff diff = Compare(a.Done(), {{1, 5}, {2, 5}, {4, 5}}, b.Done(),
                                 {{2, 6}, {3, 5}, {4, 5}}, {});
  EXPECT_THAT(
      diff.lines,
      ElementsAre("~ /acl: acl [world:anyone:cdrwa] | "
                  "[world:anyone:r]",
                  "~ /data: data 3 bytes | 5 bytes", "- /gone", "+ /new",
                  "~ /stat: czxid 0x1 | 0x10, version 3 | 4", "- session 0x1",
                  "~ session 0x2: timeout 5 ms | 6 ms", "+ session 0x3"));
  EXPECT_EQ(diff.only_in_a, 2);
  EXPECT_EQ(diff.only_in_b, 2);
  EXPECT_EQ(diff.changed, 4);
}

TEST(StateDiffTest, Options) {
  Tree a;
  Tree b;
  a.Add("/data", "old").Add("/time", "", {.ctime = 1, .mtime = 2});
  b.Add("/data", "newer").Add("/time", "", {.ctime = 1, .mtime = 3});
  b.Done();
  a.Done();
  EXPECT_THAT(Compare(a.Done(), {}, b.Done(), {}, {.data_bytes_max = 3}).lines,
              ElementsAre("~ /data: data \"old\" | \"new\" and 2 bytes more",
                          "~ /time: mtime 1970-01-01T00:00:00.002Z | "
                          "1970-01-01T00:00:00.003Z"));
  EXPECT_THAT(Compare(a.Done(), {}, b.Done(), {}, {.ignore_times = true}).lines,
              ElementsAre("~ /data: data 3 bytes | 5 bytes"));
}

TEST(StateDiffTest, NullDataIsNotEmptyData) {
  Tree a;
  Tree b;
  a.Add("/a", std::string_view());
  b.Add("/a", "");
  EXPECT_THAT(Compare(a.Done(), {}, b.Done(), {}, {}).lines,
              ElementsAre("~ /a: data null | 0 bytes"));
}

}  // namespace
}  // namespace paddock::cli
