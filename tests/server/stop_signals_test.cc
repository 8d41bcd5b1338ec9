#include "server/stop_signals.h"

#include <gtest/gtest.h>

#include <csignal>

namespace paddock::server {
namespace {

void RunAll(net::EventLoop& loop) {
  loop.Wait(absl::ZeroDuration());
  while (loop.RunOne()) {
  }
}

TEST(StopSignalsTest, TellsAllThatLive) {
  net::EventLoop first_loop;
  net::EventLoop second_loop;
  int first = 0;
  int second = 0;
  const StopSignals first_signals(&first_loop, [&] { ++first; });
  const StopSignals second_signals(&second_loop, [&] { ++second; });
  std::raise(SIGTERM);
  RunAll(first_loop);
  RunAll(second_loop);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(StopSignalsTest, EarlierSignalIsNotForALaterOne) {
  {
    net::EventLoop loop;
    const StopSignals signals(&loop, [] {});
    std::raise(SIGINT);
  }
  net::EventLoop loop;
  int told = 0;
  const StopSignals signals(&loop, [&] { ++told; });
  RunAll(loop);
  EXPECT_EQ(told, 0);
  std::raise(SIGINT);
  RunAll(loop);
  EXPECT_EQ(told, 1);
}

TEST(StopSignalsDeathTest, SignalEndsTheProcessWhereNoneLives) {
  {
    net::EventLoop loop;
    const StopSignals signals(&loop, [] {});
  }
  EXPECT_EXIT(std::raise(SIGTERM), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace paddock::server
