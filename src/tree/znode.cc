#include "tree/znode.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/check.h"
#include "base/memory.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

// Room for data in a znode's own block: at least for the pointer to data
// outside, at most so much, for it stays when the data shrinks.
constexpr size_t kInsideMin = sizeof(char*);
constexpr size_t kInsideMax = 512;

}  // namespace

Znode* Znode::New(SlabHeap* heap, std::string_view path,
                  std::string_view data) {
  CHECK_LE(path.size(), std::numeric_limits<uint32_t>::max());
  const size_t capacity =
      data.size() > kInsideMax ? kInsideMin : std::max(data.size(), kInsideMin);
  const size_t needed = offsetof(Znode, tail_) + path.size() + capacity;
  // Rounding loses nothing.
  const size_t size = std::max((needed + 7) / 8 * 8, sizeof(Znode));
  auto* const node = new (heap->Allocate(size)) Znode;
  node->path_size_ = static_cast<uint32_t>(path.size());
  node->inside_capacity_ = static_cast<uint16_t>(capacity + (size - needed));
  std::memcpy(node->tail_, path.data(), path.size());
  return node;
}

void Znode::Free(SlabHeap* heap, Znode* node) {
  const size_t size = node->block_bytes();
  node->~Znode();
  heap->Free(node, size);
}

Znode::~Znode() {
  delete family_;
  if (data_place_ == DataPlace::kOutside) {
    delete[] outside();
  }
}

size_t Znode::block_bytes() const {
  return std::max(offsetof(Znode, tail_) + path_size_ + inside_capacity_,
                  sizeof(Znode));
}

size_t Znode::memory_bytes() const {
  const bool has_outside = data_place_ == DataPlace::kOutside;
  return SlabHeap::BlockBytes(block_bytes()) +
         (has_outside ? HeapBytes(data_size_) : 0) +
         (family_ != nullptr ? HeapBytes(sizeof(Family)) : 0);
}

std::string_view Znode::name() const { return BaseName(path()); }

std::string_view Znode::data() const {
  switch (data_place_) {
    case DataPlace::kNull:
      return jute::kNull;
    case DataPlace::kInside:
      return {tail_ + path_size_, data_size_};
    case DataPlace::kOutside:
      return {outside(), data_size_};
  }
  CHECK(false);
  return {};
}

char* Znode::outside() const {
  char* data;
  std::memcpy(&data, tail_ + path_size_, sizeof data);
  return data;
}

void Znode::SetData(std::string_view data) {
  CHECK_LE(data.size(), std::numeric_limits<uint32_t>::max());
  const auto size = static_cast<uint32_t>(data.size());
  if (data_place_ == DataPlace::kOutside) {
    if (size == data_size_) {
      std::memcpy(outside(), data.data(), data.size());
      return;
    }
    delete[] outside();
  }
  data_size_ = size;
  if (jute::IsNull(data)) {
    data_place_ = DataPlace::kNull;
  } else if (size <= inside_capacity_) {
    data_place_ = DataPlace::kInside;
    std::copy(data.begin(), data.end(), inside());
  } else {
    char* const copy = new char[size];
    std::memcpy(copy, data.data(), size);
    std::memcpy(inside(), &copy, sizeof copy);
    data_place_ = DataPlace::kOutside;
  }
}

void Znode::SetStat(const jute::StatPersisted& stat) {
  czxid_ = stat.czxid;
  mzxid_ = stat.mzxid;
  ctime_ = stat.ctime;
  mtime_ = stat.mtime;
  version_ = stat.version;
  aversion_ = stat.aversion;
  ephemeral_owner_ = stat.ephemeralOwner;
  set_cversion(stat.cversion);
  set_pzxid(stat.pzxid);
}

Znode::Family& Znode::family() {
  if (family_ == nullptr) {
    family_ = new Family;
    family_->pzxid = czxid_;
  }
  return *family_;
}

void Znode::set_pzxid(int64_t value) {
  if (value != pzxid()) {
    family().pzxid = value;
  }
}

void Znode::set_cversion(int32_t value) {
  if (value != cversion()) {
    family().cversion = value;
  }
}

void Znode::AppendChild(Znode* child) {
  CHECK(child->parent_ == nullptr);
  Family& mine = family();
  child->parent_ = this;
  child->previous_sibling_ = mine.last;
  (mine.last ? mine.last->next_sibling_ : mine.first) = child;
  mine.last = child;
  ++mine.count;
}

void Znode::RemoveChild(Znode* child) {
  CHECK(child->parent_ == this);
  Family& mine = family();
  Znode* const previous = child->previous_sibling_;
  Znode* const next = child->next_sibling_;
  (previous ? previous->next_sibling_ : mine.first) = next;
  (next ? next->previous_sibling_ : mine.last) = previous;
  child->parent_ = nullptr;
  child->previous_sibling_ = nullptr;
  child->next_sibling_ = nullptr;
  --mine.count;
  CHECK_GE(mine.count, 0);
}

}  // namespace paddock::tree
