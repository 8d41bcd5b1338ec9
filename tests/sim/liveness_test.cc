// How long an ensemble is without commits after a fault, in virtual time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/ensemble.h"

namespace paddock::sim {
namespace {

constexpr Micros kMilli = 1'000;
constexpr Micros kSecond = 1'000'000;

// Three members with the time-outs of a default zoo.cfg, on a good network.
EnsembleOptions Defaults(uint64_t seed) {
  EnsembleOptions options{.seed = seed, .members = Members(3)};
  options.config.tick_time = absl::Seconds(2);
  options.config.sync_limit = 5;
  options.config.history_count_min = 50;  // The checkers walk through it
  options.config.history_bytes_max = 0;
  options.network.latency_min = 150;
  options.network.latency_max = 250;
  options.network.break_notice_max = 1;
  options.disk.latency_min = 150;
  options.disk.latency_max = 250;
  return options;
}

// Offers a transaction to every member each 20 ms, and measures the
// longest time between two that are committed.
class Load {
 public:
  explicit Load(Ensemble& ensemble)
      : ensemble_(ensemble), last_(ensemble.queue().now()) {
    Work();
  }

  Micros LongestGapOf(Micros duration) {
    longest_ = 0;
    ensemble_.RunFor(duration);
    EXPECT_EQ(ensemble_.checkers().violation(), std::nullopt);
    return std::max(longest_, ensemble_.queue().now() - last_);
  }

 private:
  void Work() {
    const size_t committed = ensemble_.checkers().committed().size();
    if (committed > committed_) {
      longest_ = std::max(longest_, ensemble_.queue().now() - last_);
      last_ = ensemble_.queue().now();
      committed_ = committed;
    }
    for (const ServerId id : ensemble_.ids()) {
      ensemble_.Propose(id);
    }
    ensemble_.queue().In(20 * kMilli, [this] { Work(); });
  }

  Ensemble& ensemble_;
  size_t committed_ = 0;
  Micros last_;
  Micros longest_ = 0;
};

// The longest gap when `fault` strikes a leader at some moment of its ticks.
Micros GapAfter(uint64_t seed,
                const std::function<void(Ensemble&, ServerId)>& fault,
                Micros observed) {
  Ensemble ensemble(Defaults(seed));
  const auto leader = ensemble.RunUntilLeader();
  EXPECT_TRUE(leader.has_value());
  Load load(ensemble);
  ensemble.RunFor(10 * kSecond + static_cast<Micros>(seed) * 130 * kMilli);
  fault(ensemble, *leader);
  return load.LongestGapOf(observed);
}

Micros Median(std::vector<Micros> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void CutInbound(Ensemble& ensemble, ServerId leader) {
  for (const ServerId id : ensemble.ids()) {
    if (id != leader) {
      ensemble.network().Cut(id, leader);
    }
  }
}

// A member that can be heard but hears nobody does not keep winning elections:
// a cut of a leader's inbound side costs no more than a full one.
TEST(LivenessTest, OneWayCutOfTheLeaderCostsNoMoreThanAFullOne) {
  std::vector<Micros> one_way;
  std::vector<Micros> full;
  for (uint64_t seed = 1; seed <= 7; ++seed) {
    one_way.push_back(GapAfter(seed, CutInbound, 30 * kSecond));
    full.push_back(GapAfter(
        seed, [](Ensemble& e, ServerId id) { e.Isolate(id); }, 30 * kSecond));
  }
  RecordProperty("one_way_ms", static_cast<int>(Median(one_way) / kMilli));
  RecordProperty("full_ms", static_cast<int>(Median(full) / kMilli));
  EXPECT_LE(Median(one_way) * 10, Median(full) * 11);
  // The others have heard nothing for sync_limit, and elect.
  EXPECT_LT(Median(full), 11 * kSecond);
}

// Its links break at once: what remains is an election and a handshake.
TEST(LivenessTest, KilledLeaderIsReplacedWithin250Milliseconds) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Micros gap = GapAfter(
        seed, [](Ensemble& e, ServerId id) { e.Crash(id); }, 5 * kSecond);
    EXPECT_LE(gap, 250 * kMilli) << "seed " << seed;
  }
}

// A leader that stops in order leaves no longer gap than one that is killed.
TEST(LivenessTest, StoppedLeaderIsReplacedWithin250Milliseconds) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Micros gap = GapAfter(
        seed, [](Ensemble& e, ServerId id) { e.Stop(id); }, 5 * kSecond);
    EXPECT_LE(gap, 250 * kMilli) << "seed " << seed;
  }
}

// Sessions of the shortest time-out, two ticks, survive a leader whose disk
// stalls: it gives up, and another leads.
TEST(LivenessTest, LeaderWithAStalledDiskIsReplacedWithinTwoTicks) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Ensemble ensemble(Defaults(seed));
    const auto first = ensemble.RunUntilLeader();
    ASSERT_TRUE(first.has_value());
    Load load(ensemble);
    ensemble.RunFor(10 * kSecond + static_cast<Micros>(seed) * 130 * kMilli);

    ensemble.StallDisk(*first, 60 * kSecond);
    ensemble.RunFor(4 * kSecond);

    const auto second = ensemble.RunUntilLeader(0);
    ASSERT_TRUE(second.has_value()) << "seed " << seed;
    EXPECT_NE(second, first) << "seed " << seed;
    EXPECT_EQ(ensemble.checkers().violation(), std::nullopt);
  }
}

// A follower's disk that stalls costs nothing.
TEST(LivenessTest, FollowerWithAStalledDiskIsNotWaitedFor) {
  const Micros gap = GapAfter(
      1,
      [](Ensemble& e, ServerId id) {
        e.StallDisk(id == ServerId{1} ? ServerId{2} : ServerId{1},
                    60 * kSecond);
      },
      30 * kSecond);
  EXPECT_LE(gap, 50 * kMilli);
}

// A leader that was paused while another took over does not answer a sync from
// its old state, though it still believes that it leads when it goes on.
TEST(LivenessTest, DeposedLeaderThatResumesAnswersNoSync) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Ensemble ensemble(Defaults(seed));
    const ServerId old = *ensemble.RunUntilLeader();
    Load load(ensemble);
    ensemble.RunFor(kSecond);
    ensemble.Pause(old, 15 * kSecond);
    ASSERT_TRUE(ensemble.RunUntil(
        [&] {
          const auto leader = ensemble.RunUntilLeader(0);
          return leader.has_value() && leader != old;
        },
        14 * kSecond));
    ensemble.RunFor(kSecond);
    // What the new one has committed, the old one lacks; the checkers look at
    // each answer.
    ASSERT_GT(ensemble.checkers().committed().size(),
              ensemble.applied(old).size());
    EXPECT_TRUE(ensemble.Sync(old));
    for (int i = 0; i < 5'000; ++i) {
      ensemble.Sync(old);
      ensemble.RunFor(kMilli);
    }
    ASSERT_EQ(ensemble.checkers().violation(), std::nullopt)
        << "seed " << seed << ": " << *ensemble.checkers().violation();
  }
}

}  // namespace
}  // namespace paddock::sim
