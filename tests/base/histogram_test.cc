#include "base/histogram.h"

#include <gtest/gtest.h>

namespace paddock {
namespace {

TEST(HistogramTest, IsZeroWhenEmpty) {
  EXPECT_EQ(Histogram().Percentile(0.5), 0);
  EXPECT_EQ(Histogram().max(), 0);
}

TEST(HistogramTest, IsExactForSmallValues) {
  Histogram histogram;
  for (int value = 1; value <= 100; ++value) {
    histogram.Add(value);
  }
  EXPECT_EQ(histogram.Percentile(0.01), 1);
  EXPECT_EQ(histogram.Percentile(0.5), 50);
  EXPECT_EQ(histogram.Percentile(0.99), 99);
  EXPECT_EQ(histogram.Percentile(1), 100);
}

TEST(HistogramTest, IsAtMostASixtyFourthTooHigh) {
  for (int64_t value = 1; value < int64_t{1} << 61; value += value / 7 + 1) {
    Histogram histogram;
    histogram.Add(value);
    histogram.Add(INT64_MAX);
    EXPECT_GE(histogram.Percentile(0.5), value);
    EXPECT_LE(histogram.Percentile(0.5), value + value / 64);
  }
}

TEST(HistogramTest, NeverExceedsTheMaximum) {
  Histogram histogram;
  histogram.Add(1'000'001);
  EXPECT_EQ(histogram.Percentile(0.999), 1'000'001);
  EXPECT_EQ(histogram.max(), 1'000'001);
}

TEST(HistogramTest, TakesATimeThatWentBackAsZero) {
  Histogram histogram;
  histogram.Add(-5);
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.Percentile(1), 0);
}

}  // namespace
}  // namespace paddock
