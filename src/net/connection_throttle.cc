#include "net/connection_throttle.h"

#include <algorithm>
#include <cmath>

namespace paddock::net {

ConnectionThrottle::ConnectionThrottle(const ConnectionThrottleOptions& options)
    : options_(options),
      tokens_(options.tokens_max),
      random_(options.random_seed) {}

bool ConnectionThrottle::AdmitNew(absl::Duration now) {
  return Admit(options_.weight_enabled ? options_.new_session_weight : 1, now);
}

bool ConnectionThrottle::AdmitRenewal(absl::Duration now) {
  return Admit(options_.weight_enabled ? options_.renew_session_weight : 1,
               now);
}

bool ConnectionThrottle::Admit(int64_t tokens, absl::Duration now) {
  if (options_.tokens_max <= 0) {
    return true;
  }
  Refill(now);
  if (options_.freeze_time >= absl::ZeroDuration() && IsDropped(now)) {
    return false;
  }
  if (tokens_ < tokens) {
    return false;
  }
  tokens_ -= tokens;
  return true;
}

void ConnectionThrottle::Refill(absl::Duration now) {
  const absl::Duration elapsed = now - last_fill_;
  if (elapsed > options_.fill_time) {
    const double refill = absl::FDivDuration(elapsed, options_.fill_time) *
                          static_cast<double>(options_.fill_count);
    tokens_ +=
        static_cast<int64_t>(std::min(refill, static_cast<double>(deficit())));
    last_fill_ = now;
  }
}

bool ConnectionThrottle::IsDropped(absl::Duration now) {
  if (now - last_change_ > options_.freeze_time) {
    const double nearly_full = std::round(
        static_cast<double>(options_.tokens_max) * options_.decrease_ratio);
    if (tokens_ == 0 && drop_probability_ < 1) {
      drop_probability_ =
          std::min(drop_probability_ + options_.drop_increase, 1.0);
    } else if (static_cast<double>(deficit()) <= nearly_full) {
      drop_probability_ =
          std::max(drop_probability_ - options_.drop_decrease, 0.0);
    }
    last_change_ = now;
  }
  constexpr uint64_t kWhole = uint64_t{1} << 32;
  return static_cast<double>(random_.Below(kWhole)) <
         drop_probability_ * static_cast<double>(kWhole);
}

}  // namespace paddock::net
