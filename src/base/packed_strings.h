// Many short strings in one block of memory: nothing is allocated for each, and
// all are freed at once.

#ifndef PADDOCK_BASE_PACKED_STRINGS_H_
#define PADDOCK_BASE_PACKED_STRINGS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>

namespace paddock {

class PackedStrings {
 public:
  // Forward, over std::string_view; valid until the list is changed.
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    const_iterator() = default;
    std::string_view operator*() const {
      return {at_ + sizeof(uint32_t), Size()};
    }
    const_iterator& operator++() {
      at_ += sizeof(uint32_t) + Size();
      return *this;
    }
    const_iterator operator++(int) {
      const const_iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const_iterator, const_iterator) = default;

   private:
    friend class PackedStrings;
    explicit const_iterator(const char* at) : at_(at) {}
    uint32_t Size() const {
      uint32_t size;
      std::memcpy(&size, at_, sizeof size);
      return size;
    }

    const char* at_ = nullptr;
  };
  using iterator = const_iterator;
  using value_type = std::string_view;

  PackedStrings() = default;
  PackedStrings(std::initializer_list<std::string_view> strings) {
    for (const std::string_view string : strings) {
      Append(string);
    }
  }

  // REQUIRES: `string` is shorter than 4 GB
  void Append(std::string_view string) {
    const auto size = static_cast<uint32_t>(string.size());
    char bytes[sizeof size];
    std::memcpy(bytes, &size, sizeof size);
    block_.append(bytes, sizeof bytes);
    block_.append(string);
    ++size_;
  }

  void Append(const PackedStrings& strings) {
    block_.append(strings.block_);
    size_ += strings.size_;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t block_bytes() const { return block_.size(); }
  const_iterator begin() const { return const_iterator(block_.data()); }
  const_iterator end() const {
    return const_iterator(block_.data() + block_.size());
  }

 private:
  std::string block_;  // Of each: its size, its bytes
  size_t size_ = 0;
};

}  // namespace paddock

#endif  // PADDOCK_BASE_PACKED_STRINGS_H_
