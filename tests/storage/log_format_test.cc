#include "storage/log_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using Kind = ParsedRecord::Kind;

// The createSession record of zab-and-disk.md 6.1, seen on a Java server's
// disk: payload, and around it checksum, length and end mark.
constexpr char kGoldenPayload[] =
    "020000146b9900000000000000000001000000010000"
    "01a1f9af22e3fffffff600002710000000020000000051c6d660";
constexpr char kGoldenHead[] = "00000000ce9b0ae500000030";

TEST(LogFormatTest, RecordIsByteForByteThatOfAJavaServer) {
  const std::string payload = absl::HexStringToBytes(kGoldenPayload);
  std::string record;
  AppendRecord(payload, &record);
  EXPECT_EQ(absl::BytesToHexString(record),
            std::string(kGoldenHead) + kGoldenPayload + "42");

  const ParsedRecord parsed = ParseRecord(record);
  ASSERT_EQ(parsed.kind, Kind::kRecord);
  EXPECT_EQ(parsed.record.payload, payload);
  EXPECT_EQ(parsed.record.zxid, (zab::Zxid{1, 1}));
  EXPECT_EQ(parsed.record.bytes(), record.size());
}

TEST(LogFormatTest, FileHeaderIsByteForByteThatOfAJavaServer) {
  std::string header;
  AppendFileHeader(&header);
  EXPECT_EQ(absl::BytesToHexString(header), "5a4b4c47000000020000000000000000");
}

TEST(LogFormatTest, TellsAMissingFileHeaderFromAForeignOne) {
  std::string header;
  AppendFileHeader(&header);
  EXPECT_EQ(CheckFileHeader(header), FileHeaderState::kValid);
  for (size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(CheckFileHeader(header.substr(0, size)),
              FileHeaderState::kUnwritten);
  }
  EXPECT_EQ(CheckFileHeader(std::string(64, '\0')),
            FileHeaderState::kUnwritten);
  EXPECT_EQ(CheckFileHeader("hello, world, hello"), FileHeaderState::kForeign);
  EXPECT_EQ(CheckFileHeader("hello"), FileHeaderState::kForeign);
  header[7] = 3;  // Version
  EXPECT_EQ(CheckFileHeader(header), FileHeaderState::kForeign);
}

TEST(LogFormatTest, APrefixOfARecordIsIncomplete) {
  std::string record;
  AppendRecord(MakeTxn({1, 1}).bytes, &record);
  for (size_t size = 0; size < record.size(); ++size) {
    const ParsedRecord parsed = ParseRecord(record.substr(0, size));
    EXPECT_EQ(parsed.kind, Kind::kIncomplete) << size;
    EXPECT_GT(parsed.bytes_needed, size);
  }
}

TEST(LogFormatTest, NoFlippedBitGoesUnseen) {
  std::string record;
  AppendRecord(MakeTxn({1, 1}).bytes, &record);
  record.append(1000, 'x');  // What a greater length would reach into
  const size_t record_bytes = record.size() - 1000;
  for (size_t bit = 0; bit < 8 * record_bytes; ++bit) {
    std::string flipped = record;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_NE(ParseRecord(flipped).kind, Kind::kRecord) << bit;
  }
}

TEST(LogFormatTest, ZerosArePadding) {
  EXPECT_EQ(ParseRecord(std::string(12, '\0')).kind, Kind::kPadding);
  EXPECT_EQ(ParseRecord(std::string(11, '\0')).kind, Kind::kIncomplete);
}

TEST(LogFormatTest, APayloadHoldsAtLeastATxnHeader) {
  for (const char* const size : {"00000000", "0000001f", "ffffffff"}) {
    const std::string record = absl::HexStringToBytes("0000000000000001") +
                               absl::HexStringToBytes(size) +
                               std::string(100, 'x');
    EXPECT_EQ(ParseRecord(record).kind, Kind::kBad) << size;
  }
}

TEST(LogFormatTest, ReadsTheFieldsOfATxnHeader) {
  EXPECT_EQ(PayloadZxid(MakeTxn({7, 9}).bytes), (zab::Zxid{7, 9}));
  EXPECT_FALSE(IsErrorPayload(MakeTxn({7, 9}).bytes));
  EXPECT_TRUE(IsErrorPayload(MakeTxn({7, 9}, 4, kError).bytes));
}

TEST(LogFormatTest, AHistoryHasNoGaps) {
  EXPECT_TRUE(Continues({0, 0}, {0, 1}));
  EXPECT_TRUE(Continues({0, 0}, {3, 1}));
  EXPECT_TRUE(Continues({1, 5}, {1, 6}));
  EXPECT_TRUE(Continues({1, 5}, {4, 1}));
  EXPECT_FALSE(Continues({0, 0}, {0, 2}));
  EXPECT_FALSE(Continues({1, 5}, {1, 5}));
  EXPECT_FALSE(Continues({1, 5}, {1, 7}));
  EXPECT_FALSE(Continues({1, 5}, {2, 2}));
  EXPECT_FALSE(Continues({2, 1}, {1, 2}));
  EXPECT_FALSE(Continues({1, 0xffffffff}, {1, 0}));
}

TEST(LogFormatTest, NamesAreThoseOfAJavaServer) {
  EXPECT_EQ(LogFileName({0, 1}), "log.1");
  EXPECT_EQ(LogFileName({0x1a, 0x2b}), "log.1a0000002b");
  EXPECT_EQ(LogFileName({0xffffffff, 1}), "log.ffffffff00000001");
  EXPECT_EQ(ZxidOfName("log.", "log.1a0000002b"), (zab::Zxid{0x1a, 0x2b}));
  EXPECT_EQ(ZxidOfName("log.", "log.ffffffff00000001"),
            (zab::Zxid{0xffffffff, 1}));
  for (const char* const name :
       {"log.", "log", "log.1.gz", "log.x", "log.-1", "snapshot.1", "xlog.1",
        "log.10000000000000000"}) {
    EXPECT_EQ(ZxidOfName("log.", name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace paddock::storage
