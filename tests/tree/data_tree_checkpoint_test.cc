// What Capture() hands out is the tree as it was at BeginCapture(), and only
// what changed since the one before.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "jute/persistence.h"
#include "tree/path.h"
#include "tree/tree_harness.h"

namespace paddock::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// A tree as encoded jute::CheckpointNodes, by id: what a checkpoint holds.
using Image = std::map<int64_t, std::string>;

std::string Record(const Znode& node) {
  return Encode(jute::CheckpointNode{
      node.path(), node.data(), node.acl().encoded(), node.stat(), node.id()});
}

Image ImageOf(const DataTree& tree) {
  Image image;
  tree.ForEach(
      [&](const Znode& node) { image.emplace(node.id(), Record(node)); });
  return image;
}

template <class Visit>
void ForEachRecord(std::string_view records, Visit visit) {
  jute::InputArchive in(records);
  while (in.remaining() > 0) {
    jute::CheckpointNode node;
    ASSERT_TRUE(jute::Read(in, &node));
    visit(node);
  }
}

std::vector<std::string> PathsIn(std::string_view records) {
  std::vector<std::string> paths;
  ForEachRecord(records, [&](const jute::CheckpointNode& node) {
    paths.emplace_back(node.path);
  });
  return paths;
}

std::vector<int64_t> IdsIn(std::string_view records) {
  std::vector<int64_t> ids;
  ForEachRecord(records, [&](const jute::CheckpointNode& node) {
    ids.push_back(node.id);
  });
  return ids;
}

void Update(std::string_view records, Image* image) {
  ForEachRecord(records, [&](const jute::CheckpointNode& node) {
    (*image)[node.id] = Encode(node);
  });
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { tree().TrackChanges(/*all=*/false); }

  DataTree& tree() { return harness_.tree(); }
  void Apply(Op op) { harness_.Apply(std::move(op)); }

  int64_t IdOf(std::string_view path) { return tree().Find(path)->id(); }

  // The paths of one whole capture.
  std::vector<std::string> CaptureAll() {
    std::string records;
    EXPECT_FALSE(tree().Capture(1 << 20, &records));
    return PathsIn(records);
  }

  TreeHarness harness_;
};

// Without a look at the whole tree after each transaction.
class LargeCheckpointTest : public CheckpointTest {
 protected:
  void Apply(Op op) { ASSERT_TRUE(harness_.TryApply(++zxid_, std::move(op))); }
  void Create(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      Apply(CreateOp(PathOf(i)));
    }
  }
  static std::string PathOf(uint64_t i) { return fmt::format("/n{}", i); }

 private:
  int64_t zxid_ = 0;
};

// So that a page of the checkpoint is read and written once.
TEST_F(LargeCheckpointTest, CapturesNeighboursTogether) {
  constexpr uint64_t kNodes = 20'000;
  constexpr int64_t kNeighbours = 4096;
  Random random(1);
  const auto change_any = [&] {
    Apply(SetOp(PathOf(random.Below(kNodes)), "x", 1));
  };
  const auto capture = [&] {
    const size_t changed = tree().change_count();
    tree().BeginCapture();
    std::string records;
    while (tree().Capture(records.size() + 1000, &records)) {
      change_any();  // Some before their turn
    }
    tree().EndCapture(true);
    const std::vector<int64_t> ids = IdsIn(records);
    EXPECT_EQ(ids.size(), changed);
    const auto by_group = [](int64_t a, int64_t b) {
      return a / kNeighbours < b / kNeighbours;
    };
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end(), by_group));
  };
  Create(kNodes);
  capture();
  for (uint64_t i = 0; i < kNodes; ++i) {
    change_any();
  }
  capture();
}

TEST_F(LargeCheckpointTest, WhatChangesBeforeItsTurnTakesBoundedMemory) {
  constexpr uint64_t kNodes = 20'000;
  constexpr uint64_t kLarge = 100;  // The last of them
  Create(kNodes);
  const std::string data(200'000, 'd');
  for (uint64_t i = kNodes - kLarge; i < kNodes; ++i) {
    Apply(SetOp(PathOf(i), data, 1));
  }
  const size_t changed = tree().change_count();
  tree().BeginCapture();
  for (uint64_t i = kNodes - kLarge; i < kNodes; ++i) {
    Apply(SetOp(PathOf(i), "small", 2));
  }
  EXPECT_GT(tree().change_bytes(), kLarge * data.size());
  std::string records;
  EXPECT_TRUE(tree().Capture(1000, &records));
  EXPECT_LT(tree().change_bytes(), 10u << 20);
  while (tree().Capture(records.size() + 1000, &records)) {
  }
  tree().EndCapture(true);
  EXPECT_GT(records.size(), kLarge * data.size());
  const std::vector<int64_t> ids = IdsIn(records);
  EXPECT_EQ(ids.size(), changed);
  EXPECT_EQ(std::set<int64_t>(ids.begin(), ids.end()).size(), changed);
}

TEST_F(CheckpointTest, CapturesWhatChangedOnce) {
  Apply(CreateOp("/a"));
  Apply(SetOp("/a", "x", 1));
  Apply(SetOp("/a", "y", 2));
  EXPECT_THAT(*tree().BeginCapture(), IsEmpty());
  EXPECT_THAT(CaptureAll(), UnorderedElementsAre("/", "/a"));
  tree().EndCapture(true);
  EXPECT_EQ(tree().change_count(), 0u);

  Apply(SetOp("/a", "z", 3));
  EXPECT_THAT(*tree().BeginCapture(), IsEmpty());
  EXPECT_THAT(CaptureAll(), ElementsAre("/a"));
  tree().EndCapture(true);
}

TEST_F(CheckpointTest, ANodeThatIsCreatedAgainIsAnother) {
  Apply(CreateOp("/a"));
  const int64_t first = IdOf("/a");
  tree().BeginCapture();
  CaptureAll();
  tree().EndCapture(true);

  Apply(DeleteOp("/a"));
  Apply(CreateOp("/a", "again"));
  EXPECT_GT(IdOf("/a"), first);
  EXPECT_THAT(*tree().BeginCapture(), ElementsAre(first));
  EXPECT_THAT(CaptureAll(), UnorderedElementsAre("/", "/a"));
  tree().EndCapture(true);
}

TEST_F(CheckpointTest, ANodeThatCameAndWentLeavesNothing) {
  Apply(CreateOp("/a"));
  tree().BeginCapture();
  CaptureAll();
  tree().EndCapture(true);

  Apply(CreateOp("/b"));
  Apply(DeleteOp("/b"));
  EXPECT_THAT(*tree().BeginCapture(), IsEmpty());
  EXPECT_THAT(CaptureAll(), ElementsAre("/"));
  tree().EndCapture(true);
}

TEST_F(CheckpointTest, ChildrenHaveGreaterIdsThanTheirParents) {
  for (const char* path : {"/b", "/a", "/a/b", "/a/b/c"}) {
    Apply(CreateOp(path));
  }
  EXPECT_LT(IdOf("/"), IdOf("/b"));
  EXPECT_LT(IdOf("/b"), IdOf("/a"));
  EXPECT_LT(IdOf("/a"), IdOf("/a/b"));
  EXPECT_LT(IdOf("/a/b"), IdOf("/a/b/c"));
}

TEST_F(CheckpointTest, TakesNoMemoryOnceItHasEnded) {
  constexpr size_t kBytes = 1 << 20;
  Apply(CreateOp("/a"));
  Apply(SetOp("/a", std::string(kBytes, 'x'), 1));
  EXPECT_LT(tree().change_bytes(), 1000u);
  tree().BeginCapture();
  Apply(SetOp("/a", "y", 2));  // Captured early
  EXPECT_GE(tree().change_bytes(), kBytes);
  std::string records;
  while (tree().Capture(kBytes, &records)) {
    records.clear();
  }
  tree().EndCapture(true);
  EXPECT_LT(tree().change_bytes(), 1000u);
}

TEST_F(CheckpointTest, IsUrgentWhileMuchWasCapturedEarly) {
  Apply(CreateOp("/a"));
  Apply(SetOp("/a", std::string(5 << 20, 'x'), 1));
  tree().BeginCapture();
  EXPECT_FALSE(tree().IsCaptureUrgent());
  Apply(SetOp("/a", "y", 2));
  EXPECT_TRUE(tree().IsCaptureUrgent());
  std::string records;
  while (tree().Capture(1 << 20, &records)) {
    records.clear();
  }
  EXPECT_FALSE(tree().IsCaptureUrgent());
  tree().EndCapture(true);
}

TEST_F(CheckpointTest, AnUnsafeCaptureCountsAsChanged) {
  Apply(CreateOp("/a"));
  Apply(CreateOp("/b"));
  const int64_t a = IdOf("/a");
  const int64_t b = IdOf("/b");
  tree().BeginCapture();
  CaptureAll();
  Apply(DeleteOp("/b"));
  tree().EndCapture(false);
  Apply(DeleteOp("/a"));
  Apply(CreateOp("/a"));
  EXPECT_THAT(*tree().BeginCapture(), UnorderedElementsAre(a, b));
  EXPECT_THAT(CaptureAll(), UnorderedElementsAre("/", "/a"));
  tree().EndCapture(true);
}

TEST(CheckpointAllTest, EveryNodeCountsAsChanged) {
  TreeHarness harness;
  harness.Apply(CreateOp("/a"));
  harness.tree().TrackChanges(/*all=*/true);
  harness.tree().BeginCapture();
  std::string records;
  EXPECT_FALSE(harness.tree().Capture(1 << 20, &records));
  EXPECT_THAT(PathsIn(records),
              UnorderedElementsAre("/", "/zookeeper", "/zookeeper/quota",
                                   "/zookeeper/config", "/a"));
  harness.tree().EndCapture(true);
}

// Random transactions go on while a capture is in progress, a few records at a
// time; some captures turn out unsafe.
class CheckpointPropertyTest : public testing::TestWithParam<uint64_t> {
 protected:
  std::string RandomPath() {
    std::string path;
    for (uint64_t depth = 1 + random_.Below(3); depth > 0; --depth) {
      path += fmt::format("/{}", random_.Below(4));
    }
    return path;
  }

  Op RandomOp() {
    const std::string path = RandomPath();
    switch (random_.Below(8)) {
      case 0:
      case 1:
      case 2:
        return CreateOp(path, std::string(random_.Below(40), 'd'),
                        random_.Chance(1, 4));
      case 3:
        return SetOp(path, std::string(random_.Below(700), 's'), 1);
      case 4:
        return SetAclOp(path, random_.Chance(1, 2) ? kReadAcl : kOpenAcl, 1);
      case 5:
        return CloseOp({});
      default:
        return DeleteOp(path);
    }
  }

  // A create must have a parent that can have children, a delete no children:
  // what a live Apply() gets.
  bool Fits(const Op& op) {
    if (op.type == OpCode::kDelete) {
      jute::DeleteTxn txn;
      CHECK(jute::Read(op.record, &txn));
      const Znode* node = harness_.tree().Find(txn.path);
      return node != nullptr && node->num_children() == 0;
    }
    if (op.type == OpCode::kCreate) {
      jute::CreateTxn txn;
      CHECK(jute::Read(op.record, &txn));
      const Znode* parent = harness_.tree().Find(ParentPath(txn.path));
      return parent != nullptr && parent->ephemeral_owner() == 0;
    }
    return true;
  }

  void ApplyRandom(uint64_t count) {
    while (count > 0) {
      const Op op = RandomOp();
      if (Fits(op)) {
        harness_.Apply(op);
        --count;
      }
    }
  }

  Random random_{GetParam()};
  TreeHarness harness_;
};

TEST_P(CheckpointPropertyTest, HoldsTheTreeAsItWasWhenItBegan) {
  DataTree& tree = harness_.tree();
  ApplyRandom(20);
  Image saved = random_.Chance(1, 2) ? ImageOf(tree) : Image();
  tree.TrackChanges(/*all=*/saved.empty());
  for (int round = 0; round < 30; ++round) {
    ApplyRandom(random_.Below(30));
    const Image expected = ImageOf(tree);
    Image image = saved;
    const auto deleted = tree.BeginCapture();
    for (const int64_t id : *deleted) {
      image.erase(id);
    }
    bool more = true;
    while (more) {
      ApplyRandom(random_.Below(6));
      std::string records;
      more = tree.Capture(random_.Below(400), &records);
      Update(records, &image);
    }
    ASSERT_EQ(image, expected) << "seed " << GetParam();
    ApplyRandom(random_.Below(6));
    const bool is_safe = random_.Chance(4, 5);
    tree.EndCapture(is_safe);
    if (is_safe) {
      saved = std::move(image);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CheckpointPropertyTest,
                         testing::Range(uint64_t{1}, uint64_t{17}));

}  // namespace
}  // namespace paddock::tree
