// Accepts clients' connections and hands them to ClientConnections.  The port
// is taken by Bind() and opened by Listen(): until then a client is refused,
// as a connection that nobody serves would only cost it time.
//
// Not thread-safe.

#ifndef PADDOCK_NET_CLIENT_LISTENER_H_
#define PADDOCK_NET_CLIENT_LISTENER_H_

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "net/client_connections.h"
#include "net/client_events.h"
#include "net/client_options.h"
#include "net/descriptor.h"
#include "net/event_loop.h"

namespace paddock::net {

class ClientListener final : private EventLoop::Target {
 public:
  // Takes the address and port of `options`.  Errors: kUnavailable when the
  // port is in use, kInvalidArgument when there is no such address here; the
  // message names them.  All arguments outlive the listener.
  static absl::StatusOr<std::unique_ptr<ClientListener>> Bind(
      const ClientOptions& options, EventLoop* loop, ClientEvents* events,
      ClientConnections* connections);

  ~ClientListener();

  ClientListener(const ClientListener&) = delete;
  ClientListener& operator=(const ClientListener&) = delete;

  // Opens the port and begins to accept.  Called once.
  absl::Status Listen();

  // Closes the port.  Connections stay.
  void Close();

  // Goes on accepting, after many or after a lack of resources.  Called when
  // NextDeadline() has come; earlier calls do nothing.
  void RunTimers();
  absl::Duration NextDeadline() const { return retry_at_; }

  uint16_t port() const { return port_; }
  // "127.0.0.1:2181"; "[::]:2181" where it listens on all
  // addresses, IPv6 and IPv4, "0.0.0.0:2181" where there is no IPv6.
  std::string address() const;

 private:
  ClientListener(const ClientOptions& options, EventLoop* loop,
                 ClientEvents* events, ClientConnections* connections);

  // EventLoop::Target:
  void OnReady(Readiness readiness) override;

  absl::Status BindAnyAddress();
  absl::Status BindTo(const boost::asio::ip::tcp::endpoint& endpoint);
  void Accept();
  // What accept() has told cannot be helped at the moment.
  void OnError(int error);
  // The process has no descriptor left: uses the spare one to turn a waiting
  // client away, which would hang otherwise.
  void TurnOneAway();

  const int backlog_;
  const std::string host_;
  uint16_t port_;
  EventLoop* const loop_;
  ClientEvents* const events_;
  ClientConnections* const connections_;
  Descriptor socket_;
  Descriptor spare_;
  absl::Duration retry_at_ = absl::InfiniteDuration();
  LogLimit error_log_{1};
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CLIENT_LISTENER_H_
