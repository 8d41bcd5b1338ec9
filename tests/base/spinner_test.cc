#include "base/spinner.h"

#include <gtest/gtest.h>

namespace paddock {
namespace {

constexpr absl::Duration kLimit = absl::Microseconds(10);

class SpinnerTest : public testing::Test {
 protected:
  bool SpinInVain() {
    return spinner_.Spin(kLimit, [this] {
      ++asked_;
      return false;
    });
  }

  Spinner spinner_;
  int asked_ = 0;
};

TEST_F(SpinnerTest, AsksUntilItHasHappened) {
  spinner_.Slept(kLimit);
  EXPECT_TRUE(spinner_.Spin(absl::InfiniteDuration(),
                            [this] { return ++asked_ == 3; }));
  EXPECT_EQ(asked_, 3);
}

TEST_F(SpinnerTest, DoesNotAskBeforeAWaitWasShort) {
  EXPECT_FALSE(SpinInVain());
  spinner_.Slept(2 * kLimit + absl::Nanoseconds(1));
  EXPECT_FALSE(SpinInVain());
  EXPECT_EQ(asked_, 0);
  spinner_.Slept(2 * kLimit);
  EXPECT_FALSE(SpinInVain());
  EXPECT_GT(asked_, 0);
}

TEST_F(SpinnerTest, RestsLongerAfterEachSpinInVain) {
  spinner_.Slept(kLimit);
  for (const int rest : {3, 9, 15, 15}) {
    const int before = asked_;
    EXPECT_FALSE(SpinInVain());
    EXPECT_GT(asked_, before);
    const int after = asked_;
    for (int i = 0; i < rest; ++i) {
      EXPECT_FALSE(SpinInVain());
    }
    EXPECT_EQ(asked_, after) << rest;
  }
}

TEST_F(SpinnerTest, RestsLessAfterSpinsThatWereNotInVain) {
  spinner_.Slept(kLimit);
  for (int i = 0; i < 1 + 3; ++i) {  // A spin, and its rest
    EXPECT_FALSE(SpinInVain());
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(spinner_.Spin(absl::InfiniteDuration(), [] { return true; }));
  }
  EXPECT_FALSE(SpinInVain());
  const int before = asked_;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(SpinInVain());
  }
  EXPECT_EQ(asked_, before);
  EXPECT_FALSE(SpinInVain());
  EXPECT_GT(asked_, before);
}

TEST_F(SpinnerTest, WithoutALimitItNeverAsks) {
  spinner_.Slept(absl::Nanoseconds(1));
  EXPECT_FALSE(spinner_.Spin(absl::ZeroDuration(), [this] {
    ++asked_;
    return true;
  }));
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace paddock
