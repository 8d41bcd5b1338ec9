#include "tree/path.h"

#include <gtest/gtest.h>

#include <string>

namespace paddock::tree {
namespace {

TEST(PathTest, AcceptsOrdinaryPaths) {
  for (const char* path :
       {"/", "/a", "/a/b", "/zookeeper/quota", "/a b", "/...", "/.a", "/a.",
        "/a/..b", "/x/..0000000000", "/\xc3\xa4/\xe4\xb8\xad", "/ ", "/~"}) {
    EXPECT_TRUE(IsValidPath(path)) << path;
  }
}

TEST(PathTest, RefusesMalformedPaths) {
  for (const char* path :
       {"", "a", "a/b", "//", "/a/", "/a//b", "//a", "/.", "/..", "/a/.",
        "/a/..", "/./a", "/../a", "/a/./b", "/a/../b"}) {
    EXPECT_FALSE(IsValidPath(path)) << path;
  }
  EXPECT_FALSE(IsValidPath(std::string_view()));
  EXPECT_FALSE(IsValidPath(std::string_view("/a\0b", 4)));
}

std::string Utf8(uint32_t code) {
  if (code < 0x80) {
    return std::string(1, static_cast<char>(code));
  }
  if (code < 0x800) {
    return {static_cast<char>(0xc0 | code >> 6),
            static_cast<char>(0x80 | (code & 0x3f))};
  }
  return {static_cast<char>(0xe0 | code >> 12),
          static_cast<char>(0x80 | (code >> 6 & 0x3f)),
          static_cast<char>(0x80 | (code & 0x3f))};
}

// Client-protocol.md 3.3, rule 3: all of the basic plane.
TEST(PathTest, ForbidsCharacterRanges) {
  for (uint32_t code = 0; code <= 0xffff; ++code) {
    const bool forbidden = code <= 0x1f || (code >= 0x7f && code <= 0x9f) ||
                           (code >= 0xd800 && code <= 0xf8ff) || code >= 0xfff0;
    const std::string path = "/x" + Utf8(code) + "y";
    EXPECT_EQ(IsValidPath(path), !forbidden) << std::hex << code;
  }
}

TEST(PathTest, RefusesWhatIsNotUtf8) {
  for (const char* path :
       {"/\x80",              // Continuation without a lead
        "/\xc3",              // Cut off
        "/\xe4\xb8",          // Cut off
        "/\xc3/a",            // Slash instead of a continuation
        "/\xc0\xaf",          // Overlong slash
        "/\xe0\x80\xaf",      // Overlong slash
        "/\xf0\x9f\x90\xb4",  // A horse: two surrogates in Java
        "/\xff", "/\xf8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(IsValidPath(path)) << path;
  }
}

TEST(PathTest, SplitsAtTheLastSlash) {
  EXPECT_EQ(ParentPath("/"), "");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/a/b"), "/a");
  EXPECT_EQ(ParentPath("foo"), "");
  EXPECT_EQ(ParentPath("foo/bar"), "foo");
  EXPECT_EQ(ParentPath(""), "");
  EXPECT_EQ(ParentPath("/a//b"), "/a/");

  EXPECT_EQ(BaseName("/"), "");
  EXPECT_EQ(BaseName("/a"), "a");
  EXPECT_EQ(BaseName("/a/b"), "b");
  EXPECT_EQ(BaseName("foo"), "foo");
}

TEST(PathTest, BelowIsByComponents) {
  EXPECT_TRUE(IsAtOrBelow("/a", "/a"));
  EXPECT_TRUE(IsAtOrBelow("/a/b", "/a"));
  EXPECT_TRUE(IsAtOrBelow("/a", "/"));
  EXPECT_TRUE(IsAtOrBelow("/", "/"));
  EXPECT_FALSE(IsAtOrBelow("/ab", "/a"));
  EXPECT_FALSE(IsAtOrBelow("/", "/a"));
  EXPECT_FALSE(IsAtOrBelow("", "/"));
}

}  // namespace
}  // namespace paddock::tree
