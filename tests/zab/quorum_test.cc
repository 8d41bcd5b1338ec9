#include "zab/quorum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "zab/config.h"

namespace paddock::zab {
namespace {

using testing::ElementsAre;

bool Has(const Quorum& quorum, std::initializer_list<int> ids) {
  return quorum.HasQuorum([&](ServerId id) {
    return std::any_of(ids.begin(), ids.end(),
                       [&](int i) { return ServerId{i} == id; });
  });
}

std::vector<Member> Voters(int count) {
  std::vector<Member> members;
  for (int i = 1; i <= count; ++i) {
    members.push_back({.id = ServerId{i}});
  }
  return members;
}

// Three groups of three, as in the ZooKeeper administrator's guide.
std::vector<Member> NineInGroups() {
  std::vector<Member> members = Voters(9);
  for (int i = 0; i < 9; ++i) {
    members[static_cast<size_t>(i)].group = 1 + i / 3;
  }
  return members;
}

TEST(QuorumTest, MajorityIsMoreThanHalf) {
  EXPECT_TRUE(Has(Quorum(Voters(1)), {1}));
  EXPECT_FALSE(Has(Quorum(Voters(2)), {2}));
  EXPECT_TRUE(Has(Quorum(Voters(3)), {1, 3}));
  EXPECT_FALSE(Has(Quorum(Voters(4)), {1, 2}));
  EXPECT_TRUE(Has(Quorum(Voters(4)), {1, 2, 4}));
  EXPECT_FALSE(Has(Quorum(Voters(5)), {1, 5}));
  EXPECT_TRUE(Has(Quorum(Voters(5)), {1, 3, 5}));
}

TEST(QuorumTest, ObserversAndStrangersCountForNothing) {
  std::vector<Member> members = Voters(3);
  members.push_back({.id = ServerId{4}, .is_observer = true});
  members.push_back({.id = ServerId{5}, .is_observer = true});
  const Quorum quorum(members);
  EXPECT_FALSE(Has(quorum, {1, 4, 5, 6}));
  EXPECT_TRUE(Has(quorum, {1, 2}));
  EXPECT_FALSE(quorum.IsVoter(ServerId{4}));
  EXPECT_FALSE(quorum.IsElectable(ServerId{4}));
  EXPECT_FALSE(quorum.IsVoter(ServerId{6}));
  EXPECT_THAT(quorum.voters(),
              ElementsAre(ServerId{1}, ServerId{2}, ServerId{3}));
}

TEST(QuorumTest, GroupsNeedAMajorityOfGroupsEachWithItsMajority) {
  const Quorum quorum(NineInGroups());
  EXPECT_TRUE(Has(quorum, {1, 2, 4, 5}));  // Four of nine
  EXPECT_FALSE(Has(quorum, {1, 2, 3, 4, 7}));
  EXPECT_FALSE(Has(quorum, {1, 2, 3}));
  EXPECT_FALSE(Has(quorum, {1, 4, 7}));
}

TEST(QuorumTest, WeightsDecideWithinAGroup) {
  std::vector<Member> members = NineInGroups();
  members[0].weight = 3;  // Of 5 in group 1
  const Quorum quorum(members);
  EXPECT_TRUE(Has(quorum, {1, 4, 5}));
  EXPECT_FALSE(Has(quorum, {2, 3, 4, 5}));
}

// A group of no weight is as if it did not exist: a far data centre.
TEST(QuorumTest, GroupWithoutWeightIsNotCounted) {
  std::vector<Member> members = NineInGroups();
  for (size_t i = 6; i < 9; ++i) {
    members[i].weight = 0;
  }
  const Quorum quorum(members);
  EXPECT_FALSE(Has(quorum, {1, 2, 7, 8, 9}));
  EXPECT_TRUE(Has(quorum, {1, 2, 4, 5}));
  EXPECT_TRUE(quorum.IsVoter(ServerId{7}));
  EXPECT_FALSE(quorum.IsElectable(ServerId{7}));
  EXPECT_TRUE(quorum.IsElectable(ServerId{1}));
}

TEST(QuorumTest, PlainMajorityCountsWeights) {
  std::vector<Member> members = Voters(3);
  members[2].weight = 0;
  const Quorum quorum(members);
  EXPECT_FALSE(Has(quorum, {1, 3}));
  EXPECT_TRUE(Has(quorum, {1, 2}));
}

std::string Complaint(const Config& config) {
  return std::string(ValidateConfig(config).message());
}

Config Good() {
  Config config;
  config.id = ServerId{1};
  config.members = Voters(3);
  return config;
}

TEST(ValidateConfigTest, FindsNothingInGoodOnes) {
  EXPECT_TRUE(ValidateConfig(Good()).ok());
  Config config = Good();
  config.members = NineInGroups();
  // Observers are in no group.
  config.members.push_back({.id = ServerId{10}, .is_observer = true});
  EXPECT_TRUE(ValidateConfig(config).ok());
}

TEST(ValidateConfigTest, SaysWhatIsWrong) {
  Config config = Good();
  config.members[1].id = ServerId{1};
  EXPECT_EQ(Complaint(config), "two members have the same id");

  config = Good();
  config.members[1].weight = -1;
  EXPECT_EQ(Complaint(config), "a weight is negative");

  config = Good();
  config.id = ServerId{4};
  EXPECT_EQ(Complaint(config), "this member is not in the list");

  config = Good();
  for (Member& member : config.members) {
    member.is_observer = true;
  }
  EXPECT_EQ(Complaint(config), "no voter has weight");

  config = Good();
  for (Member& member : config.members) {
    member.weight = 0;
  }
  EXPECT_EQ(Complaint(config), "no voter has weight");

  config = Good();
  config.members[0].group = 1;
  EXPECT_EQ(Complaint(config), "a voter is in no group");
}

TEST(ValidateConfigTest, WantsLimitsOfAtLeastOne) {
  Config config = Good();
  config.init_limit = 0;
  EXPECT_EQ(Complaint(config), "a limit is below 1");

  config = Good();
  config.sync_limit = 0;
  EXPECT_EQ(Complaint(config), "a limit is below 1");

  config = Good();
  config.tick_time = absl::ZeroDuration();
  EXPECT_EQ(Complaint(config), "a limit is below 1");
}

}  // namespace
}  // namespace paddock::zab
