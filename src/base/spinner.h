// Spinner: how a thread waits for what mostly comes soon.  Not thread-safe.
//
// To sleep and to be woken takes 30 to 70 us on many systems, longer than a
// client takes for its next request and half as long as a disk for a sync.  To
// ask over and over for as long takes as much CPU.

#ifndef PADDOCK_BASE_SPINNER_H_
#define PADDOCK_BASE_SPINNER_H_

#include "absl/time/time.h"
#include "base/clock.h"

namespace paddock::base {

class Spinner {
 public:
  // Asks has_happened() over and over until it says so, for no longer than
  // `limit`.  False when it does not, or when asking was likely to be in vain:
  // where the wait before took more than twice as long, or one of the kRest
  // before was spent in vain.  Then sleep, and tell how long: Slept().
  template <class HasHappened>
  bool Spin(absl::Duration limit, HasHappened has_happened) {
    if (last_wait_ > 2 * limit) {
      return false;
    }
    if (rest_ > 0) {
      --rest_;
      return false;
    }
    const absl::Duration end = MonotonicNow() + limit;
    do {
      if (has_happened()) {
        return true;
      }
    } while (MonotonicNow() < end);
    rest_ = kRest;
    return false;
  }

  // The wait took so long, with the spin before it.
  void Slept(absl::Duration wait) { last_wait_ = wait; }

 private:
  static constexpr int kRest = 16;

  absl::Duration last_wait_ = absl::InfiniteDuration();
  int rest_ = 0;  // So many times yet it does not spin
};

}  // namespace paddock::base

#endif  // PADDOCK_BASE_SPINNER_H_
