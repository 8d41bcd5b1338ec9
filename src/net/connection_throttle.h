// Limits how fast clients may set up connections: a bucket of tokens that
// refills with time; every ConnectRequest takes some (client-protocol.md 2.9,
// connection_throttle_*).  Pure.  Not thread-safe.

#ifndef PADDOCK_NET_CONNECTION_THROTTLE_H_
#define PADDOCK_NET_CONNECTION_THROTTLE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace paddock::net {

// The defaults are ZooKeeper's.
struct ConnectionThrottleOptions {
  int64_t tokens_max = 0;                            // _tokens; 0: off
  absl::Duration fill_time = absl::Milliseconds(1);  // _fill_time
  int64_t fill_count = 1;          // _fill_count: tokens per fill_time
  bool weight_enabled = false;     // _weight_enabled; else each takes one token
  int64_t new_session_weight = 3;  // _global_session_weight
  int64_t renew_session_weight = 2;  // _renew_session_weight
};

class ConnectionThrottle {
 public:
  // The bucket starts full.
  explicit ConnectionThrottle(const ConnectionThrottleOptions& options);

  // Takes the tokens of one ConnectRequest for a new session; false, and
  // nothing taken, when they are not there.
  bool AdmitNew(absl::Duration now);

  // Likewise for the renewal of a session.
  bool AdmitRenewal(absl::Duration now);

 private:
  bool Admit(int64_t tokens, absl::Duration now);

  const ConnectionThrottleOptions options_;
  int64_t tokens_;
  absl::Duration last_fill_ = -absl::InfiniteDuration();
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CONNECTION_THROTTLE_H_
