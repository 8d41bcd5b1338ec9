// The two clocks.  Nothing but the server reads them.

#ifndef PADDOCK_SERVER_CLOCK_H_
#define PADDOCK_SERVER_CLOCK_H_

#include <chrono>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace paddock::server {

// Never goes back; only differences mean something.
inline absl::Duration MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// Milliseconds since the epoch; may jump.
inline int64_t WallMs() { return absl::ToUnixMillis(absl::Now()); }

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_CLOCK_H_
