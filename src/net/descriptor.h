// A file descriptor that is closed with its owner, and options of sockets.
// Not thread-safe.

#ifndef PADDOCK_NET_DESCRIPTOR_H_
#define PADDOCK_NET_DESCRIPTOR_H_

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace paddock::net {

class Descriptor {
 public:
  Descriptor() = default;
  // Takes over `fd`; negative: none.
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }

  void Close() {
    if (fd_ >= 0) {
      close(std::exchange(fd_, -1));
    }
  }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// False, with the reason in errno, when it is refused.
inline bool SetOption(const Descriptor& socket, int level, int option,
                      int value) {
  return setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

}  // namespace paddock::net

#endif  // PADDOCK_NET_DESCRIPTOR_H_
