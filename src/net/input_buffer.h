// The bytes that a connection has received and not yet handled, in one piece.
//
// Nearly always a read brings whole requests, which are handled at once.  So a
// connection reads into a buffer that all of them share, and has memory of its
// own only for what is left over: a piece of a request, or requests that are
// held back.  That memory grows with what arrives and goes with it.
//
// Not thread-safe.

#ifndef PADDOCK_NET_INPUT_BUFFER_H_
#define PADDOCK_NET_INPUT_BUFFER_H_

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

namespace paddock::net {

// What connections read into, one at a time.
struct ReadBuffer {
  std::array<char, 64 << 10> bytes;
};

class InputBuffer {
 public:
  // The least it takes, if any.
  static constexpr size_t kBytesMin = 2 << 10;
  // What a read into memory of its own may take in any case; more only as far
  // as a frame needs it.
  static constexpr size_t kBytesLarge = 64 << 10;

  InputBuffer() = default;
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  // Moves what is here into `buffer`, where there is room behind it, until
  // Return().  False, and nothing is done, when it is too much to be moved
  // about.  Views become invalid.
  // REQUIRES: nobody has borrowed `buffer`.
  bool Borrow(ReadBuffer* buffer);

  // Copies what is left in the borrowed buffer, if any.  What is not needed any
  // more of its own memory is freed.  Views become invalid.
  void Return();

  // Makes room in memory of its own behind the data, by growing to at most
  // `bytes_max` where that is necessary.  Doubles, so that memory follows what
  // has arrived.  Returns false, with no room, when the buffer is full.  Views
  // become invalid.
  // REQUIRES: it has not borrowed.
  bool MakeRoom(size_t bytes_max);

  char* room() { return bytes_ + end_; }
  size_t room_bytes() const { return size_ - end_; }

  // `count` bytes have been written to room().
  void Commit(size_t count);

  // What has arrived.
  std::string_view data() const { return {bytes_ + begin_, end_ - begin_}; }

  // Drops `count` bytes from the front of data().
  void Consume(size_t count);

  // Drops all, returns what is borrowed, and frees its memory.
  void Release();

  // Of the memory of its own.
  size_t capacity() const { return capacity_; }

 private:
  void UseOwn();
  void Reallocate(size_t capacity);

  char* bytes_ = nullptr;  // Borrowed or its own
  size_t size_ = 0;        // Of bytes_
  size_t begin_ = 0;
  size_t end_ = 0;

  std::unique_ptr<char[]> own_;
  size_t capacity_ = 0;
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_INPUT_BUFFER_H_
