// A Server in a temporary folder, run by a thread of its own, and clients that
// wait for its answers.

#ifndef PADDOCK_TESTS_SERVER_SERVER_HARNESS_H_
#define PADDOCK_TESTS_SERVER_SERVER_HARNESS_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/check.h"
#include "jute/archive.h"
#include "net/test_client.h"
#include "server/server.h"

namespace paddock::server {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path =
        (std::filesystem::temp_directory_path() / "server-test-XXXXXX")
            .string();
    CHECK(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline ServerOptions TestOptions(const TemporaryFolder& folder) {
  ServerOptions options;
  options.storage.data_dir = folder.path();
  options.storage.data_log_dir = folder.path();
  options.storage.preallocate_bytes = 64 << 10;
  options.clients.address = "127.0.0.1";
  options.clients.port = 0;
  options.replica.four_letter_words = {"*"};
  return options;
}

// Starts in its constructor; stops at the latest in its destructor.
class RunningServer {
 public:
  explicit RunningServer(const ServerOptions& options) : server_(options) {
    const ExitCode code = server_.Start();
    CHECK_EQ(static_cast<int>(code), 0);
    port_ = server_.port();
    thread_ = std::thread([this] { code_ = server_.Run(); });
  }
  ~RunningServer() { Stop(); }

  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  ExitCode Stop() {
    if (thread_.joinable()) {
      server_.Stop();
      thread_.join();
    }
    return *code_;
  }

  // Waits until the server ends by itself.
  ExitCode Await() {
    thread_.join();
    return *code_;
  }

  uint16_t port() const { return port_; }

 private:
  Server server_;
  uint16_t port_ = 0;
  std::optional<ExitCode> code_;
  std::thread thread_;
};

// Waits for frames of the server, or for the end; fails loudly when they do
// not come within seconds.
class WaitingClient : public net::TestClient {
 public:
  using TestClient::TestClient;

  std::string AwaitFrame() {
    std::string frame;
    WaitUntil([&] { return !(frame = TakeFrame()).empty() || closed(); });
    return frame;
  }

  // All that the server sends until it closes.
  std::string AwaitClose() {
    WaitUntil([&] { return closed(); });
    return received();
  }

  template <class Condition>
  void WaitUntil(Condition condition) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      CHECK(std::chrono::steady_clock::now() < deadline) << "waited in vain";
      WaitAndReceive(/*timeout_ms=*/100);
    }
  }

  // Completes the handshake and returns the id of the session.
  int64_t Connect(int64_t session = 0, int32_t timeout_ms = 30000) {
    Send(net::Frame(net::ConnectPayload(session, timeout_ms)));
    const std::string response = AwaitFrame();
    CHECK_EQ(response.size(), 37u);
    return jute::LoadBigEndian<int64_t>(response.data() + 8);
  }
};

// What a reply header says.
struct Reply {
  int32_t xid = 0;
  int64_t zxid = 0;
  int32_t error = 0;
  std::string body;
};

inline Reply ParseReply(std::string_view frame) {
  CHECK_GE(frame.size(), 16u);
  return {.xid = jute::LoadBigEndian<int32_t>(frame.data()),
          .zxid = jute::LoadBigEndian<int64_t>(frame.data() + 4),
          .error = jute::LoadBigEndian<int32_t>(frame.data() + 12),
          .body = std::string(frame.substr(16))};
}

// A jute string or buffer.
inline std::string Text(std::string_view text) { return net::Frame(text); }

// create with the open ACL.
inline std::string CreateRequest(int32_t xid, std::string_view path,
                                 std::string_view data, int32_t flags = 0) {
  std::string tail(12, '\0');
  jute::StoreBigEndian(tail.data(), int32_t{1});       // One ACL entry
  jute::StoreBigEndian(tail.data() + 4, int32_t{31});  // All permissions
  std::string body = Text(path) + Text(data) + tail.substr(0, 8) +
                     Text("world") + Text("anyone");
  jute::StoreBigEndian(tail.data(), flags);
  return net::Request(xid, 1, body + tail.substr(0, 4));
}

inline std::string GetDataRequest(int32_t xid, std::string_view path,
                                  bool watch = false) {
  return net::Request(xid, 4, Text(path) + std::string(1, watch ? 1 : 0));
}

inline std::string SetDataRequest(int32_t xid, std::string_view path,
                                  std::string_view data) {
  std::string version(4, '\xff');
  return net::Request(xid, 5, Text(path) + Text(data) + version);
}

}  // namespace paddock::server

#endif  // PADDOCK_TESTS_SERVER_SERVER_HARNESS_H_
