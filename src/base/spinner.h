// Spinner: how a thread waits for what mostly comes soon.  Not thread-safe.
//
// To sleep and to be woken takes 30 to 70 us on many systems, longer than a
// client takes for its next request and half as long as a disk for a sync.  To
// ask over and over for as long takes as much CPU.

#ifndef PADDOCK_BASE_SPINNER_H_
#define PADDOCK_BASE_SPINNER_H_

#include <algorithm>

#include "absl/time/time.h"
#include "base/clock.h"

namespace paddock {

class Spinner {
 public:
  // Asks has_happened() over and over until it says so, for no longer than
  // `limit`.  False when it does not, or when asking is likely to be in vain:
  // where the last wait that Slept() was told of took more than twice as long,
  // and for some waits after a spin in vain: the more of them, the more of the
  // last were.  Then sleep, and tell Slept().
  template <class HasHappened>
  bool Spin(absl::Duration limit, HasHappened has_happened) {
    if (limit <= absl::ZeroDuration() || last_wait_ > 2 * limit) {
      return false;
    }
    if (rest_ > 0) {
      --rest_;
      return false;
    }
    const absl::Duration end = MonotonicNow() + limit;
    do {
      if (has_happened()) {
        rest_length_ = std::max(rest_length_ - 1, 0);
        return true;
      }
    } while (MonotonicNow() < end);
    rest_length_ = std::min(2 * rest_length_ + 3, kRestMax);
    rest_ = rest_length_;
    return false;
  }

  // The wait took so long, with the spin before it.
  void Slept(absl::Duration wait) { last_wait_ = wait; }

 private:
  static constexpr int kRestMax = 15;

  absl::Duration last_wait_ = absl::InfiniteDuration();
  int rest_length_ = 0;  // After the last in vain; one less for each since
  int rest_ = 0;         // So many times yet it does not spin
};

}  // namespace paddock

#endif  // PADDOCK_BASE_SPINNER_H_
