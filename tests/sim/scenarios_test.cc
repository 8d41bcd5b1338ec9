#include "sim/scenarios.h"

#include <gtest/gtest.h>

namespace paddock::sim {
namespace {

class ScenarioTest : public testing::TestWithParam<Scenario> {};

TEST_P(ScenarioTest, EndsWell) { EXPECT_EQ(GetParam().run(), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(All, ScenarioTest, testing::ValuesIn(kScenarios),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace paddock::sim
