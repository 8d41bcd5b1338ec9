#include "net/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace paddock::net {
namespace {

constexpr int kSmallCommitsBeforeShrinking = 8;

}  // namespace

bool InputBuffer::MakeRoom(size_t bytes_max) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    ShrinkIfIdle();
  }
  if (end_ < capacity_) {
    return true;
  }
  // Moving what is left pays when much has been consumed in front of it.
  if (begin_ > 0 && (begin_ >= capacity_ / 4 || begin_ >= kBytesLarge)) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (capacity_ >= bytes_max) {
    return false;
  }
  Reallocate(std::min(std::max(kBytesMin, 2 * capacity_), bytes_max));
  return true;
}

void InputBuffer::Commit(size_t count) {
  CHECK_LE(count, room_bytes());
  end_ += count;
  small_commits_ = count <= capacity_ / 4 ? small_commits_ + 1 : 0;
}

void InputBuffer::Consume(size_t count) {
  CHECK_LE(count, end_ - begin_);
  begin_ += count;
}

void InputBuffer::Release() {
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
  small_commits_ = 0;
}

void InputBuffer::ShrinkIfIdle() {
  if (capacity_ > kBytesLarge) {
    Reallocate(kBytesLarge);
  } else if (capacity_ > kBytesMin &&
             small_commits_ >= kSmallCommitsBeforeShrinking) {
    Reallocate(std::max(kBytesMin, capacity_ / 2));
  }
}

void InputBuffer::Reallocate(size_t capacity) {
  const size_t used = end_ - begin_;
  CHECK_LE(used, capacity);
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
  if (used > 0) {
    std::memcpy(bytes.get(), bytes_.get() + begin_, used);
  }
  bytes_ = std::move(bytes);
  capacity_ = capacity;
  begin_ = 0;
  end_ = used;
  small_commits_ = 0;
}

}  // namespace paddock::net
