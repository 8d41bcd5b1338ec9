// All connections of the client port: who is there, who has output to send,
// who is held back, and what they use together.
//
// The owner runs the EventLoop for a batch of events, appends the output they
// caused, calls Flush(), which writes once to each connection that has
// something, then Resume() and RunTimers().  Not thread-safe.

#ifndef PADDOCK_NET_CLIENT_CONNECTIONS_H_
#define PADDOCK_NET_CLIENT_CONNECTIONS_H_

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/prefetch.h"
#include "base/summary.h"
#include "net/client_connection.h"
#include "net/client_events.h"
#include "net/client_options.h"
#include "net/connection_throttle.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/input_buffer.h"

namespace paddock::net {

// Counted since the start or ResetStats().
struct ClientStats {
  int64_t rejected = 0;    // By the limits of connections
  int64_t throttled = 0;   // By the connection throttle
  int64_t handshakes = 0;  // ConnectRequests received
  Summary token_deficit;   // Of that, after each ConnectRequest it let pass
  int64_t dropped_by_client = 0;
  int64_t waits = 0;  // Times the owner let a connection wait: Turn::kWait
  int64_t sessionless_expired = 0;
  int64_t large_requests_rejected = 0;
  int64_t slow_readers_closed = 0;
  int64_t bytes_received = 0;
};

// What all connections use together at the moment.
struct ClientTotals {
  size_t unsent_bytes = 0;
  size_t input_bytes = 0;  // Capacity of input buffers beyond their first
  int64_t large_request_bytes = 0;
};

class ClientConnections {
 public:
  // `loop` and `events` outlive it.
  ClientConnections(const ClientOptions& options, EventLoop* loop,
                    ClientEvents* events);
  ~ClientConnections();

  ClientConnections(const ClientConnections&) = delete;
  ClientConnections& operator=(const ClientConnections&) = delete;

  // Takes over an accepted socket, which never blocks; one above a limit is
  // reset.
  void Add(Descriptor socket, const boost::asio::ip::tcp::endpoint& remote);

  // Adds output; ignored for a connection that is gone.  With `close` it is
  // closed once that is flushed.
  void Append(ConnectionId connection, std::string bytes, bool close);

  // Output is added in `count` turns, of which this is turn `i`, to
  // connection_at(turn): see prefetch.h.
  template <class ConnectionAt>
  void PrefetchFor(size_t i, size_t count, ConnectionAt connection_at) const {
    PrefetchEntries(connections_, i, count, connection_at);
  }

  // Sends what was appended, as far as the sockets take it, and closes
  // half-closed connections that have had all their answers.  Where output is
  // for very many, some of them have to wait, and what later calls bring goes
  // before them.  Returns whether it left any.
  bool Flush();

  // Reads on where there may be more, and gives each held connection a turn.
  // Returns whether anything was read or handed on, so that there may be more
  // to do at once.
  bool Resume();

  // Closes what has been idle for too long, and reports held connections.
  // Called when NextDeadline() has come; earlier calls cost next to nothing.
  void RunTimers();
  absl::Duration NextDeadline() const;

  // From now on nothing that clients send is handed on.
  void StopReading() { reading_ = false; }

  // Closes all, gently.
  void CloseAll();

  // Those that the owner has been told of.
  size_t size() const { return connections_.size(); }
  // Those that have a request held back.
  size_t held_count() const { return held_.size(); }
  // Whether all have closed, those included that we only wait for.
  bool AllClosed() const { return connections_.empty() && closing_count_ == 0; }
  const ClientTotals& totals() const { return totals_; }
  const ClientStats& stats() const { return stats_; }
  void ResetStats() { stats_ = {}; }
  // All they take, roughly, but for what the kernel has for their sockets.
  // Looks at each.
  size_t memory_bytes() const;
  double drop_probability() const { return throttle_.drop_probability(); }

 private:
  friend class ClientConnection;
  using Pointer = std::shared_ptr<ClientConnection>;

  struct Closing {
    absl::Duration deadline;
    Pointer connection;
  };

  bool IsRefused(const boost::asio::ip::address& address) const;
  // The owner hears no more of it, and it counts for no limit.
  void Remove(const ClientConnection& connection);
  void AddClosing(Pointer connection);
  bool MustNotLinger() const {
    return closing_count_ > options_.closing_connections_max;
  }
  void LogHangUp(const ClientConnection& connection, std::string_view why);
  void RunClosingTimers(absl::Duration now);
  void CloseSessionless(absl::Duration now);
  bool CloseAnswered();

  const ClientOptions options_;
  EventLoop* const loop_;
  ClientEvents* const events_;
  ConnectionThrottle throttle_;
  ClientTotals totals_;
  ClientStats stats_;
  bool reading_ = true;
  ReadBuffer read_buffer_;

  uint64_t last_id_ = 0;
  absl::flat_hash_map<ConnectionId, Pointer> connections_;
  std::unordered_map<boost::asio::ip::address, int> per_address_;

  std::vector<Pointer> dirty_;        // Have output that was not tried yet
  std::deque<Pointer> late_;          // Likewise, since an earlier Flush()
  std::vector<Pointer> to_read_;      // There may be more to read
  std::deque<Pointer> held_;          // In the order of their turns
  std::vector<Pointer> half_closed_;  // Their clients will send no more
  std::deque<Closing> closing_;       // By deadline
  size_t closing_count_ = 0;          // Of them, those still open

  absl::Duration next_sessionless_check_ = -absl::InfiniteDuration();
  absl::Duration next_held_tick_ = -absl::InfiniteDuration();
  LogLimit hang_up_log_;
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CLIENT_CONNECTIONS_H_
