// ZnodeSet finds the znodes of a tree by their paths.  It does not own them.
// Not thread-safe.
//
// With millions of them hardly anything it looks at is in a cache, and waiting
// for memory is what it costs.  So it asks for memory ahead where it can.

#ifndef PADDOCK_TREE_ZNODE_SET_H_
#define PADDOCK_TREE_ZNODE_SET_H_

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "tree/string_hash.h"
#include "tree/znode.h"

namespace paddock::tree {

class ZnodeSet {
 public:
  size_t size() const { return nodes_.size(); }
  // Bytes of its table.
  size_t bytes() const;

  // The znode at `path`, or null.
  Znode* Find(std::string_view path) const;

  // `path` will be looked for, or inserted, soon.
  void Prefetch(std::string_view path) const { nodes_.prefetch(path); }

  // The znodes at these paths will be used soon.
  void Prefetch(absl::Span<const std::string_view> paths) const;

  // False, with nothing changed, when there is one of that path.
  bool Insert(Znode* node);
  // REQUIRES: `node` is in the set
  void Erase(Znode* node);
  void Clear();

  // In no particular order, which is never observed.
  auto begin() const { return nodes_.begin(); }
  auto end() const { return nodes_.end(); }

 private:
  // Stands for a path and finds what most likely is its znode, without looking
  // at that.
  struct Guess {
    size_t hash = 0;
  };
  struct PathHash : StringHash {
    using StringHash::operator();
    size_t operator()(const Znode* node) const { return (*this)(node->path()); }
    size_t operator()(Guess guess) const { return guess.hash; }
  };
  struct PathEqual {
    using is_transparent = void;
    static std::string_view PathOf(std::string_view path) { return path; }
    static std::string_view PathOf(const Znode* node) { return node->path(); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      if constexpr (std::is_same_v<A, Guess> || std::is_same_v<B, Guess>) {
        return true;
      } else {
        return PathOf(a) == PathOf(b);
      }
    }
  };
  using Nodes = absl::flat_hash_set<Znode*, PathHash, PathEqual>;

  void Grow();

  Nodes nodes_;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_ZNODE_SET_H_
