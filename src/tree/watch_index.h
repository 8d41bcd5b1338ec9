// WatchIndex is a set of pairs (path, connection) that can be asked from both
// sides: the watches of one kind.  Not thread-safe.
//
// Made for two extremes: a path with 10,000 watchers, and a connection that
// watches 1,000,000 paths with no other watcher.  The second takes 22 to 30
// bytes besides the path for each watch: 12 with the path, 5 for each place in
// the table of paths, of which 44 to 88 % are used, and 4 to 6 in the B-tree of
// the connection.

#ifndef PADDOCK_TREE_WATCH_INDEX_H_
#define PADDOCK_TREE_WATCH_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "base/ids.h"
#include "base/slab_heap.h"
#include "tree/path_table.h"

namespace paddock::tree {

class WatchIndex {
 public:
  WatchIndex();
  ~WatchIndex();
  WatchIndex(const WatchIndex&) = delete;
  WatchIndex& operator=(const WatchIndex&) = delete;

  bool empty() const { return pairs_ == 0; }
  size_t size() const { return pairs_; }  // Pairs
  size_t path_count() const { return paths_.size(); }
  size_t connection_count() const { return connections_.size(); }
  // All it takes, roughly; looks at each connection.
  size_t memory_bytes() const;

  // False when the pair is there already.
  bool Add(std::string_view path, ConnectionId connection);
  // False when there is no such pair.
  bool Remove(std::string_view path, ConnectionId connection);

  // Calls `removed` with each path of the connection, in no particular order,
  // after its pair is gone.
  void RemoveConnection(ConnectionId connection,
                        absl::FunctionRef<void(std::string_view path)> removed);

  bool Contains(std::string_view path, ConnectionId connection) const;
  bool ContainsPath(std::string_view path) const {
    return paths_.Find(path).has_value();
  }
  bool ContainsConnection(ConnectionId connection) const {
    return connections_.contains(connection);
  }

  // Appends the connections of `path`, ascending, to *connections.
  void Collect(std::string_view path,
               std::vector<ConnectionId>* connections) const;
  // The same, and removes these pairs.
  void Take(std::string_view path, std::vector<ConnectionId>* connections);

  // In no particular order.
  void ForEachPath(absl::FunctionRef<void(std::string_view path)> visit) const;
  void ForEachConnection(
      absl::FunctionRef<void(ConnectionId connection)> visit) const;

  // Fails a CHECK when the two sides do not agree.
  void CheckInvariants() const;

 private:
  class Path;               // A path and its watchers
  using Number = uint32_t;  // Of one, in heap_

  struct ByPath {  // See PathTable
    using Element = Number;
    // 256 tables made it 55 bytes a watch at 200,000 of them, 32 make it 45.
    static constexpr int kTableBits = 5;
    std::string_view PathOf(Number path) const;
    void PrefetchPath(Number path) const;
    const SlabHeap* heap;
  };
  struct IdHash {
    size_t operator()(ConnectionId id) const {
      return absl::Hash<uint64_t>()(static_cast<uint64_t>(id));
    }
  };
  using PathSet = absl::btree_set<Number>;

  static Path* At(const SlabHeap& heap, Number path);
  Path* At(Number path) const { return At(heap_, path); }
  void ForgetPath(Number path);
  void Free(Number path);
  void RemoveFromConnection(ConnectionId connection, Number path);

  SlabHeap heap_;  // Of paths
  // Iteration order of both is never observed.
  PathTable<ByPath> paths_;
  absl::flat_hash_map<ConnectionId, PathSet, IdHash> connections_;
  size_t pairs_ = 0;
  size_t path_bytes_ = 0;  // Of the blocks of paths_
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_WATCH_INDEX_H_
