// The wait of the owner thread, with real descriptors and threads.

#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/check.h"
#include "net/descriptor.h"

namespace paddock::net {
namespace {

// How long a test waits for what must come.
constexpr absl::Duration kLong = absl::Seconds(20);
constexpr absl::Duration kShort = absl::Microseconds(500);

struct Pair {
  Pair() {
    std::array<int, 2> fds;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()),
             0);
    ours = Descriptor(fds[0]);
    theirs = Descriptor(fds[1]);
  }
  void Send() { CHECK_EQ(write(theirs.get(), "x", 1), 1); }

  Descriptor ours;
  Descriptor theirs;
};

class Recorder : public EventLoop::Target {
 public:
  void OnReady(Readiness readiness) override {
    told.push_back(readiness);
    if (on_ready) {
      on_ready();
    }
  }

  std::vector<Readiness> told;
  std::function<void()> on_ready;
};

void RunAll(EventLoop& loop) {
  while (loop.RunOne()) {
  }
}

TEST(EventLoopTest, TellsOfInputOnceEachTimeItComes) {
  EventLoop loop;
  Pair pair;
  Recorder target;
  ASSERT_TRUE(loop.Watch(pair.ours.get(), &target));
  pair.Send();
  loop.Wait(kLong);
  RunAll(loop);
  ASSERT_EQ(target.told.size(), 1u);
  EXPECT_TRUE(target.told[0].can_read);
  EXPECT_TRUE(target.told[0].can_write);
  EXPECT_FALSE(target.told[0].has_ended);
  loop.Wait(absl::ZeroDuration());
  EXPECT_FALSE(loop.RunOne());
  pair.Send();
  loop.Wait(kLong);
  RunAll(loop);
  EXPECT_EQ(target.told.size(), 2u);
}

TEST(EventLoopTest, TellsOfTheEnd) {
  EventLoop loop;
  Pair pair;
  Recorder target;
  ASSERT_TRUE(loop.Watch(pair.ours.get(), &target));
  pair.theirs.Close();
  loop.Wait(kLong);
  RunAll(loop);
  ASSERT_EQ(target.told.size(), 1u);
  EXPECT_TRUE(target.told[0].can_read);
  EXPECT_TRUE(target.told[0].has_ended);
}

// One target may close another of which there is news already.
TEST(EventLoopTest, ForgottenTargetHearsNoMore) {
  EventLoop loop;
  std::array<Pair, 2> pairs;
  std::array<Recorder, 2> targets;
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(loop.Watch(pairs[i].ours.get(), &targets[i]));
    targets[i].on_ready = [&, other = 1 - i] {
      pairs[other].ours.Close();
      loop.Forget(&targets[other]);
    };
    pairs[i].Send();
  }
  loop.Wait(kLong);
  RunAll(loop);
  EXPECT_EQ(targets[0].told.size() + targets[1].told.size(), 1u);
}

TEST(EventLoopTest, WaitsNoLongerThanItMay) {
  EventLoop loop;
  loop.Wait(absl::Microseconds(1));
  loop.Wait(-absl::Seconds(1));
  loop.Wait(absl::Milliseconds(5));
  EXPECT_FALSE(loop.RunOne());
}

TEST(EventLoopTest, MakesPostedCallsInOrder) {
  EventLoop loop;
  std::vector<int> made;
  for (int i = 0; i < 3; ++i) {
    loop.Post([&, i] { made.push_back(i); });
  }
  loop.Wait(kLong);
  RunAll(loop);
  EXPECT_EQ(made, (std::vector<int>{0, 1, 2}));
}

class WaitTest : public testing::TestWithParam<absl::Duration> {
 protected:
  void Wait(EventLoop* loop) {
    const absl::Time begin = absl::Now();
    loop->Wait(kLong, GetParam());
    slowest_ = std::max(slowest_, absl::Now() - begin);
  }
  absl::Duration slowest() const { return slowest_; }

 private:
  absl::Duration slowest_;
};

INSTANTIATE_TEST_SUITE_P(SleepsAtOnceOrSpins, WaitTest,
                         testing::Values(absl::ZeroDuration(), kShort));

// A wait for one that is lost takes its full time.
TEST_P(WaitTest, NoWakeUpIsLost) {
  EventLoop loop;
  constexpr int kTimes = 20000;
  std::atomic<int> asked = 0;
  std::atomic<int> seen = 0;
  std::thread other([&] {
    for (int i = 1; i <= kTimes; ++i) {
      asked = i;
      loop.Wake();
      while (seen < i) {
        std::this_thread::yield();
      }
    }
  });
  while (seen < kTimes) {
    Wait(&loop);
    RunAll(loop);
    seen = asked.load();
  }
  other.join();
  EXPECT_LT(slowest(), kLong / 2);
}

// Likewise of input, or a call.
TEST_P(WaitTest, NothingThatHappensIsLost) {
  EventLoop loop;
  Pair pair;
  Recorder target;
  ASSERT_TRUE(loop.Watch(pair.ours.get(), &target));
  constexpr int kTimes = 20000;
  std::atomic<int> seen = 0;
  target.on_ready = [&] {
    char byte;
    if (read(pair.ours.get(), &byte, 1) == 1) {  // Not only room to write
      ++seen;
    }
  };
  std::thread other([&] {
    for (int i = 0; i < kTimes; i += 2) {
      pair.Send();
      while (seen == i) {
        std::this_thread::yield();
      }
      loop.Post([&] { ++seen; });
      while (seen == i + 1) {
        std::this_thread::yield();
      }
    }
  });
  while (seen < kTimes) {
    Wait(&loop);
    RunAll(loop);
  }
  other.join();
  EXPECT_LT(slowest(), kLong / 2);
}

absl::Duration CpuTimeOfThread() {
  timespec time{};
  CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
  return absl::DurationFromTimespec(time);
}

// How often this thread went to sleep.
int64_t Sleeps() {
  rusage usage{};
  CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
  return usage.ru_nvcsw;
}

// Here every wait is short, however slow the machine is.
TEST(EventLoopTest, ShortWaitsSpin) {
  EventLoop loop;
  constexpr int kTimes = 200;
  std::atomic<int> seen = 0;
  std::thread other([&] {
    for (int i = 1; i <= kTimes; ++i) {
      const absl::Time end = absl::Now() + absl::Microseconds(100);
      while (absl::Now() < end) {  // The loop waits meanwhile
      }
      loop.Post([&] { ++seen; });
      while (seen < i) {
        std::this_thread::yield();
      }
    }
  });
  const int64_t before = Sleeps();
  while (seen < kTimes) {
    loop.Wait(kLong, kLong);
    RunAll(loop);
  }
  EXPECT_LT(Sleeps() - before, kTimes / 2);
  other.join();
}

TEST(EventLoopTest, LongWaitsSleep) {
  EventLoop loop;
  for (int i = 0; i < 1000; ++i) {  // Short ones
    std::thread other([&] { loop.Wake(); });
    loop.Wait(kLong, kLong);
    other.join();
  }
  const absl::Duration begin = CpuTimeOfThread();
  for (int i = 0; i < 100; ++i) {
    loop.Wait(absl::Milliseconds(2), kShort);
  }
  EXPECT_LT(CpuTimeOfThread() - begin, absl::Milliseconds(20));
}

}  // namespace
}  // namespace paddock::net
