// Identities as types of their own, so that they cannot be mixed up.

#ifndef PADDOCK_BASE_IDS_H_
#define PADDOCK_BASE_IDS_H_

#include <cstdint>

namespace paddock {

// A member of an ensemble: what `myid` holds.  1 to 254.
enum class ServerId : int64_t {};

// A client session (client-protocol.md 2.4).  Zero denotes none.
enum class SessionId : int64_t {};
inline constexpr SessionId kNoSession{0};

// One TCP connection of a client to this server, numbered from 1 as they come
// and never used again while the process lives.
enum class ConnectionId : uint64_t {};
inline constexpr ConnectionId kNoConnection{0};

inline constexpr int64_t ToWire(SessionId id) {
  return static_cast<int64_t>(id);
}

}  // namespace paddock

#endif  // PADDOCK_BASE_IDS_H_
