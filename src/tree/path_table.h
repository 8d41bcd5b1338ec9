// PathTable finds things by their paths, by the million.  It does not own them.
// Not thread-safe.
//
// With millions of them hardly anything it looks at is in a cache, and waiting
// for memory is what it costs.  So it asks for memory ahead where it can.  And
// it is many tables, not one: a table that is full is copied to a larger one at
// once, which took a single one 120 ms at a million znodes and 600 ms at four
// million watches, and nobody is served meanwhile.
//
// `By` says what the things are and where they have their paths:
//   using Element = ...;                    A pointer, or a number
//   static constexpr int kTableBits;        2^kTableBits tables.  The more, the
//                                           less time the copy of one takes,
//                                           and the more outgrown memory stays
//   std::string_view PathOf(Element) const;
//   void PrefetchPath(Element) const;       It will be asked for soon
//   void Prefetch(Element) const;           All of it will be used; only for
//                                           Prefetch() of several

#ifndef PADDOCK_TREE_PATH_TABLE_H_
#define PADDOCK_TREE_PATH_TABLE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mapped_allocator.h"
#include "base/memory.h"

namespace paddock::tree {

template <class By>
class PathTable {
 public:
  using Element = typename By::Element;

  explicit PathTable(By by = By()) : by_(by), tables_(kTables, NewTable()) {}

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // Bytes of its tables.
  size_t bytes() const;

  // What is at `path`.
  std::optional<Element> Find(std::string_view path) const;

  // `path` will be looked for, or inserted, soon.
  void Prefetch(std::string_view path) const;

  // What is at these paths will be used soon.
  void Prefetch(absl::Span<const std::string_view> paths) const;

  // False, with nothing changed, when there is one of that path.
  bool Insert(Element element);
  // What is at `path`, or else what make() returns, inserted: and whether that
  // is so.
  template <class Make>
  std::pair<Element, bool> FindOrInsert(std::string_view path, Make make);
  // REQUIRES: `element` is in the table
  void Erase(Element element);
  void Clear();

  // `use` is called with each, in no particular order, and may free it.  The
  // table may only be cleared after that.
  template <class Use>
  void ForEach(Use use) const {
    for (const Table& table : tables_) {
      for (const Element element : table) {
        use(element);
      }
    }
  }

 private:
  // A path that was hashed already.
  struct Key {
    std::string_view path;
    size_t hash = 0;
  };
  // Stands for a path and finds what most likely is there, without looking at
  // that.
  struct Guess {
    size_t hash = 0;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(Element element) const {
      return HashOf(by.PathOf(element));
    }
    size_t operator()(const Key& key) const { return key.hash; }
    size_t operator()(Guess guess) const { return guess.hash; }
    By by;
  };
  struct Equal {
    using is_transparent = void;
    std::string_view PathOf(const Key& key) const { return key.path; }
    std::string_view PathOf(Element element) const {
      return by.PathOf(element);
    }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      if constexpr (std::is_same_v<A, Guess> || std::is_same_v<B, Guess>) {
        return true;
      } else {
        return PathOf(a) == PathOf(b);
      }
    }
    By by;
  };
  using Table =
      absl::flat_hash_set<Element, Hash, Equal, MappedAllocator<Element>>;

  // Elements whose memory is asked for together.
  static constexpr size_t kAhead = 32;
  // So few are in a cache in any case, and what is done ahead would be a waste.
  static constexpr size_t kCachedMax = 10'000;
  // Not worth giving back.
  static constexpr size_t kSmallCapacity = 63;

  static constexpr size_t kTables = size_t{1} << By::kTableBits;

  static Key KeyOf(std::string_view path) { return {path, HashOf(path)}; }
  // By the bits of a hash that no table uses.
  static size_t Place(size_t hash) { return hash >> (64 - By::kTableBits); }

  Table NewTable() const { return Table(0, Hash{by_}, Equal{by_}); }
  void Resize(Table* table) const;

  [[no_unique_address]] By by_;
  std::vector<Table> tables_;
  size_t size_ = 0;
};

template <class By>
size_t PathTable<By>::bytes() const {
  size_t bytes = 0;
  for (const Table& table : tables_) {
    bytes += TableBytes(table);
  }
  return bytes;
}

template <class By>
std::optional<typename By::Element> PathTable<By>::Find(
    std::string_view path) const {
  if (empty()) {
    return std::nullopt;  // Without hashing
  }
  const Key key = KeyOf(path);
  const Table& table = tables_[Place(key.hash)];
  const auto it = table.find(key);
  return it == table.end() ? std::nullopt : std::optional<Element>(*it);
}

template <class By>
bool PathTable<By>::Insert(Element element) {
  return FindOrInsert(by_.PathOf(element), [element] { return element; })
      .second;
}

template <class By>
template <class Make>
std::pair<typename By::Element, bool> PathTable<By>::FindOrInsert(
    std::string_view path, Make make) {
  const Key key = KeyOf(path);
  Table& table = tables_[Place(key.hash)];
  if (table.size() >= table.capacity() - table.capacity() / 8) {
    Resize(&table);
  }
  bool is_new = false;
  const auto it = table.lazy_emplace(
      key, [&](const typename Table::constructor& construct) {
        is_new = true;
        construct(make());
      });
  size_ += is_new ? 1 : 0;
  return {*it, is_new};
}

template <class By>
void PathTable<By>::Erase(Element element) {
  const Key key = KeyOf(by_.PathOf(element));
  Table& table = tables_[Place(key.hash)];
  CHECK_EQ(table.erase(key), 1u);
  --size_;
  if (table.capacity() > kSmallCapacity &&
      table.size() < table.capacity() / 8) {
    Resize(&table);
  }
}

template <class By>
void PathTable<By>::Clear() {
  tables_.assign(kTables, NewTable());
  size_ = 0;
}

template <class By>
void PathTable<By>::Prefetch(std::string_view path) const {
  const size_t hash = HashOf(path);
  tables_[Place(hash)].prefetch(Guess{hash});
}

// A get takes 1.2 us of CPU for it instead of 2.1 where 16 requests of a
// connection go all over a million znodes.
template <class By>
void PathTable<By>::Prefetch(absl::Span<const std::string_view> paths) const {
  if (size_ <= kCachedMax) {
    return;
  }
  std::array<Guess, kAhead> guesses;
  paths = paths.first(std::min(paths.size(), guesses.size()));
  for (size_t i = 0; i < paths.size(); ++i) {
    guesses[i].hash = HashOf(paths[i]);
    tables_[Place(guesses[i].hash)].prefetch(guesses[i]);
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    const Table& table = tables_[Place(guesses[i].hash)];
    if (const auto it = table.find(guesses[i]); it != table.end()) {
      by_.Prefetch(*it);
    }
  }
}

// To twice what it holds.  The table would do it itself, but one cache miss
// after the other, and never to a smaller one.
template <class By>
void PathTable<By>::Resize(Table* table) const {
  Table resized = NewTable();
  resized.reserve(2 * table->size());
  for (auto next = table->begin(); next != table->end();) {
    std::array<Element, kAhead> ahead;
    size_t count = 0;
    for (; count < kAhead && next != table->end(); ++count, ++next) {
      ahead[count] = *next;
      by_.PrefetchPath(ahead[count]);
    }
    resized.insert(ahead.begin(), ahead.begin() + count);
  }
  *table = std::move(resized);
}

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_PATH_TABLE_H_
