// The bytes that a connection has received and not yet handled, in one piece.
// Starts small, for most connections are idle, grows with what arrives, and
// shrinks when reads have become small again.  Not thread-safe.

#ifndef PADDOCK_NET_INPUT_BUFFER_H_
#define PADDOCK_NET_INPUT_BUFFER_H_

#include <cstddef>
#include <memory>
#include <string_view>

namespace paddock::net {

class InputBuffer {
 public:
  // What an idle connection holds: room for sixteen ordinary requests.
  static constexpr size_t kBytesMin = 2 << 10;
  // What large reads use; more is kept only as long as a frame needs it.
  static constexpr size_t kBytesLarge = 64 << 10;

  InputBuffer() = default;
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  // Makes room behind the data, by growing to at most `bytes_max` where that
  // is necessary.  Doubles, so that memory follows what has arrived.  Returns
  // false, with no room, when the buffer is full.  Views become invalid.
  bool MakeRoom(size_t bytes_max);

  char* room() { return bytes_.get() + end_; }
  size_t room_bytes() const { return capacity_ - end_; }

  // `count` bytes have been written to room().
  void Commit(size_t count);

  // What has arrived.  Valid until the next MakeRoom().
  std::string_view data() const {
    return {bytes_.get() + begin_, end_ - begin_};
  }

  // Drops `count` bytes from the front of data().
  void Consume(size_t count);

  // Drops all and returns the memory.
  void Release();

  size_t capacity() const { return capacity_; }

 private:
  void Reallocate(size_t capacity);
  void ShrinkIfIdle();

  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  int small_commits_ = 0;  // In a row
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_INPUT_BUFFER_H_
