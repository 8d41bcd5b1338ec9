// How large the subtrees of a tree are.  Pure.

#ifndef PADDOCK_CLI_SUBTREES_H_
#define PADDOCK_CLI_SUBTREES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tree/data_tree.h"

namespace paddock::cli {

struct Subtree {
  std::string path;        // Of its top
  int64_t znodes = 0;      // The top included
  int64_t data_bytes = 0;  // Of all of them

  friend bool operator==(const Subtree&, const Subtree&) = default;
};

struct Subtrees {
  Subtree whole;  // That of "/"
  // Of those below "/" the largest, the first one the largest of all.
  std::vector<Subtree> by_znodes;      // With more than one znode
  std::vector<Subtree> by_data_bytes;  // With data
};

// Measures all of them; keeps at most `top` in each list.  Memory follows the
// depth of the tree, not its size.
Subtrees MeasureSubtrees(const tree::DataTree& tree, size_t top);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_SUBTREES_H_
