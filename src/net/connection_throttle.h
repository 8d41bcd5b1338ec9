// Limits how fast clients may set up connections: a bucket of tokens that
// refills with time; every ConnectRequest takes some (client-protocol.md 2.9,
// connection_throttle_*).
//
// Optionally it refuses some before that, at random, so that clients that come
// a little later than others do not always find the bucket empty.  How many is
// adapted: more each time the bucket is found empty, fewer each time it is
// found nearly full (Feng et al., "BLUE", 1999).
//
// Pure.  Not thread-safe.

#ifndef PADDOCK_NET_CONNECTION_THROTTLE_H_
#define PADDOCK_NET_CONNECTION_THROTTLE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "base/random.h"

namespace paddock::net {

// The defaults are ZooKeeper's.
struct ConnectionThrottleOptions {
  int64_t tokens_max = 0;                            // _tokens; 0: off
  absl::Duration fill_time = absl::Milliseconds(1);  // _fill_time
  int64_t fill_count = 1;          // _fill_count: tokens per fill_time
  bool weight_enabled = false;     // _weight_enabled; else each takes one token
  int64_t new_session_weight = 3;  // _global_session_weight
  int64_t renew_session_weight = 2;  // _renew_session_weight

  // The random refusals.  Their share is adapted at most this often; negative:
  // there are none.
  absl::Duration freeze_time = absl::Milliseconds(-1);  // _freeze_time
  double drop_increase = 0.02;   // _drop_increase: of the share, when empty
  double drop_decrease = 0.002;  // _drop_decrease: when at least this full:
  double decrease_ratio = 0;     // _decrease_ratio: missing, of tokens_max
  uint64_t random_seed = 0;
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

  // Tokens taken and not yet refilled.
  int64_t deficit() const { return options_.tokens_max - tokens_; }
  // The share of requests that is refused at random, from 0 to 1.
  double drop_probability() const { return drop_probability_; }

 private:
  bool Admit(int64_t tokens, absl::Duration now);
  void Refill(absl::Duration now);
  bool IsDropped(absl::Duration now);

  const ConnectionThrottleOptions options_;
  int64_t tokens_;
  absl::Duration last_fill_ = -absl::InfiniteDuration();
  absl::Duration last_change_ = -absl::InfiniteDuration();
  double drop_probability_ = 0;
  Random random_;
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CONNECTION_THROTTLE_H_
