#include "sim/scenarios.h"

#include <gtest/gtest.h>

#include <ostream>

namespace paddock::sim {

void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

namespace {

class ScenarioTest : public testing::TestWithParam<Scenario> {};

TEST_P(ScenarioTest, EndsWell) { EXPECT_EQ(GetParam().run(), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(All, ScenarioTest, testing::ValuesIn(kScenarios),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace paddock::sim
