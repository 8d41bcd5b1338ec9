#include "base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paddock {
namespace {

TEST(LogLimitTest, LetsABurstPassThenCounts) {
  LogLimit limit(/*burst=*/2, /*period=*/absl::Seconds(10));
  EXPECT_TRUE(limit.Allow(absl::Seconds(100)));
  EXPECT_TRUE(limit.Allow(absl::Seconds(100)));
  EXPECT_FALSE(limit.Allow(absl::Seconds(105)));
  EXPECT_FALSE(limit.Allow(absl::Seconds(109)));
  EXPECT_TRUE(limit.Allow(absl::Seconds(110)));
  EXPECT_EQ(limit.TakeSuppressedText(), " (2 such lines left out)");
  EXPECT_EQ(limit.TakeSuppressedText(), "");
}

TEST(LogTest, CapturedLinesCarryTheirLevel) {
  std::vector<std::string> lines;
  log::CaptureForTest([&](log::Level level, std::string_view line) {
    lines.push_back((level == log::Level::kWarning ? "W " : "? ") +
                    std::string(line));
  });
  log::Warning("{} of {}", 1, 2);
  log::CaptureForTest({});
  EXPECT_EQ(lines, std::vector<std::string>{"W 1 of 2"});
}

TEST(LogTest, FileThatCannotBeOpenedIsAnError) {
  EXPECT_FALSE(log::Configure({.file = "/dev/null/x"}).ok());
}

}  // namespace
}  // namespace paddock
