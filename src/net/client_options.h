// What the client port is told once: where it listens, and every bound of it.

#ifndef PADDOCK_NET_CLIENT_OPTIONS_H_
#define PADDOCK_NET_CLIENT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "net/connection_throttle.h"

namespace paddock::net {

// The names in comments are keys of zoo.cfg (client-protocol.md chapter 11).
struct ClientOptions {
  // Where.  An address in digits or a name; empty: all, IPv4 and IPv6.
  std::string address = "";  // clientPortAddress
  uint16_t port = 2181;      // clientPort; 0: any free one
  int listen_backlog = -1;   // clientPortListenBacklog; -1: the system's most

  // Who.  0: no limit.
  int connections_per_address_max = 60;  // maxClientCnxns
  int connections_max = 0;               // maxCnxns
  ConnectionThrottleOptions throttle = {};
  bool tcp_keep_alive = false;  // clientTcpKeepAlive

  // A connection without a session is closed when nothing was sent either way
  // for at least this and at most twice this: nio.sessionlessCnxnTimeout.
  absl::Duration sessionless_timeout = absl::Seconds(10);

  // A connection that we close gets this long, from the last progress, to
  // take its last bytes and to close its side.
  absl::Duration close_timeout = absl::Seconds(5);

  // Connections that only wait for the other side to close; more are cut.
  size_t closing_connections_max = 1000;

  // How often the owner is told which connections are held, so that their
  // sessions do not expire for it.
  absl::Duration held_tick = absl::Seconds(1);

  // Largest request, without its length prefix: jute.maxbuffer.
  int32_t frame_bytes_max = 0xfffff;

  // What all connections together may have received of requests larger than
  // the threshold and not yet handled; more closes the connection.
  int64_t large_request_threshold = -1;         // largeRequestThreshold
  int64_t large_request_bytes_max = 100 << 20;  // largeRequestMaxBytes

  // Memory of all input buffers together, beyond 2 KiB of each; when it is used
  // up, a held connection is not read on and a frame that needs more is refused
  // by closing its connection.
  size_t input_bytes_total_max = size_t{1} << 30;

  // Output that clients have not taken.  A connection above the soft limit
  // must wait with its next request.  So must each that is behind at all while
  // all together are above the total soft limit.
  size_t unsent_bytes_soft = size_t{1} << 20;
  size_t unsent_bytes_total_soft = size_t{256} << 20;

  // Watch events come without being asked for.  A connection that is further
  // behind than this is closed; likewise one above its soft limit while all
  // together are above the total hard limit.
  size_t unsent_bytes_hard = size_t{256} << 20;
  size_t unsent_bytes_total_hard = size_t{1} << 30;
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CLIENT_OPTIONS_H_
