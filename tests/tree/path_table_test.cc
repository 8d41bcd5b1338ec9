#include "tree/path_table.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddock::tree {
namespace {

// Numbers of paths.
struct ByNumber {
  using Element = int;
  static constexpr int kTableBits = 7;
  std::string_view PathOf(int number) const { return (*paths)[number]; }
  void PrefetchPath(int /*number*/) const {}
  void Prefetch(int /*number*/) const {}
  const std::vector<std::string>* paths;
};

class PathTableTest : public testing::Test {
 protected:
  static constexpr int kPaths = 100'000;

  PathTableTest() {
    for (int i = 0; i < kPaths; ++i) {
      paths_.push_back("/test/" + std::to_string(i));
    }
  }

  void ExpectHolds(const std::set<int>& numbers) {
    EXPECT_EQ(table_.size(), numbers.size());
    for (int i = 0; i < kPaths; ++i) {
      ASSERT_EQ(table_.Find(paths_[i]).value_or(-1),
                numbers.contains(i) ? i : -1);
    }
    std::set<int> seen;
    table_.ForEach([&](int number) { seen.insert(number); });
    EXPECT_EQ(seen, numbers);
  }

  std::vector<std::string> paths_;
  PathTable<ByNumber> table_{ByNumber{&paths_}};
};

TEST_F(PathTableTest, HoldsWhatWasInsertedAndNotErased) {
  std::mt19937 random(1);
  std::set<int> expected;
  // It grows, shrinks, and grows again.
  for (const int percent_inserted : {90, 10, 1, 70}) {
    for (int i = 0; i < kPaths; ++i) {
      const int number = static_cast<int>(random() % kPaths);
      if (static_cast<int>(random() % 100) < percent_inserted) {
        EXPECT_EQ(table_.Insert(number), expected.insert(number).second);
      } else if (expected.erase(number) > 0) {
        table_.Erase(number);
      }
    }
    ExpectHolds(expected);
  }
}

TEST_F(PathTableTest, AsksForAnElementOnceOnly) {
  EXPECT_EQ(table_.FindOrInsert(paths_[1], [] { return 1; }),
            std::pair(1, true));
  EXPECT_EQ(table_.FindOrInsert(paths_[1],
                                [] {
                                  ADD_FAILURE();
                                  return 2;
                                }),
            std::pair(1, false));
}

TEST_F(PathTableTest, GivesBackWhatItOutgrew) {
  const size_t empty = table_.bytes();
  for (int i = 0; i < kPaths; ++i) {
    table_.Insert(i);
  }
  const size_t full = table_.bytes();
  for (int i = 0; i < kPaths; ++i) {
    table_.Erase(i);
  }
  EXPECT_LT(table_.bytes() - empty, full / 5);
  ExpectHolds({});
}

TEST_F(PathTableTest, TakesBackWhatWasCleared) {
  for (int i = 0; i < kPaths; ++i) {
    table_.Insert(i);
  }
  table_.Clear();
  ExpectHolds({});
  EXPECT_TRUE(table_.Insert(1));
  ExpectHolds({1});
}

}  // namespace
}  // namespace paddock::tree
