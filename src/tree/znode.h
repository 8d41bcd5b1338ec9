// Znode: one node of the tree.  Owned by a DataTree, which alone changes it.
//
// A tree has millions of them, so a znode is one block of memory: the fields,
// the bytes of its path, which are stored nowhere else, and room for the data
// that it was created with.  Each byte of it counts.  Larger data that comes
// later is a block of its own, and so is what only nodes that have had children
// need.

#ifndef PADDOCK_TREE_ZNODE_H_
#define PADDOCK_TREE_ZNODE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/slab_heap.h"
#include "jute/archive.h"
#include "jute/data.h"
#include "tree/acl.h"

namespace paddock::tree {

class Znode {
 public:
  Znode(const Znode&) = delete;
  Znode& operator=(const Znode&) = delete;

  std::string_view path() const { return {tail_, path_size_}; }
  std::string_view name() const;  // Last component
  // path() will be asked soon.
  void PrefetchPath() const;
  // All of it will be.
  void Prefetch() const;
  std::string_view data() const;  // Or kNull
  jute::StatPersisted stat() const;
  const AclList& acl() const { return *acl_; }
  // See jute::CheckpointNode.
  int64_t id() const { return static_cast<int64_t>(id_); }
  int64_t ephemeral_owner() const { return ephemeral_owner_; }
  int32_t num_children() const { return family_ ? family_->count : 0; }

  const Znode* parent() const { return parent_; }  // Null for "/" only
  // Children in the order of their creation.
  const Znode* first_child() const {
    return family_ ? family_->first : nullptr;
  }
  const Znode* next_sibling() const { return next_sibling_; }

  // Parts of the tree digest (digest.h); both 0 when it is not kept.
  uint32_t content_crc() const { return content_crc_; }
  uint32_t digest() const { return digest_; }

  // All it takes, its data included.
  size_t memory_bytes() const;

 private:
  friend class DataTree;

  // Of a node that has, or has had, children.  A node without it has pzxid
  // czxid and cversion 0.
  struct Family {
    Znode* first = nullptr;
    Znode* last = nullptr;
    int64_t pzxid = 0;
    int32_t cversion = 0;
    int32_t count = 0;
  };

  // Where the data lies.
  enum class DataPlace : uint8_t { kNull, kInside, kOutside };

  // An unlinked node with null data and room for data like `data`.  Freed with
  // Free(), or with the heap if nothing of it lies elsewhere.
  static Znode* New(SlabHeap* heap, std::string_view path,
                    std::string_view data);
  static void Free(SlabHeap* heap, Znode* node);

  Znode() = default;
  ~Znode();

  void SetStat(const jute::StatPersisted& stat);
  int64_t pzxid() const { return family_ ? family_->pzxid : czxid_; }
  int32_t cversion() const { return family_ ? family_->cversion : 0; }
  void set_pzxid(int64_t pzxid);
  void set_cversion(int32_t cversion);
  Family& family();

  void SetData(std::string_view data);
  size_t block_bytes() const;
  char* inside() { return tail_ + path_size_; }
  char* outside() const;
  Znode* last_child() { return family_ ? family_->last : nullptr; }
  void AppendChild(Znode* child);
  void RemoveChild(Znode* child);

  Znode* parent_ = nullptr;
  Znode* previous_sibling_ = nullptr;
  Znode* next_sibling_ = nullptr;
  Family* family_ = nullptr;      // Owned; a plain type, for offsetof
  const AclList* acl_ = nullptr;  // One reference is ours
  int64_t czxid_ = 0;
  int64_t mzxid_ = 0;
  int64_t ctime_ = 0;
  int64_t mtime_ = 0;
  int64_t ephemeral_owner_ = 0;
  uint64_t id_ : 48 = 0;  // Enough for 89 years of 100,000 new znodes a second
  uint64_t inside_capacity_ : 16 = 0;
  int32_t version_ = 0;
  int32_t aversion_ = 0;
  uint32_t content_crc_ = 0;
  uint32_t digest_ = 0;
  uint32_t path_size_ = 0;
  uint32_t data_size_ = 0;
  uint32_t list_index_ = 0;  // In that list
  DataPlace data_place_ : 4 = DataPlace::kNull;
  uint8_t list_ : 4 = 0;  // Of changed nodes that it is in: 1 or 2; 0: none
  char tail_[1];  // The path, then kInsideMin bytes or more for the data
};

inline void Znode::PrefetchPath() const {
  constexpr size_t kCacheLine = 64;
  __builtin_prefetch(&path_size_);
  __builtin_prefetch(reinterpret_cast<const char*>(&path_size_) + kCacheLine);
}

inline void Znode::Prefetch() const {
  constexpr int kBytes = 320;  // With a path and data of ordinary size
  constexpr int kCacheLine = 64;
  for (int offset = 0; offset < kBytes; offset += kCacheLine) {
    __builtin_prefetch(reinterpret_cast<const char*>(this) + offset);
  }
}

inline jute::StatPersisted Znode::stat() const {
  return {.czxid = czxid_,
          .mzxid = mzxid_,
          .ctime = ctime_,
          .mtime = mtime_,
          .version = version_,
          .cversion = cversion(),
          .aversion = aversion_,
          .ephemeralOwner = ephemeral_owner_,
          .pzxid = pzxid()};
}

struct ZnodePathLess {
  bool operator()(const Znode* a, const Znode* b) const {
    return a->path() < b->path();
  }
};

// See PathTable.
struct ZnodeByPath {
  using Element = Znode*;
  static constexpr int kTableBits = 8;
  std::string_view PathOf(const Znode* node) const { return node->path(); }
  void PrefetchPath(const Znode* node) const { node->PrefetchPath(); }
  void Prefetch(const Znode* node) const { node->Prefetch(); }
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_ZNODE_H_
