#include "sim/swarm.h"

#include <gtest/gtest.h>

namespace paddock::sim {
namespace {

#ifdef NDEBUG
constexpr uint64_t kSeedsOfATest = 100;
#else
constexpr uint64_t kSeedsOfATest = 5;
#endif

class EnsembleSwarmTest : public testing::TestWithParam<uint64_t> {};

// Under faults drawn from the seed nothing unsafe happens; once all is healed,
// it agrees and works.
TEST_P(EnsembleSwarmTest, StaysSafeThenConverges) {
  size_t committed = 0;
  for (uint64_t seed = GetParam() * kSeedsOfATest;
       seed < (GetParam() + 1) * kSeedsOfATest; ++seed) {
    const SwarmResult result = RunSwarm(seed);
    committed += result.committed;
    ASSERT_FALSE(result.violation.has_value())
        << *result.violation << "\nreplay: sim --seed=" << seed;
  }
  EXPECT_GT(committed, kSeedsOfATest) << "nothing happened";
}

INSTANTIATE_TEST_SUITE_P(Seeds, EnsembleSwarmTest,
                         testing::Range(uint64_t{0}, uint64_t{20}));

// The same in every build: the hash was made once and for all.
TEST(DeterminismTest, EqualSeedsGiveEqualTraces) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const SwarmResult first = RunSwarm(seed);
    const SwarmResult second = RunSwarm(seed);
    EXPECT_EQ(first.trace_hash, second.trace_hash);
    EXPECT_EQ(first.events, second.events);
  }
  EXPECT_NE(RunSwarm(1).trace_hash, RunSwarm(2).trace_hash);
}

}  // namespace
}  // namespace paddock::sim
