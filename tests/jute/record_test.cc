#include "jute/record.h"

#include <gtest/gtest.h>

#include "jute/persistence.h"
#include "jute/proto.h"
#include "jute/txn.h"

namespace paddock::jute {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) {
    text.push_back(static_cast<char>(byte));
  }
  return text;
}

// Sizes that clients rely on (client-protocol.md 1.4, 2.2).
TEST(RecordTest, SizesAreThoseOfTheWire) {
  std::string out;
  Write(Stat{}, &out);
  EXPECT_EQ(out.size(), 68u);
  out.clear();
  Write(ReplyHeader{}, &out);
  EXPECT_EQ(out.size(), 16u);
  out.clear();
  Write(MultiHeader{}, &out);
  EXPECT_EQ(out.size(), 9u);
  out.clear();
  Write(ConnectRequest{.passwd = "0123456789abcdef"}, &out);
  EXPECT_EQ(out.size(), 44u);
  out.clear();
  Write(TxnHeader{}, &out);
  EXPECT_EQ(out.size(), 32u);
  out.clear();
  Write(StatPersisted{}, &out);
  EXPECT_EQ(out.size(), 60u);
  out.clear();
  Write(FileHeader{kLogMagic, kFileVersion, 0}, &out);
  EXPECT_EQ(out,
            Bytes({'Z', 'K', 'L', 'G', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(RecordTest, FieldsStandInOrderBigEndian) {
  std::string out;
  Write(SetDataRequest{"/a", "x", 258}, &out);
  EXPECT_EQ(out, Bytes({0, 0, 0, 2, '/', 'a', 0, 0, 0, 1, 'x', 0, 0, 1, 2}));
}

TEST(RecordTest, NullAndEmptyStayDistinct) {
  std::string out;
  Write(SetDataRequest{"/a", kNull, 0}, &out);
  SetDataRequest null_data;
  ASSERT_TRUE(Read(out, &null_data));
  EXPECT_TRUE(IsNull(null_data.data));

  out.clear();
  Write(SetDataRequest{"/a", "", 0}, &out);
  SetDataRequest empty_data;
  ASSERT_TRUE(Read(out, &empty_data));
  EXPECT_FALSE(IsNull(empty_data.data));
  EXPECT_EQ(empty_data.data, "");
}

TEST(RecordTest, RoundTripIsIdentity) {
  const CreateRequest request{
      "/a", "data", {{31, {"world", "anyone"}}, {1, {"ip", "10.0.0.0/8"}}}, 3};
  std::string out;
  Write(request, &out);
  CreateRequest copy;
  ASSERT_TRUE(Read(out, &copy));
  EXPECT_EQ(copy, request);
}

TEST(RecordTest, EveryShortInputFails) {
  std::string out;
  Write(CreateRequest{"/a", "data", {{31, {"world", "anyone"}}}, 3}, &out);
  for (size_t size = 0; size < out.size(); ++size) {
    CreateRequest copy;
    EXPECT_FALSE(Read(std::string_view(out).substr(0, size), &copy)) << size;
  }
}

TEST(RecordTest, BytesBehindTheRecordAreIgnored) {
  std::string out;
  Write(SyncRequest{"/a"}, &out);
  out += "more";
  SyncRequest copy;
  EXPECT_TRUE(Read(out, &copy));
}

// A count is never believed: it is held against what is left of the input.
TEST(RecordTest, HugeCountFailsWithoutAllocating) {
  std::string out;
  OutputArchive(&out).WriteInt(0x7fffffff);
  GetChildrenResponse response;
  EXPECT_FALSE(Read(out, &response));
  EXPECT_TRUE(response.children.empty());
}

TEST(RecordTest, NegativeCountIsEmpty) {
  std::string out;
  OutputArchive(&out).WriteInt(-1);
  GetChildrenResponse response;
  EXPECT_TRUE(Read(out, &response));
  EXPECT_TRUE(response.children.empty());
}

TEST(RecordTest, NegativeLengthOtherThanNullFails) {
  std::string out;
  OutputArchive(&out).WriteInt(-2);
  SyncRequest request;
  EXPECT_FALSE(Read(out, &request));
}

TEST(RecordTest, PrintsNamesAndValues) {
  EXPECT_EQ(Print(SetDataRequest{"/a", kNull, -1}),
            "{path=\"/a\", data=null, version=-1}");
  EXPECT_EQ(Print(ACL{1, {"ip", "\n"}}),
            "{perms=1, id={scheme=\"ip\", id=\"\\n\"}}");
}

}  // namespace
}  // namespace paddock::jute
