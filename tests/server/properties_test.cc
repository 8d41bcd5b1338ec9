// The syntax of java.util.Properties, rule by rule.
#include "server/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace paddock::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs Parse(std::string_view text) {
  Pairs pairs;
  const auto properties = ParseProperties(text, "zoo.cfg");
  EXPECT_TRUE(properties.ok()) << properties.status();
  for (const Property& property : properties.value()) {
    pairs.emplace_back(property.key, property.value);
  }
  return pairs;
}

TEST(PropertiesTest, SeparatesAtEqualsColonOrBlank) {
  EXPECT_THAT(Parse("a=1\nb:2\nc 3\nd = 4\ne\t:\f5\nf  6\n"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"),
                          Pair("d", "4"), Pair("e", "5"), Pair("f", "6")));
}

TEST(PropertiesTest, TakesOnlyTheFirstSeparator) {
  EXPECT_THAT(Parse("server.1=h:1:2;3\na==b\nc : =d\n"),
              ElementsAre(Pair("server.1", "h:1:2;3"), Pair("a", "=b"),
                          Pair("c", "=d")));
}

TEST(PropertiesTest, TakesEmptyKeysAndValues) {
  EXPECT_THAT(Parse("a\nb=\n=c\n"),
              ElementsAre(Pair("a", ""), Pair("b", ""), Pair("", "c")));
}

TEST(PropertiesTest, SkipsCommentsAndBlankLines) {
  EXPECT_THAT(Parse("# a=1\n  ! b=2\n\n \t\f\nc=3 # not a comment\n"),
              ElementsAre(Pair("c", "3 # not a comment")));
  EXPECT_THAT(Parse(""), IsEmpty());
}

TEST(PropertiesTest, TakesAnyLineEndAndALastLineWithoutOne) {
  EXPECT_THAT(Parse("a=1\r\nb=2\rc=3\nd=4"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"),
                          Pair("d", "4")));
}

TEST(PropertiesTest, JoinsLinesThatEndInABackslash) {
  EXPECT_THAT(Parse("a=1,\\\n   2,\\\r\n\t3\nb=4\n"),
              ElementsAre(Pair("a", "1,2,3"), Pair("b", "4")));
  EXPECT_THAT(Parse("a=1\\\n# no comment here"),
              ElementsAre(Pair("a", "1# no comment here")));
  EXPECT_THAT(Parse("a=1\\"), ElementsAre(Pair("a", "1")));
}

TEST(PropertiesTest, DoesNotJoinAfterAnEscapedBackslash) {
  EXPECT_THAT(Parse("a=1\\\\\nb=2\n"),
              ElementsAre(Pair("a", "1\\"), Pair("b", "2")));
}

TEST(PropertiesTest, DoesNotContinueAComment) {
  EXPECT_THAT(Parse("# comment \\\na=1\n"), ElementsAre(Pair("a", "1")));
}

TEST(PropertiesTest, Unescapes) {
  EXPECT_THAT(
      Parse("a\\ b\\=c=d\\te\\q\\\\\nx=\\u0041\\u00e9\\u20AC\n"),
      ElementsAre(Pair("a b=c", "d\teq\\"), Pair("x", "A\u00e9\u20ac")));
}

TEST(PropertiesTest, TrimsValues) {
  EXPECT_THAT(Parse("a=  b c \t \n"), ElementsAre(Pair("a", "b c")));
}

TEST(PropertiesTest, NamesTheLineWhereAPropertyBegins) {
  const auto properties = ParseProperties("\n#\na=1\\\n2\nb=3\n", "f").value();
  ASSERT_EQ(properties.size(), 2);
  EXPECT_EQ(properties[0].line, 3);
  EXPECT_EQ(properties[1].line, 5);
}

TEST(PropertiesTest, RefusesAMalformedUnicodeEscape) {
  for (const char* text : {"a=1\nb=\\u12g4", "\nb\\u12=1", "\nb=\\u-123"}) {
    EXPECT_EQ(ParseProperties(text, "zoo.cfg").status().message(),
              "zoo.cfg:2: \\u must be followed by 4 hexadecimal digits");
  }
}

}  // namespace
}  // namespace paddock::server
