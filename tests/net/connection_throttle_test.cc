#include "net/connection_throttle.h"

#include <gtest/gtest.h>

namespace paddock::net {
namespace {

TEST(ConnectionThrottleTest, IsOffWithoutTokens) {
  ConnectionThrottle throttle({.tokens_max = 0});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(throttle.AdmitNew(absl::ZeroDuration()));
  }
}

TEST(ConnectionThrottleTest, RefillsWithTime) {
  ConnectionThrottle throttle(
      {.tokens_max = 2, .fill_time = absl::Milliseconds(10), .fill_count = 1});
  absl::Duration now = absl::Seconds(1);
  EXPECT_TRUE(throttle.AdmitNew(now));
  EXPECT_TRUE(throttle.AdmitNew(now));
  EXPECT_FALSE(throttle.AdmitNew(now));
  now += absl::Milliseconds(9);
  EXPECT_FALSE(throttle.AdmitNew(now));
  now += absl::Milliseconds(2);
  EXPECT_TRUE(throttle.AdmitNew(now));
  EXPECT_FALSE(throttle.AdmitNew(now));
  now += absl::Hours(1);  // No more than fit in
  EXPECT_TRUE(throttle.AdmitNew(now));
  EXPECT_TRUE(throttle.AdmitNew(now));
  EXPECT_FALSE(throttle.AdmitNew(now));
}

TEST(ConnectionThrottleTest, RenewalsMayWeighLess) {
  ConnectionThrottle throttle({.tokens_max = 5, .weight_enabled = true});
  const absl::Duration now = absl::Seconds(1);
  EXPECT_TRUE(throttle.AdmitNew(now));      // 3
  EXPECT_FALSE(throttle.AdmitNew(now));     // 2 are left
  EXPECT_TRUE(throttle.AdmitRenewal(now));  // 2
  EXPECT_FALSE(throttle.AdmitRenewal(now));
}

}  // namespace
}  // namespace paddock::net
