#include "tree/znode_set.h"

#include <array>
#include <utility>

#include "absl/types/span.h"
#include "base/check.h"
#include "base/memory.h"

namespace paddock::tree {

namespace {

constexpr size_t kAhead = 32;  // Znodes whose memory is asked for together

}  // namespace

size_t ZnodeSet::bytes() const { return TableBytes(nodes_); }

Znode* ZnodeSet::Find(std::string_view path) const {
  const auto it = nodes_.find(path);
  return it == nodes_.end() ? nullptr : *it;
}

bool ZnodeSet::Insert(Znode* node) {
  if (nodes_.size() >= nodes_.capacity() - nodes_.capacity() / 8) {
    Grow();
  }
  return nodes_.insert(node).second;
}

void ZnodeSet::Erase(Znode* node) { CHECK_EQ(nodes_.erase(node), 1u); }

void ZnodeSet::Clear() { nodes_ = Nodes(); }

// What the table would do itself, but one cache miss after the other.
void ZnodeSet::Grow() {
  Nodes grown;
  grown.reserve(2 * nodes_.size());
  for (auto next = nodes_.begin(); next != nodes_.end();) {
    std::array<Znode*, kAhead> ahead;
    size_t count = 0;
    for (; count < kAhead && next != nodes_.end(); ++count, ++next) {
      ahead[count] = *next;
      ahead[count]->PrefetchPath();
    }
    const absl::Span<Znode* const> batch(ahead.data(), count);
    for (const Znode* node : batch) {
      grown.prefetch(node->path());
    }
    grown.insert(batch.begin(), batch.end());
  }
  nodes_ = std::move(grown);
}

}  // namespace paddock::tree
