#include "sim/service_swarm.h"

#include <gtest/gtest.h>

namespace paddock::sim {
namespace {

#ifdef NDEBUG
constexpr uint64_t kSeedsOfATest = 40;
#else
constexpr uint64_t kSeedsOfATest = 2;
#endif

class ServiceSwarmTest : public testing::TestWithParam<uint64_t> {};

// Under faults drawn from the seed no client sees what must not be; once all is
// healed, writes are acknowledged and the members agree.
TEST_P(ServiceSwarmTest, ClientsAreToldTheTruth) {
  size_t acknowledged = 0;
  for (uint64_t seed = GetParam() * kSeedsOfATest;
       seed < (GetParam() + 1) * kSeedsOfATest; ++seed) {
    const ServiceResult result = RunServiceSwarm(seed);
    acknowledged += result.acknowledged;
    ASSERT_FALSE(result.violation.has_value())
        << *result.violation << "\nreplay: sim --services=" << seed << "-"
        << seed;
  }
  EXPECT_GT(acknowledged, kSeedsOfATest) << "nothing happened";
}

INSTANTIATE_TEST_SUITE_P(Seeds, ServiceSwarmTest,
                         testing::Range(uint64_t{0}, uint64_t{5}));

TEST(ServiceDeterminismTest, EqualSeedsGiveEqualTraces) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const ServiceResult first = RunServiceSwarm(seed);
    const ServiceResult second = RunServiceSwarm(seed);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << seed;
    EXPECT_EQ(first.events, second.events) << seed;
  }
  EXPECT_NE(RunServiceSwarm(1).trace_hash, RunServiceSwarm(2).trace_hash);
}

}  // namespace
}  // namespace paddock::sim
