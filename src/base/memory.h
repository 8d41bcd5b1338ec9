// How much memory things take, for the account that a server gives of it.

#ifndef PADDOCK_BASE_MEMORY_H_
#define PADDOCK_BASE_MEMORY_H_

#include <algorithm>
#include <bit>
#include <cstddef>

namespace paddock {

// Of a block of `size` bytes in the heap, roughly: the allocator rounds it up,
// to steps of an eighth.
constexpr size_t HeapBytes(size_t size) {
  constexpr size_t kGrain = 16;
  const size_t grain = std::max(kGrain, std::bit_floor(size) / 8);
  return (size + grain - 1) / grain * grain;
}

// What was freed, and the allocator keeps.
size_t FreeBytes();

// Gives at least so much of that back to the system, or all there is; takes
// 0.1 ms for each MB.
void ReleaseFreeMemory(size_t bytes);

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
