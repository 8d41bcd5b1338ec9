// A client for tests: a raw socket to a port of this machine that keeps all
// it has received.  Never blocks, so that one thread can run both ends.

#ifndef PADDOCK_TESTS_NET_TEST_CLIENT_H_
#define PADDOCK_TESTS_NET_TEST_CLIENT_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "jute/archive.h"

namespace paddock::net {

// `payload` with its length prefix.
inline std::string Frame(std::string_view payload) {
  std::string frame(4, '\0');
  jute::StoreBigEndian(frame.data(), static_cast<int32_t>(payload.size()));
  frame += payload;
  return frame;
}

// The 45 bytes with which a client asks for a session, new if `session` is 0.
inline std::string ConnectPayload(int64_t session = 0,
                                  int32_t timeout_ms = 30000) {
  std::string payload(45, '\0');
  jute::StoreBigEndian(payload.data() + 12, timeout_ms);
  jute::StoreBigEndian(payload.data() + 16, session);
  jute::StoreBigEndian(payload.data() + 24, int32_t{16});
  return payload;
}

// A request header followed by `body`.
inline std::string Request(int32_t xid, int32_t type,
                           std::string_view body = {}) {
  std::string payload(8, '\0');
  jute::StoreBigEndian(payload.data(), xid);
  jute::StoreBigEndian(payload.data() + 4, type);
  payload += body;
  return payload;
}

inline std::string Ping() { return Request(-2, 11); }

class TestClient {
 public:
  // With `receive_bytes`, the system keeps only about that much for us.
  explicit TestClient(uint16_t port, int receive_bytes = 0,
                      int family = AF_INET)
      : socket_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    CHECK_GE(socket_, 0);
    if (receive_bytes > 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                 sizeof receive_bytes);
    }
    int result;
    if (family == AF_INET6) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      address.sin6_port = htons(port);
      result = connect(socket_, reinterpret_cast<sockaddr*>(&address),
                       sizeof address);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(port);
      result = connect(socket_, reinterpret_cast<sockaddr*>(&address),
                       sizeof address);
    }
    connect_error_ = result == 0 ? 0 : errno;
    fcntl(socket_, F_SETFL, O_NONBLOCK);
  }

  ~TestClient() { Close(); }

  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // Sends as much as the socket takes; returns how much that was.
  size_t Send(std::string_view bytes) {
    const ssize_t sent =
        send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent > 0 ? static_cast<size_t>(sent) : 0;
  }

  // Takes in what has arrived.
  void Receive() {
    char buffer[65536];
    while (!closed_) {
      const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
      if (count > 0) {
        received_.append(buffer, static_cast<size_t>(count));
      } else if (count == 0) {
        closed_ = true;
      } else if (errno != EAGAIN && errno != EINTR) {
        closed_ = true;
        reset_ = true;
      } else {
        return;
      }
    }
  }

  // Waits until something arrives, or `timeout_ms` have passed; then takes it.
  void WaitAndReceive(int timeout_ms) {
    pollfd descriptor{.fd = socket_, .events = POLLIN, .revents = 0};
    poll(&descriptor, 1, timeout_ms);
    Receive();
  }

  // Takes the first frame out of what was received; empty when there is none.
  std::string TakeFrame() {
    if (received_.size() < 4) {
      return {};
    }
    const auto size =
        static_cast<size_t>(jute::LoadBigEndian<int32_t>(received_.data()));
    if (received_.size() < 4 + size) {
      return {};
    }
    std::string frame = received_.substr(4, size);
    received_.erase(0, 4 + size);
    return frame;
  }

  void FinishSending() { shutdown(socket_, SHUT_WR); }

  void Close() {
    if (socket_ >= 0) {
      close(std::exchange(socket_, -1));
    }
  }

  // Makes Close() reset the connection.
  void ResetOnClose() {
    const linger option{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
  }

  uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  const std::string& received() const { return received_; }
  bool closed() const { return closed_; }
  bool reset() const { return reset_; }
  int connect_error() const { return connect_error_; }

 private:
  int socket_;
  int connect_error_ = 0;
  std::string received_;
  bool closed_ = false;
  bool reset_ = false;
};

}  // namespace paddock::net

#endif  // PADDOCK_TESTS_NET_TEST_CLIENT_H_
