#include "server/disk_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/log.h"

namespace paddock::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DiskWatchTest : public testing::Test {
 protected:
  DiskWatchTest() {
    log::CaptureForTest([this](log::Level, std::string_view line) {
      lines_.emplace_back(line);
    });
  }
  ~DiskWatchTest() override { log::CaptureForTest(nullptr); }

  static absl::Duration At(int ms) { return absl::Milliseconds(ms); }

  std::vector<std::string> lines_;
  DiskWatch watch_{absl::Milliseconds(2000)};
};

TEST_F(DiskWatchTest, TellsOnceWhileTheDiskStallsAndOnceAfter) {
  watch_.Submitted(1, At(1000));
  EXPECT_EQ(watch_.NextDeadline(), At(3000));
  watch_.Submitted(5, At(1900));
  watch_.RunTimers(At(2999));
  EXPECT_THAT(lines_, IsEmpty());
  watch_.RunTimers(At(3001));
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("no write for 2001 ms")));
  EXPECT_EQ(watch_.NextDeadline(), absl::InfiniteDuration());
  watch_.RunTimers(At(9000));
  EXPECT_EQ(lines_.size(), 1u);
  watch_.Persisted(1, At(9500));
  EXPECT_THAT(lines_, ElementsAre(testing::_, HasSubstr("for 8500 ms")));
  EXPECT_EQ(watch_.waiting(), 4u);
  EXPECT_EQ(watch_.NextDeadline(), At(11500));  // For the rest of them
  watch_.Persisted(5, At(9600));
  EXPECT_EQ(watch_.waiting(), 0u);
  EXPECT_EQ(lines_.size(), 2u);
}

TEST_F(DiskWatchTest, SaysNothingOfABusyOrAnIdleDisk) {
  for (int i = 1; i < 100; ++i) {
    watch_.Submitted(static_cast<uint64_t>(i) + 1, At(1000 * i));
    watch_.RunTimers(At(1000 * i));
    watch_.Persisted(static_cast<uint64_t>(i), At(1000 * i + 500));
  }
  watch_.Persisted(100, At(100'000));
  EXPECT_EQ(watch_.NextDeadline(), absl::InfiniteDuration());
  watch_.RunTimers(At(900'000));
  watch_.Submitted(101, At(1'000'000));  // The wait begins here
  watch_.RunTimers(At(1'001'999));
  EXPECT_THAT(lines_, IsEmpty());
}

}  // namespace
}  // namespace paddock::server
