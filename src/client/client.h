// An asynchronous client of the ZooKeeper protocol: one session on one
// connection, for the tools and tests of this project.
//
//   client::Client client(io, {.on_connected = [&](const auto& session)
//   {...}}); client.Connect({boost::asio::ip::make_address("127.0.0.1"),
//   2181}); client.Send(OpCode::kGetData, jute::GetDataRequest{"/a"},
//               [](const client::Reply& reply) {...});
//   io.run();
//
// It sends what it is told to, one request after the other without waiting
// for replies, and keeps no state beyond that: no watch tables, no reconnect,
// no chroot.  A request to re-attach to a session is a Client of its own.
//
// Requests queue in memory without bound; a caller that may produce more than
// the server takes bounds itself by outstanding().
//
// All calls and all handlers are on the one thread that runs the io_context,
// which outlives the Client.  A handler may call any method, but must not
// destroy its Client.

#ifndef PADDOCK_CLIENT_CLIENT_H_
#define PADDOCK_CLIENT_CLIENT_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "jute/proto.h"
#include "paddock/error.h"

namespace paddock::client {

// What identifies a session to any server (client-protocol.md 2.2).
struct Session {
  int64_t id = 0;  // 0: none yet
  std::string password{};
  absl::Duration timeout{};  // As negotiated
};

// `body` is the reply's record, still encoded; it is empty after an error, and
// lives for the time of the callback only.
struct Reply {
  Error error = Error::kOk;
  int64_t zxid = 0;
  std::string_view body;
};

struct Handlers {
  // The server has accepted the session.
  std::function<void(const Session&)> on_connected{};

  // A watch has fired.  The path lives for the time of the call only.
  std::function<void(int64_t zxid, const jute::WatcherEvent&)> on_event{};

  // The connection has ended, and nothing will be called after this.  OK after
  // Close(); FAILED_PRECONDITION when the server refused the session as
  // expired; DEADLINE_EXCEEDED when it was silent for more than two thirds
  // of the time-out; UNAVAILABLE otherwise.  Requests without a reply get none:
  // their callbacks are dropped.
  std::function<void(const absl::Status&)> on_closed{};
};

struct Options {
  absl::Duration timeout = absl::Seconds(30);
  int64_t last_zxid_seen = 0;
  Session session{};  // To re-attach to; id 0 asks for a new one
};

// What a Client and its outstanding socket operations share.
class Link;

class Client {
 public:
  using Callback = std::function<void(const Reply&)>;

  Client(boost::asio::io_context& io, Handlers handlers);

  // Closes the connection at once, as a crash would: the session lives on
  // until it expires.  Calls no handler.
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Starts connecting.  REQUIRES: not called before
  void Connect(const boost::asio::ip::tcp::endpoint& server,
               const Options& options = {});

  // Queues a request; `done` gets its reply.  Before on_connected it goes out
  // behind the handshake; after on_closed it is dropped.  Replies come in the
  // order of requests, except that a server may answer kAuth and kSasl early:
  // send these only while nothing is outstanding.
  void Send(jute::OpCode type, std::string_view body, Callback done);

  template <jute::Record R>
  void Send(jute::OpCode type, const R& request, Callback done) {
    std::string body;
    jute::Write(request, &body);
    Send(type, std::string_view(body), std::move(done));
  }

  // Ends the session; on_closed follows when the server has confirmed it.
  void Close();

  // Requests sent whose replies have not come yet.
  size_t outstanding() const;

  // The highest zxid seen in a reply or event.
  int64_t last_zxid_seen() const;

 private:
  const std::shared_ptr<Link> link_;
};

}  // namespace paddock::client

#endif  // PADDOCK_CLIENT_CLIENT_H_
