// Each invariant holds in a healthy state, and fails in one that breaks it.

#include "sim/invariants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/checkers.h"
#include "sim/ensemble.h"
#include "zab/peer_harness.h"

namespace paddock::sim {
namespace {

using testing::Optional;
using testing::StartsWith;
using zab::Phase;
using zab::Role;

constexpr ServerId kOne{1};
constexpr ServerId kTwo{2};

// Member 2 leads epoch 5 and 1 follows it; both delivered 4:1 and 5:1.
class InvariantsTest : public testing::Test {
 protected:
  InvariantsTest() {
    model_.servers[kTwo] = {Role::kLeading, Phase::kBroadcast, kTwo, 5, 5};
    model_.servers[kOne] = {Role::kFollowing, Phase::kBroadcast, kTwo, 5, 5};
    model_.epoch_leaders[5].insert(kTwo);
    model_.Propose(kOne, 4, At({4, 1}));
    model_.Propose(kTwo, 5, At({5, 1}));
    for (const ServerId id : {kOne, kTwo}) {
      model_.Deliver(id, At({4, 1}));
      model_.Deliver(id, At({5, 1}));
      EXPECT_EQ(CheckDelivery(model_, id), std::nullopt);
    }
    EXPECT_EQ(CheckServer(model_, kOne), std::nullopt);
    EXPECT_EQ(CheckServer(model_, kTwo), std::nullopt);
  }

  static zab::Txn At(zab::Zxid zxid, const char* bytes = "") {
    return {zxid, bytes};
  }

  Model model_;
};

TEST_F(InvariantsTest, TypeOK) {
  const Model::Server good = model_.servers[kOne];
  for (const Model::Server& bad :
       {Model::Server{Role::kFollowing, Phase::kBroadcast, kTwo, 4, 5},
        Model::Server{Role::kFollowing, Phase::kBroadcast, kTwo, 6, 5},
        Model::Server{Role::kFollowing, Phase::kBroadcast, kOne, 5, 5},
        Model::Server{Role::kFollowing, Phase::kElection, kTwo, 5, 5},
        Model::Server{Role::kLeading, Phase::kSynchronization, kOne, 6, 5},
        Model::Server{Role::kLooking, Phase::kElection, kTwo, 5, 5}}) {
    model_.servers[kOne] = bad;
    EXPECT_THAT(TypeOK(model_, kOne), Optional(StartsWith("TypeOK")));
    EXPECT_NE(CheckServer(model_, kOne), std::nullopt);
  }
  model_.servers[kOne] = good;
  EXPECT_EQ(TypeOK(model_, kOne), std::nullopt);
}

TEST_F(InvariantsTest, Leadership1) {
  model_.servers[kOne] = {Role::kLeading, Phase::kDiscovery, kOne, 5, 5};
  EXPECT_EQ(Leadership1(model_, kOne), std::nullopt);
  model_.servers[kOne].phase = Phase::kSynchronization;
  EXPECT_THAT(Leadership1(model_, kOne), Optional(StartsWith("Leadership1")));
  EXPECT_NE(CheckServer(model_, kOne), std::nullopt);
}

TEST_F(InvariantsTest, Leadership2) {
  model_.epoch_leaders[5].insert(kOne);
  EXPECT_THAT(Leadership2(model_, kTwo), Optional(StartsWith("Leadership2")));
  EXPECT_NE(CheckServer(model_, kTwo), std::nullopt);
}

TEST_F(InvariantsTest, PrimaryIntegrity) {
  model_.Forget(kTwo);
  for (const ServerId changed : {kOne, kTwo}) {
    EXPECT_THAT(PrimaryIntegrity(model_, changed),
                Optional(StartsWith("PrimaryIntegrity: leader 2 lacks 4:1")));
    EXPECT_NE(CheckServer(model_, changed), std::nullopt);
  }
}

TEST_F(InvariantsTest, PrefixConsistency) {
  model_.Deliver(kOne, At({5, 2}, "this"));
  model_.Deliver(kTwo, At({5, 2}, "that"));
  EXPECT_THAT(PrefixConsistency(model_, kTwo),
              Optional(StartsWith("PrefixConsistency")));
  EXPECT_NE(CheckDelivery(model_, kTwo), std::nullopt);
}

TEST_F(InvariantsTest, Integrity) {
  model_.Deliver(kOne, At({5, 2}));
  EXPECT_THAT(Integrity(model_, kOne), Optional(StartsWith("Integrity")));
  EXPECT_NE(CheckDelivery(model_, kOne), std::nullopt);
}

TEST_F(InvariantsTest, Agreement) {
  model_.Deliver(kOne, At({5, 2}));
  EXPECT_EQ(Agreement(model_, kOne), std::nullopt);
  model_.Deliver(kTwo, At({5, 3}));
  EXPECT_THAT(Agreement(model_, kTwo), Optional(StartsWith("Agreement")));
  EXPECT_NE(CheckDelivery(model_, kTwo), std::nullopt);
}

TEST_F(InvariantsTest, TotalOrder) {
  model_.Deliver(kOne, At({5, 2}));
  model_.Deliver(kOne, At({5, 3}));
  model_.Deliver(kTwo, At({5, 3}));  // Without 5:2
  EXPECT_THAT(TotalOrder(model_, kTwo), Optional(StartsWith("TotalOrder")));
  EXPECT_NE(CheckDelivery(model_, kTwo), std::nullopt);
  model_.Deliver(kTwo, At({5, 2}));  // And after it
  EXPECT_THAT(TotalOrder(model_, kTwo), Optional(StartsWith("TotalOrder")));
}

TEST_F(InvariantsTest, LocalPrimaryOrder) {
  model_.Propose(kTwo, 5, At({5, 2}));
  model_.Propose(kTwo, 5, At({5, 3}));
  model_.Deliver(kOne, At({5, 3}));
  EXPECT_THAT(LocalPrimaryOrder(model_, kOne),
              Optional(StartsWith("LocalPrimaryOrder")));
  EXPECT_NE(CheckDelivery(model_, kOne), std::nullopt);
}

TEST_F(InvariantsTest, GlobalPrimaryOrder) {
  model_.Deliver(kOne, At({4, 2}));
  EXPECT_THAT(GlobalPrimaryOrder(model_, kOne),
              Optional(StartsWith("GlobalPrimaryOrder")));
  EXPECT_NE(CheckDelivery(model_, kOne), std::nullopt);
}

TEST_F(InvariantsTest, ServersForgetButAnyoneDoesNot) {
  model_.Deliver(Model::kAnyone, At({4, 1}));
  for (const ServerId id : {kOne, kTwo}) {
    model_.Forget(id);
  }
  model_.Deliver(kOne, At({4, 1}, "other"));
  EXPECT_THAT(PrefixConsistency(model_, kOne),
              Optional(StartsWith("PrefixConsistency")));
}

// A member that hangs up on another raises the flag of what it heard, unless
// that is a late or a legitimate one.
TEST(CheckDuringActionTest, HangingUpRaisesAFlag) {
  const auto flag = [](const zab::Message& message) {
    zab::PeerHarness follower =
        zab::EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
    EventQueue queue;
    Random random(1);
    const Disk disk(queue, random, {});
    Checkers checkers({.members = Members(3)});
    checkers.AddDisk(kTwo, disk);
    checkers.HungUp(kTwo, {kOne, message}, follower.peer());
    return checkers.violation();
  };
  EXPECT_THAT(flag(zab::LeaderInfo{5}),
              Optional(StartsWith("stateInconsistent")));
  EXPECT_THAT(flag(zab::Diff{}), Optional(StartsWith("stateInconsistent")));
  EXPECT_THAT(flag(zab::Snap{}), Optional(StartsWith("stateInconsistent")));
  EXPECT_THAT(flag(zab::Trunc{}), Optional(StartsWith("proposalInconsistent")));
  EXPECT_THAT(flag(zab::Proposal{}),
              Optional(StartsWith("proposalInconsistent")));
  EXPECT_THAT(flag(zab::Inform{}),
              Optional(StartsWith("proposalInconsistent")));
  EXPECT_THAT(flag(zab::Commit{}), Optional(StartsWith("commitInconsistent")));
  EXPECT_THAT(flag(zab::Sync{}), Optional(StartsWith("messageIllegal")));
  EXPECT_EQ(flag(zab::LeaderInfo{4}), std::nullopt);
  EXPECT_EQ(flag(zab::FollowerInfo{}), std::nullopt);
}

}  // namespace
}  // namespace paddock::sim
