// Hashing of strings for the look-up tables of this folder, whose order is
// never observed: the values differ from process to process.

#ifndef PADDOCK_TREE_STRING_HASH_H_
#define PADDOCK_TREE_STRING_HASH_H_

#include <cstddef>
#include <string_view>

#include "base/hash.h"

namespace paddock::tree {

// Transparent: look-ups by std::string_view make no std::string.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return HashOf(text); }
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_STRING_HASH_H_
