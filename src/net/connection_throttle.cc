#include "net/connection_throttle.h"

#include <algorithm>

namespace paddock::net {

ConnectionThrottle::ConnectionThrottle(const ConnectionThrottleOptions& options)
    : options_(options), tokens_(options.tokens_max) {}

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
  const absl::Duration elapsed = now - last_fill_;
  if (elapsed > options_.fill_time) {
    const double refill = absl::FDivDuration(elapsed, options_.fill_time) *
                          static_cast<double>(options_.fill_count);
    const auto missing = static_cast<double>(options_.tokens_max - tokens_);
    tokens_ += static_cast<int64_t>(std::min(refill, missing));
    last_fill_ = now;
  }
  if (tokens_ < tokens) {
    return false;
  }
  tokens_ -= tokens;
  return true;
}

}  // namespace paddock::net
