// The two clocks.  What must give equal results for equal events reads neither:
// it is told the time.

#ifndef PADDOCK_BASE_CLOCK_H_
#define PADDOCK_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace paddock {

// Never goes back; only differences mean something.
inline absl::Duration MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// Milliseconds since the epoch; may jump.
inline int64_t WallMs() { return absl::ToUnixMillis(absl::Now()); }

}  // namespace paddock

#endif  // PADDOCK_BASE_CLOCK_H_
