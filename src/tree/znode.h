// Znode: one node of the tree.  Owned by a DataTree, which alone changes it.

#ifndef PADDOCK_TREE_ZNODE_H_
#define PADDOCK_TREE_ZNODE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "jute/data.h"
#include "tree/acl.h"

namespace paddock::tree {

class Znode {
 public:
  std::string_view path() const;
  std::string_view name() const;  // Last component
  std::string_view data() const;  // jute::kNull for null data
  const jute::StatPersisted& stat() const;
  const AclList& acl() const;
  int32_t num_children() const;

  // Children in the order of their creation.
  const Znode* first_child() const;
  const Znode* next_sibling() const;
};

struct ZnodePathLess {
  bool operator()(const Znode* a, const Znode* b) const {
    return a->path() < b->path();
  }
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_ZNODE_H_
