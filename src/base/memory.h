// How much memory things take, for the account that a server gives of it.

#ifndef PADDOCK_BASE_MEMORY_H_
#define PADDOCK_BASE_MEMORY_H_

#include <algorithm>
#include <cstddef>

namespace paddock {

// Of a block of `size` bytes in glibc's heap, which adds a word of its own and
// rounds up.
constexpr size_t HeapBytes(size_t size) {
  constexpr size_t kWord = 8;
  constexpr size_t kGrain = 16;
  constexpr size_t kMin = 32;
  return std::max(kMin, (size + kWord + kGrain - 1) / kGrain * kGrain);
}

// Of a table of Abseil with so many slots, but for what its elements own.
template <class Table>
size_t TableBytes(const Table& table) {
  return table.capacity() * (sizeof(typename Table::value_type) + 1);
}

// Of a B-tree of Abseil, roughly: its nodes are three quarters full.
template <class Tree>
size_t TreeBytes(const Tree& tree) {
  return tree.size() * sizeof(typename Tree::value_type) * 4 / 3;
}

}  // namespace paddock

#endif  // PADDOCK_BASE_MEMORY_H_
