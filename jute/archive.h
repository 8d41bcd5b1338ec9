// Jute's binary archives: how ZooKeeper writes integers, strings, buffers and
// vectors on the wire and on disk (client-protocol.md chapter 1).
//
// A string or buffer is a std::string_view.  Jute's null (length -1) is the
// view whose data() is nullptr; an empty string has length 0 and a data() that
// is not null.  The two are distinct on the wire and stay so here.
//
// Not thread-safe.

#ifndef PADDOCK_JUTE_ARCHIVE_H_
#define PADDOCK_JUTE_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace paddock::jute {

inline constexpr std::string_view kNull{};

inline bool IsNull(std::string_view view) { return view.data() == nullptr; }

// Stores `value` at `to`, big-endian.
template <class Integer>
void StoreBigEndian(char* to, Integer value) {
  static_assert(sizeof(Integer) == 4 || sizeof(Integer) == 8);
  if constexpr (sizeof(Integer) == 4) {
    const uint32_t bits = __builtin_bswap32(static_cast<uint32_t>(value));
    std::memcpy(to, &bits, sizeof bits);
  } else {
    const uint64_t bits = __builtin_bswap64(static_cast<uint64_t>(value));
    std::memcpy(to, &bits, sizeof bits);
  }
}

template <class Integer>
Integer LoadBigEndian(const char* from) {
  static_assert(sizeof(Integer) == 4 || sizeof(Integer) == 8);
  if constexpr (sizeof(Integer) == 4) {
    uint32_t bits;
    std::memcpy(&bits, from, sizeof bits);
    return static_cast<Integer>(__builtin_bswap32(bits));
  } else {
    uint64_t bits;
    std::memcpy(&bits, from, sizeof bits);
    return static_cast<Integer>(__builtin_bswap64(bits));
  }
}

// Reads from bytes that somebody else owns; views returned point into them.
// The first read beyond the end, or with an absurd length, makes ok() false
// for good; reads then return zero, null and false.  Never allocates.
class InputArchive {
 public:
  explicit InputArchive(std::string_view bytes)
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return static_cast<size_t>(end_ - next_); }

  int32_t ReadInt() { return ReadBigEndian<int32_t>(); }
  int64_t ReadLong() { return ReadBigEndian<int64_t>(); }

  // Any byte but zero is true.
  bool ReadBool() {
    if (!Has(1)) {
      return false;
    }
    return *next_++ != 0;
  }

  // A ustring or a buffer; kNull when its length is -1.
  std::string_view ReadString() {
    const int32_t size = ReadInt();
    if (size == -1) {
      return kNull;
    }
    if (size < 0 || !Has(static_cast<size_t>(size))) {
      ok_ = false;
      return kNull;
    }
    const std::string_view view(next_, static_cast<size_t>(size));
    next_ += size;
    return view;
  }

  // The element count of a vector; the null vector and other negative counts
  // read as 0.  A count that the remaining bytes cannot hold, at
  // `element_bytes_min` each, is an error.
  size_t ReadCount(size_t element_bytes_min) {
    const int32_t count = ReadInt();
    if (count <= 0) {
      return 0;
    }
    if (static_cast<size_t>(count) > remaining() / element_bytes_min) {
      ok_ = false;
      return 0;
    }
    return static_cast<size_t>(count);
  }

  void Fail() { ok_ = false; }

 private:
  bool Has(size_t size) {
    if (!ok_ || remaining() < size) {
      ok_ = false;
      return false;
    }
    return true;
  }

  template <class Integer>
  Integer ReadBigEndian() {
    if (!Has(sizeof(Integer))) {
      return 0;
    }
    const Integer value = LoadBigEndian<Integer>(next_);
    next_ += sizeof(Integer);
    return value;
  }

  const char* next_;
  const char* end_;
  bool ok_ = true;
};

// Appends to a string that somebody else owns.
class OutputArchive {
 public:
  explicit OutputArchive(std::string* out) : out_(out) {}

  void WriteInt(int32_t value) { WriteBigEndian(value); }
  void WriteLong(int64_t value) { WriteBigEndian(value); }
  void WriteBool(bool value) { out_->push_back(value ? 1 : 0); }

  void WriteString(std::string_view value) {
    if (IsNull(value)) {
      WriteInt(-1);
      return;
    }
    WriteInt(static_cast<int32_t>(value.size()));
    out_->append(value);
  }

  void WriteBytes(const char* bytes, size_t size) { out_->append(bytes, size); }

  std::string& out() { return *out_; }

 private:
  template <class Integer>
  void WriteBigEndian(Integer value) {
    char bytes[sizeof(Integer)];
    StoreBigEndian(bytes, value);
    out_->append(bytes, sizeof bytes);
  }

  std::string* const out_;
};

}  // namespace paddock::jute

#endif  // PADDOCK_JUTE_ARCHIVE_H_
