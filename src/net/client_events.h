// What the client port tells its owner, and asks it.  Called on the thread
// that runs the EventLoop, never from within a call of the owner into
// the port other than Flush(), Resume(), RunTimers() and CloseAll().

#ifndef PADDOCK_NET_CLIENT_EVENTS_H_
#define PADDOCK_NET_CLIENT_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/ids.h"

namespace paddock::net {

// Whether the next request of a connection may go ahead.
enum class Turn {
  kNow,
  kWait,    // Later; the time until then is what OnFrame() calls `waited`
  kUnread,  // Later, and until then it is as if it lay unread in the socket
};

class ClientEvents {
 public:
  virtual ~ClientEvents() = default;

  // The monotonic time of the current batch of events.
  virtual absl::Duration Now() = 0;

  // `address` is written as ZooKeeper does (address.h).
  virtual void OnConnected(ConnectionId connection, const std::string& address,
                           uint16_t port) = 0;

  // `frame` comes without its length prefix and is valid during the call.
  // `waited` is for how long it was held back at least; it may be up to 10 ms
  // too short.
  virtual void OnFrame(ConnectionId connection, std::string_view frame,
                       absl::Duration waited) = 0;

  // These frames, as OnFrame() hands them on, are likely to be next, so that
  // what they need can be fetched from memory meanwhile.
  virtual void OnAhead(absl::Span<const std::string_view> frames) = 0;

  // Output for this connection goes nowhere from now on.
  virtual void OnDisconnected(ConnectionId connection) = 0;

  // Requests of this connection are being held back, and not because it does
  // not take its answers.
  virtual void OnHeld(ConnectionId connection) = 0;

  // How many bytes of argument belong to a four-letter word (9.1), or nullopt
  // when `word` is none and hence the length of a frame.
  virtual std::optional<size_t> FourLetterWordArgumentBytes(
      std::string_view word) const = 0;

  // The answer to a four-letter word.  `argument` is shorter than it should be
  // when the client has stopped sending.
  virtual std::string FourLetterWord(ConnectionId connection,
                                     std::string_view word,
                                     std::string_view argument) = 0;

  // Whether the next request of this connection, which has waited so long, may
  // go ahead, as far as the requests in progress are concerned.  Not asked for
  // pings.
  virtual Turn NextTurn(ConnectionId connection,
                        absl::Duration waited) const = 0;

  // Whether others must have their turn before any held request may go ahead.
  virtual bool IsTimeUp() const = 0;

  // Whether no request of this connection is in progress.
  virtual bool IsIdle(ConnectionId connection) const = 0;

  // Whether the connection has completed its handshake.
  virtual bool HasSession(ConnectionId connection) const = 0;
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CLIENT_EVENTS_H_
