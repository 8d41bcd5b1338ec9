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

TEST(ConnectionThrottleTest, DeficitIsWhatIsMissing) {
  ConnectionThrottle throttle(
      {.tokens_max = 5, .fill_time = absl::Milliseconds(10)});
  throttle.AdmitNew(absl::Seconds(1));
  throttle.AdmitNew(absl::Seconds(1));
  EXPECT_EQ(throttle.deficit(), 2);
  throttle.AdmitNew(absl::Seconds(1) + absl::Milliseconds(11));
  EXPECT_EQ(throttle.deficit(), 2);  // One came, one went
}

// --- Random refusals ---

ConnectionThrottleOptions Blue() {
  return {.tokens_max = 10,
          .fill_time = absl::Milliseconds(100),
          .fill_count = 10,
          .freeze_time = absl::Milliseconds(10),
          .drop_increase = 0.25,
          .drop_decrease = 0.125,
          .decrease_ratio = 0.2,
          .random_seed = 1};
}

// Uses up all tokens.
void Drain(ConnectionThrottle& throttle, absl::Duration now) {
  while (throttle.deficit() < 10) {
    throttle.AdmitNew(now);
  }
}

TEST(ConnectionThrottleTest, ShareOfRefusalsGrowsWhileTheBucketIsEmpty) {
  ConnectionThrottle throttle(Blue());
  absl::Duration now = absl::Seconds(1);
  Drain(throttle, now);
  EXPECT_EQ(throttle.drop_probability(), 0);
  for (const double expected : {0.25, 0.5, 0.75, 1.0, 1.0}) {
    now += absl::Milliseconds(11);
    EXPECT_FALSE(throttle.AdmitNew(now));
    EXPECT_EQ(throttle.drop_probability(), expected);
    now += absl::Milliseconds(5);  // Too early for the next change
    EXPECT_FALSE(throttle.AdmitNew(now));
    EXPECT_EQ(throttle.drop_probability(), expected);
  }
}

TEST(ConnectionThrottleTest, ShareOfRefusalsShrinksWhileTheBucketIsNearlyFull) {
  ConnectionThrottleOptions options = Blue();
  options.fill_time = absl::Hours(1);
  ConnectionThrottle throttle(options);
  absl::Duration now = absl::Seconds(1);
  Drain(throttle, now);
  now += absl::Milliseconds(11);
  throttle.AdmitNew(now);
  ASSERT_EQ(throttle.drop_probability(), 0.25);
  now += absl::Hours(2);  // Full; this one finds nothing missing
  throttle.AdmitNew(now);
  EXPECT_EQ(throttle.drop_probability(), 0.125);
  while (throttle.deficit() < 3) {
    throttle.AdmitNew(now);
  }
  now += absl::Milliseconds(11);  // Three of ten are missing: two may be
  throttle.AdmitNew(now);
  EXPECT_EQ(throttle.drop_probability(), 0.125);
  now += absl::Hours(2);
  throttle.AdmitNew(now);
  EXPECT_EQ(throttle.drop_probability(), 0);
  now += absl::Hours(2);
  throttle.AdmitNew(now);
  EXPECT_EQ(throttle.drop_probability(), 0);
}

TEST(ConnectionThrottleTest, RefusesTheShareItSays) {
  ConnectionThrottleOptions options = Blue();
  options.fill_time = absl::Hours(1);
  options.tokens_max = 100000;
  options.fill_count = 100000;
  options.drop_decrease = 0;
  ConnectionThrottle throttle(options);
  absl::Duration now = absl::Seconds(1);
  while (throttle.deficit() < options.tokens_max) {
    throttle.AdmitNew(now);
  }
  now += absl::Milliseconds(11);
  throttle.AdmitNew(now);
  ASSERT_EQ(throttle.drop_probability(), 0.25);
  now += absl::Hours(2);
  int admitted = 0;
  for (int i = 0; i < 10000; ++i) {
    admitted += throttle.AdmitNew(now) ? 1 : 0;
  }
  EXPECT_NEAR(admitted, 7500, 200);
  EXPECT_EQ(throttle.deficit(), admitted);  // Refusals take no tokens
}

TEST(ConnectionThrottleTest, RefusesNothingAtRandomByDefault) {
  ConnectionThrottleOptions options = Blue();
  options.freeze_time = absl::Milliseconds(-1);
  ConnectionThrottle throttle(options);
  absl::Duration now = absl::Seconds(1);
  Drain(throttle, now);
  for (int i = 0; i < 100; ++i) {
    now += absl::Milliseconds(11);
    throttle.AdmitNew(now);
  }
  EXPECT_EQ(throttle.drop_probability(), 0);
}

}  // namespace
}  // namespace paddock::net
