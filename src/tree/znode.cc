#include "tree/znode.h"

#include <cstring>
#include <limits>
#include <new>

#include "base/check.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

// What data() of all empty, but not null, data points to.  Never written.
constexpr char kEmptyData[1] = {};

char* CopyOf(std::string_view data) {
  if (data.empty()) {
    return jute::IsNull(data) ? nullptr : const_cast<char*>(kEmptyData);
  }
  char* const copy = new char[data.size()];
  std::memcpy(copy, data.data(), data.size());
  return copy;
}

void FreeCopy(char* data) {
  if (data != kEmptyData) {
    delete[] data;
  }
}

}  // namespace

Znode* Znode::New(std::string_view path) {
  void* const block = ::operator new(sizeof(Znode) + path.size());
  return new (block) Znode(path);
}

void Znode::Free(Znode* node) {
  node->~Znode();
  ::operator delete(node);
}

Znode::Znode(std::string_view path)
    : path_size_(static_cast<uint32_t>(path.size())) {
  CHECK_LE(path.size(), std::numeric_limits<uint32_t>::max());
  std::memcpy(reinterpret_cast<char*>(this + 1), path.data(), path.size());
}

Znode::~Znode() { FreeCopy(data_); }

std::string_view Znode::name() const { return BaseName(path()); }

void Znode::SetData(std::string_view data) {
  CHECK_LE(data.size(), std::numeric_limits<uint32_t>::max());
  if (!data.empty() && data.size() == data_size_) {
    std::memcpy(data_, data.data(), data.size());
    return;
  }
  FreeCopy(data_);
  data_ = CopyOf(data);
  data_size_ = static_cast<uint32_t>(data.size());
}

void Znode::AppendChild(Znode* child) {
  CHECK(child->parent_ == nullptr);
  child->parent_ = this;
  child->previous_sibling_ = last_child_;
  (last_child_ ? last_child_->next_sibling_ : first_child_) = child;
  last_child_ = child;
  ++num_children_;
}

void Znode::RemoveChild(Znode* child) {
  CHECK(child->parent_ == this);
  Znode* const previous = child->previous_sibling_;
  Znode* const next = child->next_sibling_;
  (previous ? previous->next_sibling_ : first_child_) = next;
  (next ? next->previous_sibling_ : last_child_) = previous;
  child->parent_ = nullptr;
  child->previous_sibling_ = nullptr;
  child->next_sibling_ = nullptr;
  --num_children_;
  CHECK_GE(num_children_, 0);
}

}  // namespace paddock::tree
