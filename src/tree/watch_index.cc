#include "tree/watch_index.h"

#include <cstdint>
#include <cstring>
#include <new>
#include <optional>

#include "base/check.h"
#include "base/memory.h"
#include "base/prefetch.h"

namespace paddock::tree {

// One block of memory: 12 bytes, then those of the path.  Nearly all paths have
// one watcher, which needs no further memory.
class WatchIndex::Path {
 public:
  static Number New(std::string_view path, ConnectionId first, SlabHeap* heap) {
    CHECK_LT(path.size(), kMany);
    const Number number = heap->AllocateNumbered(sizeof(Path) + path.size());
    new (heap->At(number)) Path(path, first);
    return number;
  }
  ~Path() {
    if (has_many()) {
      delete set();
    }
  }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  size_t bytes() const { return sizeof(Path) + size(); }
  size_t memory_bytes() const { return SlabHeap::BlockBytes(bytes()); }

  std::string_view path() const {
    return {reinterpret_cast<const char*>(this + 1), size()};
  }

  size_t watcher_count() const { return has_many() ? set()->size() : 1; }

  bool Has(ConnectionId id) const {
    return has_many() ? set()->contains(id) : one() == id;
  }

  bool Add(ConnectionId id) {
    if (!has_many()) {
      if (one() == id) {
        return false;
      }
      SetWord(reinterpret_cast<uintptr_t>(new Set{one()}));
      size_ |= kMany;
    }
    return set()->insert(id).second;
  }

  // REQUIRES: Has(id), and it is not the only one
  void Remove(ConnectionId id) {
    CHECK(has_many() && set()->size() > 1);
    CHECK_EQ(set()->erase(id), 1u);
  }

  void Collect(std::vector<ConnectionId>* connections) const {
    if (has_many()) {
      connections->insert(connections->end(), set()->begin(), set()->end());
    } else {
      connections->push_back(one());
    }
  }

 private:
  using Set = absl::btree_set<ConnectionId>;
  static constexpr uint32_t kMany = uint32_t{1} << 31;

  Path(std::string_view path, ConnectionId first)
      : size_(static_cast<uint32_t>(path.size())) {
    SetWord(static_cast<uint64_t>(first));
    path.copy(reinterpret_cast<char*>(this + 1), path.size());
  }

  size_t size() const { return size_ & ~kMany; }
  bool has_many() const { return (size_ & kMany) != 0; }
  ConnectionId one() const { return ConnectionId{word()}; }
  Set* set() const {  // Not empty
    return reinterpret_cast<Set*>(static_cast<uintptr_t>(word()));
  }
  uint64_t word() const {
    uint64_t word = 0;
    std::memcpy(&word, word_, sizeof word);
    return word;
  }
  void SetWord(uint64_t word) { std::memcpy(word_, &word, sizeof word); }

  uint32_t word_[2];  // The only watcher; or once there were two, a set
  uint32_t size_;     // Of the path; and kMany
};

WatchIndex::Path* WatchIndex::At(const SlabHeap& heap, Number path) {
  return static_cast<Path*>(heap.At(path));
}

std::string_view WatchIndex::ByPath::PathOf(Number path) const {
  return At(*heap, path)->path();
}

void WatchIndex::ByPath::PrefetchPath(Number path) const {
  __builtin_prefetch(At(*heap, path));
}

WatchIndex::WatchIndex() : paths_(ByPath{&heap_}) {}

WatchIndex::~WatchIndex() {
  paths_.ForEach([this](Number path) { Free(path); });
}

void WatchIndex::Free(Number path) {
  Path* const freed = At(path);
  const size_t bytes = freed->bytes();
  freed->~Path();
  heap_.FreeNumbered(path, bytes);
}

bool WatchIndex::Add(std::string_view path, ConnectionId connection) {
  const auto [number, is_new] = paths_.FindOrInsert(
      path, [&] { return Path::New(path, connection, &heap_); });
  if (is_new) {
    path_bytes_ += At(number)->memory_bytes();
  } else if (!At(number)->Add(connection)) {
    return false;
  }
  connections_[connection].insert(number);
  ++pairs_;
  return true;
}

bool WatchIndex::Remove(std::string_view path, ConnectionId connection) {
  const std::optional<Number> found = paths_.Find(path);
  if (!found.has_value() || !At(*found)->Has(connection)) {
    return false;
  }
  RemoveFromConnection(connection, *found);
  if (At(*found)->watcher_count() == 1) {
    ForgetPath(*found);
  } else {
    At(*found)->Remove(connection);
  }
  --pairs_;
  return true;
}

void WatchIndex::RemoveConnection(
    ConnectionId connection,
    absl::FunctionRef<void(std::string_view path)> removed) {
  const auto it = connections_.find(connection);
  if (it == connections_.end()) {
    return;
  }
  const std::vector<Number> paths(it->second.begin(), it->second.end());
  connections_.erase(it);
  pairs_ -= paths.size();
  for (size_t i = 0; i < paths.size(); ++i) {
    if (i + 2 * kPrefetchAhead < paths.size()) {
      __builtin_prefetch(At(paths[i + 2 * kPrefetchAhead]));
    }
    if (i + kPrefetchAhead < paths.size()) {
      paths_.Prefetch(At(paths[i + kPrefetchAhead])->path());
    }
    Path* const path = At(paths[i]);
    if (path->watcher_count() > 1) {
      path->Remove(connection);
      removed(path->path());
      continue;
    }
    CHECK(path->Has(connection));
    paths_.Erase(paths[i]);
    removed(path->path());
    path_bytes_ -= path->memory_bytes();
    Free(paths[i]);
  }
}

bool WatchIndex::Contains(std::string_view path,
                          ConnectionId connection) const {
  const std::optional<Number> found = paths_.Find(path);
  return found.has_value() && At(*found)->Has(connection);
}

void WatchIndex::Collect(std::string_view path,
                         std::vector<ConnectionId>* connections) const {
  if (const std::optional<Number> found = paths_.Find(path)) {
    At(*found)->Collect(connections);
  }
}

void WatchIndex::Take(std::string_view path,
                      std::vector<ConnectionId>* connections) {
  const std::optional<Number> found = paths_.Find(path);
  if (!found.has_value()) {
    return;
  }
  const size_t first = connections->size();
  At(*found)->Collect(connections);
  for (size_t i = first; i < connections->size(); ++i) {
    if (i + kPrefetchAhead < connections->size()) {
      connections_.prefetch((*connections)[i + kPrefetchAhead]);
    }
    RemoveFromConnection((*connections)[i], *found);
  }
  pairs_ -= connections->size() - first;
  ForgetPath(*found);
}

void WatchIndex::ForEachPath(
    absl::FunctionRef<void(std::string_view path)> visit) const {
  paths_.ForEach([&](Number path) { visit(At(path)->path()); });
}

void WatchIndex::ForEachConnection(
    absl::FunctionRef<void(ConnectionId connection)> visit) const {
  for (const auto& [connection, paths] : connections_) {
    visit(connection);
  }
}

// Watchers of a path beyond its first are taken for the one pair they are in a
// B-tree.
size_t WatchIndex::memory_bytes() const {
  size_t bytes = path_bytes_ + paths_.bytes() + TableBytes(connections_) +
                 (pairs_ - paths_.size()) * sizeof(ConnectionId) * 4 / 3;
  for (const auto& [connection, paths] : connections_) {
    bytes += TreeBytes(paths);
  }
  return bytes;
}

void WatchIndex::CheckInvariants() const {
  size_t path_bytes = 0;
  size_t pairs_by_path = 0;
  paths_.ForEach([&](Number number) {
    const Path* const path = At(number);
    std::vector<ConnectionId> watchers;
    path->Collect(&watchers);
    CHECK(!watchers.empty()) << path->path();
    path_bytes += path->memory_bytes();
    pairs_by_path += watchers.size();
    for (const ConnectionId watcher : watchers) {
      CHECK(connections_.at(watcher).contains(number)) << path->path();
    }
  });
  size_t pairs_by_connection = 0;
  for (const auto& [connection, paths] : connections_) {
    CHECK(!paths.empty());
    pairs_by_connection += paths.size();
  }
  CHECK_EQ(pairs_by_path, pairs_);
  CHECK_EQ(path_bytes, path_bytes_);
  CHECK_EQ(pairs_by_connection, pairs_);
}

void WatchIndex::ForgetPath(Number path) {
  paths_.Erase(path);
  path_bytes_ -= At(path)->memory_bytes();
  Free(path);
}

void WatchIndex::RemoveFromConnection(ConnectionId connection, Number path) {
  const auto it = connections_.find(connection);
  CHECK(it != connections_.end());
  CHECK_EQ(it->second.erase(path), 1u);
  if (it->second.empty()) {
    connections_.erase(it);
  }
}

}  // namespace paddock::tree
