// Znode: one node of the tree.  Owned by a DataTree, which alone changes it.
//
// A znode is one block of memory: the fields, then the bytes of its path,
// which are stored nowhere else.  Its data is a second block.

#ifndef PADDOCK_TREE_ZNODE_H_
#define PADDOCK_TREE_ZNODE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "jute/archive.h"
#include "jute/data.h"
#include "tree/acl.h"

namespace paddock::tree {

class Znode {
 public:
  Znode(const Znode&) = delete;
  Znode& operator=(const Znode&) = delete;

  std::string_view path() const {
    return {reinterpret_cast<const char*>(this + 1), path_size_};
  }
  std::string_view name() const;  // Last component
  std::string_view data() const { return {data_, data_size_}; }  // Or kNull
  const jute::StatPersisted& stat() const { return stat_; }
  const AclList& acl() const { return *acl_; }
  int32_t num_children() const { return num_children_; }

  const Znode* parent() const { return parent_; }  // Null for "/" only
  // Children in the order of their creation.
  const Znode* first_child() const { return first_child_; }
  const Znode* next_sibling() const { return next_sibling_; }

  // Parts of the tree digest (digest.h); both 0 when it is not kept.
  uint32_t content_crc() const { return content_crc_; }
  uint32_t digest() const { return digest_; }

 private:
  friend class DataTree;

  // An unlinked node without data.  Freed with Free().
  static Znode* New(std::string_view path);
  static void Free(Znode* node);

  explicit Znode(std::string_view path);
  ~Znode();

  void SetData(std::string_view data);
  void AppendChild(Znode* child);
  void RemoveChild(Znode* child);

  Znode* parent_ = nullptr;
  Znode* first_child_ = nullptr;
  Znode* last_child_ = nullptr;
  Znode* previous_sibling_ = nullptr;
  Znode* next_sibling_ = nullptr;
  const AclList* acl_ = nullptr;  // One reference is ours
  char* data_ = nullptr;          // Null for null data
  jute::StatPersisted stat_;
  uint32_t data_size_ = 0;
  uint32_t path_size_;
  int32_t num_children_ = 0;
  uint32_t content_crc_ = 0;
  uint32_t digest_ = 0;
};

struct ZnodePathLess {
  bool operator()(const Znode* a, const Znode* b) const {
    return a->path() < b->path();
  }
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_ZNODE_H_
