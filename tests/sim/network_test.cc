#include "sim/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace paddock::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ServerId kLeader{1};
constexpr ServerId kLearner{2};

// Two members, of which the learner may be paused.
class NetworkTest : public testing::Test {
 protected:
  NetworkTest() {
    network_.Attach(
        kLeader, EndpointOf(&heard_by_leader_, [](auto action) { action(); }));
    network_.Attach(kLearner,
                    EndpointOf(&heard_by_learner_, [this](auto action) {
                      waiting_.push_back(std::move(action));
                      if (!is_paused_) {
                        GoOn();
                      }
                    }));
    network_.Send(kLearner, kLeader, zab::FollowerInfo{});
    Settle();
    heard_by_leader_.clear();
  }

  void Settle() {
    while (!queue_.empty()) {
      queue_.RunOne();
    }
  }
  void GoOn() {
    is_paused_ = false;
    for (auto& action : std::exchange(waiting_, {})) {
      action();
    }
  }

  EventQueue queue_;
  Random random_{1};
  Network network_{queue_, random_, {}};
  bool is_paused_ = false;
  std::vector<std::function<void()>> waiting_;
  std::vector<std::string> heard_by_leader_;
  std::vector<std::string> heard_by_learner_;

 private:
  template <class InTurn>
  static Network::Endpoint EndpointOf(std::vector<std::string>* heard,
                                      InTurn in_turn) {
    return {.in_turn = in_turn,
            .receive =
                [heard](ServerId, zab::Message message) {
                  heard->push_back(zab::Describe(message));
                },
            .link_lost = [heard](ServerId) { heard->push_back("lost"); }};
  }
};

TEST_F(NetworkTest, APausedMemberHearsAllInOrderAfterwards) {
  is_paused_ = true;
  network_.Send(kLeader, kLearner, zab::LeaderInfo{7});
  network_.Send(kLeader, kLearner, zab::UpToDate{});
  Settle();
  network_.Break(kLeader, kLearner);
  Settle();
  EXPECT_THAT(heard_by_learner_, IsEmpty());
  GoOn();
  EXPECT_THAT(heard_by_learner_,
              ElementsAre("LEADERINFO 7", "UPTODATE", "lost"));
}

// As seed 1795283320787876081 had it: what an old link brought was taken for
// the answer on the new one.
TEST_F(NetworkTest, WhatAnOldLinkBroughtIsNotHeardOnANewOne) {
  is_paused_ = true;
  network_.Send(kLeader, kLearner, zab::LeaderInfo{7});
  Settle();
  network_.Send(kLearner, kLeader, zab::FollowerInfo{});  // The first it does
  GoOn();
  EXPECT_THAT(heard_by_learner_, IsEmpty());
  Settle();
  network_.Send(kLeader, kLearner, zab::LeaderInfo{8});
  Settle();
  EXPECT_THAT(heard_by_learner_, ElementsAre("LEADERINFO 8"));
}

// As seed 102119 had it: the answer to what came on an old link went out on the
// new one, which the member had not even accepted.
TEST_F(NetworkTest, AnswersGoToTheLinkThatWasAccepted) {
  heard_by_leader_.clear();
  network_.Send(kLeader, kLearner, zab::FollowerInfo{});
  Settle();
  heard_by_learner_.clear();
  is_paused_ = true;
  network_.Send(kLeader, kLearner, zab::FollowerInfo{});  // Another link
  Settle();
  network_.Send(kLearner, kLeader, zab::LeaderInfo{7});  // On the one before
  Settle();
  EXPECT_THAT(heard_by_leader_,
              testing::Not(testing::Contains("LEADERINFO 7")));
  GoOn();
  EXPECT_EQ(heard_by_learner_.front(), "lost");
  network_.Send(kLearner, kLeader, zab::LeaderInfo{8});
  Settle();
  EXPECT_EQ(heard_by_leader_.back(), "LEADERINFO 8");
}

}  // namespace
}  // namespace paddock::sim
