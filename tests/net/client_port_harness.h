// A client port with an owner that tests can look into: it records what it is
// told and answers what it is asked to.  One thread runs it and its clients.

#ifndef PADDOCK_TESTS_NET_CLIENT_PORT_HARNESS_H_
#define PADDOCK_TESTS_NET_CLIENT_PORT_HARNESS_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/client_connections.h"
#include "net/client_events.h"
#include "net/client_listener.h"
#include "net/event_loop.h"
#include "net/test_client.h"

namespace paddock::net {

class ClientPortHarness : public ClientEvents {
 public:
  explicit ClientPortHarness(ClientOptions options = {})
      : connections(
            std::make_unique<ClientConnections>(options, &loop_, this)) {
    options.address = options.address.empty() ? "127.0.0.1" : options.address;
    if (options.address == "any") {
      options.address.clear();
    }
    options.port = 0;
    auto bound = ClientListener::Bind(options, &loop_, this, connections.get());
    CHECK(bound.ok()) << bound.status();
    listener = *std::move(bound);
    const absl::Status status = listener->Listen();
    CHECK(status.ok()) << status;
  }

  uint16_t port() const { return listener->port(); }

  // Runs both ends until `done` holds; false when it does not within seconds.
  bool RunUntil(const std::function<bool()>& done) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      RunBatch();
      for (TestClient* client : clients) {
        client->Receive();
      }
      if (done()) {
        return true;
      }
    }
    return false;
  }

  bool RunUntilFrames(size_t count) {
    return RunUntil([&] { return frames.size() >= count; });
  }

  void RunBatch() {
    loop_.Wait(absl::Milliseconds(1));
    while (loop_.RunOne()) {
    }
    connections->Flush();
    while (connections->Resume()) {
      connections->Flush();
    }
    connections->RunTimers();
    listener->RunTimers();
  }

  // ClientEvents:
  absl::Duration Now() override { return now; }

  void OnConnected(ConnectionId connection, const std::string& address,
                   uint16_t port) override {
    last = connection;
    addresses.push_back(address);
    ports.push_back(port);
  }
  void OnFrame(ConnectionId connection, std::string_view frame,
               absl::Duration waited) override {
    frames.emplace_back(connection, std::string(frame));
    waits.push_back(waited);
    if (answer) {
      connections->Append(connection, answer(frame), false);
    }
  }
  void OnAhead(absl::Span<const std::string_view> frames_ahead) override {
    ahead.insert(ahead.end(), frames_ahead.begin(), frames_ahead.end());
  }
  void OnDisconnected(ConnectionId connection) override {
    disconnected.insert(connection);
  }
  void OnHeld(ConnectionId connection) override { held.insert(connection); }
  std::optional<size_t> FourLetterWordArgumentBytes(
      std::string_view word) const override {
    return word == "ruok"   ? std::optional<size_t>(0)
           : word == "stmk" ? std::optional<size_t>(8)
                            : std::nullopt;
  }
  std::string FourLetterWord(ConnectionId, std::string_view word,
                             std::string_view argument) override {
    ++words_answered;
    return word == "ruok" ? "imok" : std::string(argument);
  }
  Turn NextTurn(ConnectionId connection,
                absl::Duration /*waited*/) const override {
    return unread.contains(connection)    ? Turn::kUnread
           : blocked.contains(connection) ? Turn::kWait
                                          : Turn::kNow;
  }
  bool IsTimeUp() const override { return is_time_up; }
  bool IsIdle(ConnectionId connection) const override {
    return !busy.contains(connection);
  }
  bool HasSession(ConnectionId connection) const override {
    return with_session.contains(connection);
  }

 private:
  EventLoop loop_;

 public:
  std::unique_ptr<ClientConnections> connections;
  std::unique_ptr<ClientListener> listener;

  std::vector<TestClient*> clients;  // Received from while running

  // What the owner says.
  absl::Duration now = absl::Hours(1);
  std::set<ConnectionId> blocked;
  std::set<ConnectionId> unread;
  std::set<ConnectionId> busy;
  bool is_time_up = false;
  std::set<ConnectionId> with_session;
  std::function<std::string(std::string_view)> answer;

  // What the owner was told.
  ConnectionId last = kNoConnection;
  std::vector<std::string> addresses;
  std::vector<uint16_t> ports;
  std::vector<std::pair<ConnectionId, std::string>> frames;
  std::vector<absl::Duration> waits;  // Of these frames
  std::vector<std::string> ahead;
  std::set<ConnectionId> disconnected;
  std::set<ConnectionId> held;
  int words_answered = 0;
};

}  // namespace paddock::net

#endif  // PADDOCK_TESTS_NET_CLIENT_PORT_HARNESS_H_
