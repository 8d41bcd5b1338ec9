#include "cli/subtrees.h"

#include <algorithm>

#include "base/check.h"

namespace paddock::cli {
namespace {

// A znode whose subtree is being walked.
struct Level {
  const tree::Znode* node = nullptr;
  int64_t znodes = 0;
  int64_t data_bytes = 0;
};

// Keeps the largest subtrees by one of their sizes.
class Ranking {
 public:
  Ranking(size_t top, int64_t Subtree::*size) : top_(top), size_(size) {}

  // Of equal ones the first that was offered stays.
  void Offer(const Level& level, int64_t size) {
    if (top_ == 0 || (list_.size() == top_ && size <= list_.back().*size_)) {
      return;
    }
    const auto place =
        std::find_if(list_.begin(), list_.end(),
                     [&](const Subtree& other) { return other.*size_ < size; });
    list_.insert(place, {std::string(level.node->path()), level.znodes,
                         level.data_bytes});
    if (list_.size() > top_) {
      list_.pop_back();
    }
  }

  std::vector<Subtree> Take() { return std::move(list_); }

 private:
  const size_t top_;
  int64_t Subtree::*const size_;
  std::vector<Subtree> list_;
};

}  // namespace

Subtrees MeasureSubtrees(const tree::DataTree& tree, size_t top) {
  Ranking by_znodes(top, &Subtree::znodes);
  Ranking by_data_bytes(top, &Subtree::data_bytes);
  std::vector<Level> levels;  // From "/" down to the current znode
  const auto leave = [&] {
    const Level done = levels.back();
    levels.pop_back();
    levels.back().znodes += done.znodes;
    levels.back().data_bytes += done.data_bytes;
    if (done.znodes > 1) {
      by_znodes.Offer(done, done.znodes);
    }
    if (done.data_bytes > 0) {
      by_data_bytes.Offer(done, done.data_bytes);
    }
  };
  tree.ForEach([&](const tree::Znode& node) {
    while (!levels.empty() && levels.back().node != node.parent()) {
      leave();
    }
    levels.push_back({&node, 1, static_cast<int64_t>(node.data().size())});
  });
  while (levels.size() > 1) {
    leave();
  }
  CHECK_EQ(levels.size(), 1u);
  return {{"/", levels.front().znodes, levels.front().data_bytes},
          by_znodes.Take(),
          by_data_bytes.Take()};
}

}  // namespace paddock::cli
