#include "cli/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "cli/json.h"

namespace paddock::cli {
namespace {

TEST(TextTest, HexNumbers) {
  EXPECT_EQ(Hex(-1), "0xffffffffffffffff");
  EXPECT_EQ(ParseHex("1f"), 31);
  EXPECT_EQ(ParseHex("0x100000002"), 0x100000002);
  EXPECT_EQ(ParseHex("ffffffffffffffff"), -1);
  for (const char* wrong : {"", "0x", "g", "1 ", "-1", "10000000000000000"}) {
    EXPECT_EQ(ParseHex(wrong), std::nullopt) << wrong;
  }
}

TEST(TextTest, Counts) {
  EXPECT_EQ(ParseCount("12"), 12u);
  EXPECT_EQ(ParseCount("-1"), std::nullopt);
  EXPECT_EQ(ParseCount(""), std::nullopt);
  EXPECT_EQ(Count(1, "znode"), "1 znode");
  EXPECT_EQ(Count(0, "znode"), "0 znodes");
}

TEST(TextTest, Times) {
  EXPECT_EQ(UtcTime(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(UtcTime(1769903999123), "2026-01-31T23:59:59.123Z");
  const absl::Time time = absl::FromUnixMillis(1769903999123);
  for (const char* text :
       {"2026-01-31T23:59:59.123Z", "2026-01-31 23:59:59.123",
        "2026-02-01T01:59:59.123+02:00"}) {
    EXPECT_EQ(ParseUtcTime(text), time) << text;
  }
  EXPECT_EQ(ParseUtcTime("2026-01-31"), absl::FromUnixSeconds(1769817600));
  EXPECT_EQ(ParseUtcTime("2026-01-31T00:01Z"),
            absl::FromUnixSeconds(1769817660));
  EXPECT_EQ(ParseUtcTime("2026-01-31T00:01"),
            absl::FromUnixSeconds(1769817660));
  for (const char* wrong : {"", "now", "23:59", "2026-13-01", "2026-01-31Tx"}) {
    EXPECT_EQ(ParseUtcTime(wrong), std::nullopt) << wrong;
  }
}

TEST(TextTest, QuotesAsJsonDoes) {
  EXPECT_EQ(Quoted(""), R"("")");
  EXPECT_EQ(Quoted("a/\"b\"\\\n\r\t"), R"("a/\"b\"\\\n\r\t")");
  EXPECT_EQ(Quoted(std::string_view("\0\x1f\x7f", 3)),
            R"("\u0000\u001f\u007f")");
  EXPECT_EQ(Quoted("\xc3\xa9\xe2\x82\xac"), "\"\xc3\xa9\xe2\x82\xac\"");
  EXPECT_EQ(Quoted("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(TextTest, PathsThatBreakALineAreQuoted) {
  EXPECT_EQ(PathText("/a/\xc3\xa9"), "/a/\xc3\xa9");
  EXPECT_EQ(PathText(""), R"("")");
  EXPECT_EQ(PathText("/a b"), R"("/a b")");
  EXPECT_EQ(PathText("/a\nb"), R"("/a\nb")");
}

TEST(TextTest, DataIsQuotedOrHexAndBounded) {
  EXPECT_EQ(DataText("", 4), R"("")");
  EXPECT_EQ(DataText("text", 4), R"("text")");
  EXPECT_EQ(DataText("texts", 4), R"("text" and 1 bytes more)");
  EXPECT_EQ(DataText(std::string_view("\0\xff", 2), 4), "0x00ff");
  EXPECT_EQ(DataText(std::string_view("\0\1\2\3\4\5", 6), 4),
            "0x00010203 and 2 bytes more");
  // Not in the middle of a character.
  EXPECT_EQ(DataText("abc\xe2\x82\xac", 5), "\"abc\" and 3 bytes more");
}

TEST(TextTest, Acls) {
  const std::vector<jute::ACL> acls = {{31, {"world", "anyone"}},
                                       {1 | 2, {"ip", "10.0.0.1"}}};
  EXPECT_EQ(AclText(acls), "world:anyone:cdrwa, ip:10.0.0.1:rw");
  EXPECT_EQ(AclText({}), "");
}

TEST(JsonTest, ObjectsAndArrays) {
  EXPECT_EQ(JsonObject().Json(), "{}");
  EXPECT_EQ(JsonObject()
                .Text("a", "\"")
                .Number("b", std::numeric_limits<int64_t>::min())
                .Bool("c", false)
                .Raw("d", JsonArray({"1", "{}"}))
                .Json(),
            R"({"a": "\"", "b": -9223372036854775808, "c": false, )"
            R"("d": [1, {}]})");
  EXPECT_EQ(JsonArray({}), "[]");
}

}  // namespace
}  // namespace paddock::cli
