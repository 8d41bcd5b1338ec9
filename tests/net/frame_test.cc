#include "net/frame.h"

#include <gtest/gtest.h>

#include <string>

#include "net/test_client.h"

namespace paddock::net {
namespace {

std::string Length(int32_t length) {
  std::string bytes(4, '\0');
  jute::StoreBigEndian(bytes.data(), length);
  return bytes;
}

TEST(FrameTest, NothingIsKnownBeforeThePrefixIsThere) {
  for (const char* input : {"", "a", "ab", "abc"}) {
    const FrameScan scan = ScanFrame(input, 10);
    EXPECT_EQ(scan.kind, FrameScan::Kind::kPartial);
    EXPECT_EQ(scan.bytes, 4u);
  }
}

TEST(FrameTest, PartialFrameTellsItsSize) {
  const FrameScan scan = ScanFrame(Length(10) + "123456789", 10);
  EXPECT_EQ(scan.kind, FrameScan::Kind::kPartial);
  EXPECT_EQ(scan.bytes, 14u);
}

TEST(FrameTest, FrameEndsWhereTheNextBegins) {
  const std::string input = Frame("abc") + Frame("de");
  const FrameScan scan = ScanFrame(input, 10);
  EXPECT_EQ(scan.kind, FrameScan::Kind::kFrame);
  EXPECT_EQ(scan.frame, "abc");
  EXPECT_EQ(scan.bytes, 7u);
}

TEST(FrameTest, EmptyFrameIsAFrame) {
  const FrameScan scan = ScanFrame(Length(0), 10);
  EXPECT_EQ(scan.kind, FrameScan::Kind::kFrame);
  EXPECT_EQ(scan.frame, "");
  EXPECT_EQ(scan.bytes, 4u);
}

// client-protocol.md 1.2: a length equal to jute.maxbuffer is accepted.
TEST(FrameTest, LimitItselfIsAccepted) {
  EXPECT_EQ(ScanFrame(Length(0xfffff), 0xfffff).kind,
            FrameScan::Kind::kPartial);
  EXPECT_EQ(ScanFrame(Length(0x100000), 0xfffff).kind, FrameScan::Kind::kBad);
  EXPECT_EQ(ScanFrame(Length(INT32_MAX), 0xfffff).kind, FrameScan::Kind::kBad);
}

TEST(FrameTest, NegativeLengthIsBad) {
  EXPECT_EQ(ScanFrame(Length(-1), 0xfffff).kind, FrameScan::Kind::kBad);
  EXPECT_EQ(ScanFrame(Length(INT32_MIN), 0xfffff).kind, FrameScan::Kind::kBad);
}

TEST(FrameTest, PingIsKnownByItsType) {
  EXPECT_TRUE(IsPing(Ping()));
  EXPECT_TRUE(IsPing(Request(77, 11)));  // The xid does not matter
  EXPECT_FALSE(IsPing(Request(-2, 4)));
  EXPECT_FALSE(IsPing(Ping().substr(0, 7)));
}

}  // namespace
}  // namespace paddock::net
