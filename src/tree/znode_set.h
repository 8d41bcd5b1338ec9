// ZnodeSet finds the znodes of a tree by their paths.  It does not own them.
// Not thread-safe.
//
// With millions of them hardly anything it looks at is in a cache, and waiting
// for memory is what it costs.  So it asks for memory ahead where it can.  And
// it is many tables, not one: a table that is full is copied to a larger one at
// once, which took a single one 120 ms at a million znodes, and nobody is
// served meanwhile.

#ifndef PADDOCK_TREE_ZNODE_SET_H_
#define PADDOCK_TREE_ZNODE_SET_H_

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "base/mapped_allocator.h"
#include "tree/znode.h"

namespace paddock::tree {

class ZnodeSet {
 public:
  size_t size() const { return size_; }
  // Bytes of its tables.
  size_t bytes() const;

  // The znode at `path`, or null.
  Znode* Find(std::string_view path) const;

  // `path` will be looked for, or inserted, soon.
  void Prefetch(std::string_view path) const;

  // The znodes at these paths will be used soon.
  void Prefetch(absl::Span<const std::string_view> paths) const;

  // False, with nothing changed, when there is one of that path.
  bool Insert(Znode* node);
  // REQUIRES: `node` is in the set
  void Erase(Znode* node);
  void Clear();

  // `use` is called with each, in no particular order, and may free it.  The
  // set may only be cleared after that.
  template <class Use>
  void ForEach(Use use) const {
    for (const Table& table : tables_) {
      for (Znode* node : table) {
        use(node);
      }
    }
  }

 private:
  // A path that was hashed already.
  struct Key {
    std::string_view path;
    size_t hash = 0;
  };
  // Stands for a path and finds what most likely is its znode, without looking
  // at that.
  struct Guess {
    size_t hash = 0;
  };
  struct PathHash {
    using is_transparent = void;
    size_t operator()(const Znode* node) const { return HashOf(node->path()); }
    size_t operator()(const Key& key) const { return key.hash; }
    size_t operator()(Guess guess) const { return guess.hash; }
  };
  struct PathEqual {
    using is_transparent = void;
    static std::string_view PathOf(const Key& key) { return key.path; }
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
  using Table =
      absl::flat_hash_set<Znode*, PathHash, PathEqual, MappedAllocator<Znode*>>;

  static Key KeyOf(std::string_view path) { return {path, HashOf(path)}; }
  // By the bits of a hash that no table uses.
  static size_t Place(size_t hash) { return hash >> (64 - kTableBits); }
  static void Grow(Table* table);

  static constexpr int kTableBits = 8;

  std::array<Table, size_t{1} << kTableBits> tables_;
  size_t size_ = 0;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_ZNODE_SET_H_
