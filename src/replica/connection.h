// Connection is what a Replica keeps for one client connection: who it is,
// which requests of it wait, and what is to be sent to it.

#ifndef PADDOCK_REPLICA_CONNECTION_H_
#define PADDOCK_REPLICA_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "replica/ops.h"
#include "replica/sessions.h"
#include "replica/stats.h"
#include "tree/acl.h"

namespace paddock::replica {

// A request that has not been answered.
struct Waiting {
  enum class For {
    kTransaction,  // `zxid` is its own; its reply tells the outcome
    kTurn,         // A read
    kSync,         // The leader's word that it has seen all that is committed
    kHeld,         // A write behind such a sync, not yet asked for
    kNothing,      // `text` is the finished frame, it only keeps the order
  };
  For what = For::kNothing;
  const Op* op = nullptr;
  int32_t xid = 0;
  int64_t zxid = 0;  // kTransaction: 0 while only the leader knows it
  int64_t arrived_ms = 0;
  // The identities that it was sent with: the first so many, for a connection
  // never loses one.
  size_t identities = 0;
  bool then_close = false;
  std::string text;        // kTurn: the request's body
  size_t reply_bytes = 0;  // Estimated
};

struct Connection {
  ConnectionId id = kNoConnection;
  std::string address;
  uint16_t port = 0;
  int64_t established_wall_ms = 0;

  std::vector<tree::Identity> identities;
  Session* session = nullptr;    // Null before the handshake
  bool sends_read_only = false;  // Its handshake had the readOnly byte
  bool handshake_done = false;   // Its ConnectResponse is on its way
  bool deaf = false;             // Nothing it sends matters any more
  // The session that it wants to take up, while the leader is asked.
  SessionId wanted = kNoSession;
  int32_t wanted_timeout_ms = 0;
  std::deque<Waiting> waiting;
  int holding = 0;                 // Of these, those that are kSync or kHeld
  size_t waiting_reply_bytes = 0;  // Of all these

  std::string out;       // Frames to send
  bool closing = false;  // To be closed behind them
  bool dirty = false;    // Listed in the Replica's dirty connections

  // For `cons`.
  int64_t packets_received = 0;
  int64_t packets_sent = 0;
  std::string_view last_op = "NA";
  int64_t last_cxid = -1;
  int64_t last_zxid = 0;
  int64_t last_response_ms = 0;
  int64_t last_latency_ms = 0;
  Summary latency;  // In ms
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_CONNECTION_H_
