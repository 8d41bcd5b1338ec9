#include "net/input_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace paddock::net {
namespace {

// Moving more than this at each read would cost more than it saves.
constexpr size_t kBorrowMax = 4 << 10;

}  // namespace

bool InputBuffer::Borrow(ReadBuffer* buffer) {
  const std::string_view rest = data();
  if (rest.size() > kBorrowMax) {
    return false;
  }
  char* const bytes = buffer->bytes.data();
  CHECK(bytes_ != bytes);
  std::copy(rest.begin(), rest.end(), bytes);
  bytes_ = bytes;
  size_ = buffer->bytes.size();
  begin_ = 0;
  end_ = rest.size();
  return true;
}

void InputBuffer::Return() {
  const std::string_view rest = data();
  if (rest.empty()) {
    Release();
  } else if (bytes_ != own_.get()) {
    if (rest.size() > capacity_ || capacity_ > kBytesLarge) {
      capacity_ = std::max(rest.size(), kBytesMin);
      own_ = std::make_unique_for_overwrite<char[]>(capacity_);
    }
    std::memcpy(own_.get(), rest.data(), rest.size());
    UseOwn();
    begin_ = 0;
    end_ = rest.size();
  }
}

bool InputBuffer::MakeRoom(size_t bytes_max) {
  CHECK(bytes_ == own_.get());
  if (end_ < size_) {
    return true;
  }
  // Moving what is left pays when much has been consumed in front of it.
  if (begin_ > 0 && (begin_ >= size_ / 4 || begin_ >= kBytesLarge)) {
    std::memmove(bytes_, bytes_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (size_ >= bytes_max) {
    return false;
  }
  Reallocate(std::min(std::max(kBytesMin, 2 * size_), bytes_max));
  return true;
}

void InputBuffer::Commit(size_t count) {
  CHECK_LE(count, room_bytes());
  end_ += count;
}

void InputBuffer::Consume(size_t count) {
  CHECK_LE(count, end_ - begin_);
  begin_ += count;
}

void InputBuffer::Release() {
  own_.reset();
  capacity_ = 0;
  begin_ = end_ = 0;
  UseOwn();
}

void InputBuffer::UseOwn() {
  bytes_ = own_.get();
  size_ = capacity_;
}

void InputBuffer::Reallocate(size_t capacity) {
  const std::string_view rest = data();
  CHECK_LE(rest.size(), capacity);
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
  std::copy(rest.begin(), rest.end(), bytes.get());
  begin_ = 0;
  end_ = rest.size();
  own_ = std::move(bytes);
  capacity_ = capacity;
  UseOwn();
}

}  // namespace paddock::net
