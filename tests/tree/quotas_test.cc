#include "tree/quotas.h"

#include <gtest/gtest.h>

namespace paddock::tree {
namespace {

TEST(QuotasTest, ParsesWhatZkCliWrites) {
  EXPECT_EQ(ParseQuota("count=3,bytes=-1"), (QuotaText{.count = 3}));
  EXPECT_EQ(ParseQuota("count=1,bytes=2=;byteHardLimit=3;countHardLimit=4"),
            (QuotaText{1, 2, 4, 3}));
  EXPECT_EQ(ParseQuota(""), QuotaText());
}

TEST(QuotasTest, ParsesLeniently) {
  EXPECT_EQ(ParseQuota("bytes=5"), (QuotaText{.bytes = 5}));
  EXPECT_EQ(ParseQuota("count=,bytes=7"), (QuotaText{.bytes = 7}));
  EXPECT_EQ(ParseQuota("count==9"), QuotaText());
  EXPECT_EQ(ParseQuota("count=1,,;;bytes=2"),
            (QuotaText{.count = 1, .bytes = 2}));
  EXPECT_EQ(ParseQuota("other=1,count=+2"), (QuotaText{.count = 2}));
  EXPECT_EQ(ParseQuota(",count=2,"), (QuotaText{.count = 2}));
}

TEST(QuotasTest, RefusesWhatIsNoNumber) {
  for (const char* text :
       {"count=a", "count=1x", "count= 1", "other=x",
        "count=9223372036854775808", "count=+-1", "count=+", "count=-"}) {
    EXPECT_EQ(ParseQuota(text), std::nullopt) << text;
  }
}

TEST(QuotasTest, FormatsAsJavaDoes) {
  EXPECT_EQ(FormatQuota({}), "count=-1,bytes=-1");
  EXPECT_EQ(FormatQuota({.count = 1, .bytes = 2}), "count=1,bytes=2");
  EXPECT_EQ(FormatQuota({1, 2, 4, 3}),
            "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4");
  EXPECT_EQ(FormatQuota({1, 2, 4, -1}), "count=1,bytes=2=;countHardLimit=4");
}

QuotaVerdict Check(const QuotaText& limits, const QuotaText& usage,
                   int64_t count, int64_t bytes) {
  return CheckQuota({"/a", limits, usage}, count, bytes);
}

TEST(QuotasTest, HardLimitComesBeforeSoft) {
  const QuotaText usage{.count = 3, .bytes = 100};
  EXPECT_EQ(Check({.count = 3}, usage, 1, 0), QuotaVerdict::kSoftExceeded);
  EXPECT_EQ(Check({.count_hard = 3}, usage, 1, 0), QuotaVerdict::kHardExceeded);
  EXPECT_EQ(Check({.count = 3, .count_hard = 4}, usage, 1, 0),
            QuotaVerdict::kWithin);
  EXPECT_EQ(Check({.count = 3, .bytes_hard = 100}, usage, 1, 1),
            QuotaVerdict::kHardExceeded);
}

TEST(QuotasTest, DoesNotCheckADifferenceOfZero) {
  const QuotaText usage{.count = 9, .bytes = 900};
  EXPECT_EQ(Check({.count_hard = 3}, usage, 0, 10), QuotaVerdict::kWithin);
  EXPECT_EQ(Check({.bytes_hard = 3}, usage, 1, 0), QuotaVerdict::kWithin);
}

// A negative difference still leaves a usage above the limit, as in Java.
TEST(QuotasTest, RefusesShrinkingThatStaysAbove) {
  EXPECT_EQ(Check({.bytes_hard = 50}, {.count = 1, .bytes = 100}, 0, -10),
            QuotaVerdict::kHardExceeded);
  EXPECT_EQ(Check({.bytes_hard = 50}, {.count = 1, .bytes = 100}, 0, -60),
            QuotaVerdict::kWithin);
}

}  // namespace
}  // namespace paddock::tree
