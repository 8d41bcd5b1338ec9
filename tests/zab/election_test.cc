#include "zab/election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "zab/peer_harness.h"

namespace paddock::zab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;

// Member 2 of three, with 4:7 as its last transaction.
PeerHarness Member2() {
  return Looking({.id = 2, .epoch = 5, .state_zxid = {4, 7}});
}

// As member `leader` would propose itself, in epoch 4.
Notification Looks(int leader, Zxid zxid, int64_t round = 1,
                   int64_t epoch = 4) {
  return Note(Role::kLooking, leader, zxid, round, epoch);
}

TEST(ElectionTest, BeginsWithItsOwnVoteToAllOtherVoters) {
  PeerHarness member = Member2();
  EXPECT_THAT(member.TakeMessages(),
              ElementsAre("1: LOOKING for 2 zxid 4:7 epoch 4 round 1",
                          "3: LOOKING for 2 zxid 4:7 epoch 4 round 1"));
  EXPECT_EQ(member.role(), Role::kLooking);
  EXPECT_EQ(member.peer().leader(), std::nullopt);
}

TEST(ElectionTest, RepeatsItselfLessAndLessOften) {
  PeerHarness member = Member2();
  member.Forget();
  member.Tick(absl::Milliseconds(199));
  EXPECT_THAT(member.TakeMessages(), IsEmpty());
  member.Tick(absl::Milliseconds(1));
  EXPECT_THAT(member.TakeMessagesTo(1).size(), 1);
  member.Tick(absl::Milliseconds(399));
  EXPECT_THAT(member.TakeMessages(), IsEmpty());
  member.Tick(absl::Milliseconds(1));
  EXPECT_THAT(member.TakeMessagesTo(1).size(), 1);
  member.Tick(absl::Seconds(100));
  EXPECT_THAT(member.TakeMessagesTo(1).size(), 50);
}

// Epoch first, then zxid, then id: a total order (ZOOKEEPER-1419).
TEST(ElectionTest, AdoptsTheBetterVote) {
  struct {
    Notification note;
    bool is_better;
  } const cases[] = {
      {Looks(3, {4, 7}), true},          {Looks(1, {4, 7}), false},
      {Looks(1, {4, 8}), true},          {Looks(3, {4, 6}), false},
      {Looks(1, {2, 1}, 1, 5), true},    {Looks(3, {9, 9}, 1, 3), false},
      {Looks(3, {3, 900}, 1, 4), false},
  };
  for (const auto& c : cases) {
    PeerHarness member = Member2();
    member.Forget();
    member.Receive(1, c.note);
    const Lines told = member.TakeMessagesTo(3);
    EXPECT_EQ(!told.empty(), c.is_better) << Describe(c.note);
    if (c.is_better) {
      EXPECT_THAT(told, ElementsAre(Describe(c.note)));
    }
  }
}

// The wire's numbers are signed: -1 of a member that may have lost its data.
TEST(ElectionTest, IgnoresAMemberThatMayHaveLostItsData) {
  PeerHarness member = Member2();
  member.Forget();
  member.Receive(3, Looks(3, Zxid::FromWire(-1), 9, 9));
  member.Tick(absl::Milliseconds(150));
  EXPECT_THAT(member.TakeMessages(), IsEmpty());
}

TEST(ElectionTest, DecidesAtOnceWhenAllVotersAgree) {
  PeerHarness member = Member2();
  member.Receive(1, Looks(3, {4, 7}));
  EXPECT_EQ(member.role(), Role::kLooking);
  member.Receive(3, Looks(3, {4, 7}));
  EXPECT_EQ(member.role(), Role::kFollowing);
  EXPECT_EQ(member.peer().leader(), ServerId{3});
}

TEST(ElectionTest, ABetterVoteBeginsTheWaitAnew) {
  PeerHarness member = Member2();
  member.Receive(1, Looks(2, {4, 7}));
  member.Tick(absl::Milliseconds(49));
  EXPECT_EQ(member.role(), Role::kLooking);
  member.Receive(3, Looks(3, {4, 8}));
  member.Tick(absl::Milliseconds(49));
  EXPECT_EQ(member.role(), Role::kLooking);
  member.Tick(absl::Milliseconds(1));
  EXPECT_EQ(member.peer().leader(), ServerId{3});
}

TEST(ElectionTest, DecidesAfterTheWait) {
  PeerHarness member = Member2();
  member.Receive(1, Looks(2, {4, 7}));
  member.Tick(absl::Milliseconds(50));
  EXPECT_EQ(member.role(), Role::kLeading);
}

// A quorum that falls apart during the wait decides nothing.
TEST(ElectionTest, CountsAgainWhenAVoterLeaves) {
  PeerHarness member = Member2();
  member.Receive(1, Looks(2, {4, 7}));
  member.Receive(1, Looks(1, {4, 6}));
  member.Tick(absl::Milliseconds(100));
  EXPECT_EQ(member.role(), Role::kLooking);
}

TEST(ElectionTest, CatchesUpWithALaterRoundAndForgetsTheVotesOfItsOwn) {
  PeerHarness member = Member2();
  member.Receive(1, Looks(2, {4, 7}));
  member.Forget();
  member.Receive(3, Looks(3, {4, 2}, /*round=*/6));
  EXPECT_THAT(member.TakeMessages(),
              ElementsAre("1: LOOKING for 2 zxid 4:7 epoch 4 round 6",
                          "3: LOOKING for 2 zxid 4:7 epoch 4 round 6"));
  member.Tick(absl::Milliseconds(100));
  EXPECT_EQ(member.role(), Role::kLooking);
}

TEST(ElectionTest, TellsOneOfAnOlderRoundAndDoesNotCountIt) {
  PeerHarness member = Member2();
  member.Receive(3, Looks(3, {4, 2}, /*round=*/6));
  member.Forget();
  member.Receive(1, Looks(2, {4, 7}, /*round=*/5));
  EXPECT_THAT(member.TakeMessages(),
              ElementsAre("1: LOOKING for 2 zxid 4:7 epoch 4 round 6"));
  member.Tick(absl::Milliseconds(100));
  EXPECT_EQ(member.role(), Role::kLooking);
}

TEST(ElectionTest, VotesFromAndForNonVotersCountForNothing) {
  PeerHarness member =
      Looking({.id = 2, .epoch = 5, .observers = 1, .state_zxid = {4, 7}});
  member.Forget();
  member.Receive(1, Looks(4, {9, 9}, 1, 9));  // For an observer
  member.Receive(1, Looks(7, {9, 9}, 1, 9));  // For a stranger
  EXPECT_THAT(member.TakeMessages(), IsEmpty());
  // An observer's vote is answered, so that it hears of a leader.
  member.Receive(4, Looks(2, {4, 7}));
  EXPECT_THAT(member.TakeMessages(),
              ElementsAre("4: LOOKING for 2 zxid 4:7 epoch 4 round 1"));
  member.Tick(absl::Milliseconds(100));
  EXPECT_EQ(member.role(), Role::kLooking);
}

TEST(ElectionTest, JoinsALeaderThatAQuorumFollows) {
  PeerHarness member = Member2();
  member.Receive(1, Note(Role::kFollowing, 3, {4, 7}, 8, 6));
  EXPECT_EQ(member.role(), Role::kLooking);
  // Not the same zxid and round: only leader and epoch count (1732, 1805).
  member.Receive(3, Note(Role::kLeading, 3, {4, 2}, 9, 6));
  EXPECT_EQ(member.role(), Role::kFollowing);
  EXPECT_EQ(member.peer().leader(), ServerId{3});
}

// Unless it says so itself, it may be gone (zab-and-disk.md 2.6).
TEST(ElectionTest, DoesNotJoinALeaderThatOnlyOthersSpeakOf) {
  PeerHarness member = Looking({.id = 2, .epoch = 5, .voters = 5});
  for (const int voter : {1, 3, 4}) {
    member.Receive(voter, Note(Role::kFollowing, 5, {4, 7}, 8, 6));
  }
  EXPECT_EQ(member.role(), Role::kLooking);
  member.Receive(5, Note(Role::kLeading, 5, {4, 7}, 8, 6));
  EXPECT_EQ(member.peer().leader(), ServerId{5});
}

// What one said before it lost its leader is void (ZOOKEEPER-3537).
TEST(ElectionTest, ForgetsWhoHadALeaderAndLooksAgain) {
  PeerHarness member = Member2();
  member.Receive(3, Note(Role::kLeading, 3, {4, 7}, 8, 6));
  member.Receive(3, Looks(3, {4, 7}));
  member.Receive(1, Note(Role::kFollowing, 3, {4, 7}, 8, 6));
  EXPECT_EQ(member.role(), Role::kLooking);
}

TEST(ElectionTest, VotesOfDifferentEpochsDoNotAddUp) {
  PeerHarness member = Member2();
  member.Receive(1, Note(Role::kFollowing, 3, {4, 7}, 8, 5));
  member.Receive(3, Note(Role::kLeading, 3, {4, 7}, 8, 6));
  EXPECT_EQ(member.role(), Role::kLooking);
}

// Others may believe for a while that a member leads which started anew.
TEST(ElectionTest, DoesNotLeadBecauseOthersSayItLedInAnotherRound) {
  PeerHarness member = Member2();
  member.Receive(1, Note(Role::kFollowing, 2, {4, 7}, 8, 6));
  member.Receive(3, Note(Role::kFollowing, 2, {4, 7}, 8, 6));
  EXPECT_EQ(member.role(), Role::kLooking);
}

TEST(ElectionTest, ObserverVotesForNobodyAndFollowsTheElected) {
  PeerHarness observer = Looking({.id = 4, .epoch = 5, .observers = 1});
  EXPECT_THAT(observer.TakeMessagesTo(1).size(), 1);
  observer.Receive(1, Looks(3, {4, 7}));
  observer.Receive(2, Looks(3, {4, 7}));
  observer.Receive(3, Looks(3, {4, 7}));
  EXPECT_EQ(observer.role(), Role::kObserving);
  EXPECT_EQ(observer.peer().leader(), ServerId{3});
}

// A voter answers whatever an observer says: so an observer that is a round
// ahead must not answer back, or the two would never stop.
TEST(ElectionTest, ObserverDoesNotCallVotersOfOlderRounds) {
  PeerHarness observer = EstablishedObserver({.leader = 1, .epoch = 5});
  observer.LoseLink(1);
  observer.Forget();
  observer.Receive(1, Looks(1, {4, 7}, /*round=*/2));
  EXPECT_THAT(observer.TakeMessages(), IsEmpty());
}

TEST(ElectionTest, OneWithoutWeightIsNotElected) {
  Config config = TestConfig(1, 6);
  for (size_t i = 0; i < 6; ++i) {
    config.members[i].group = 1 + static_cast<int64_t>(i) / 2;
    config.members[i].weight = i < 4 ? 1 : 0;
  }
  PeerHarness member(config);
  member.Forget();
  member.Receive(6, Looks(6, {9, 9}, 1, 9));
  EXPECT_THAT(member.TakeMessages(), IsEmpty());
  // Two of group 1 and two of group 2 decide.
  for (const int voter : {2, 3, 4}) {
    member.Receive(voter, Looks(4, {4, 7}));
  }
  member.Tick(absl::Milliseconds(50));
  EXPECT_EQ(member.peer().leader(), ServerId{4});
}

// The vote promises what would be brought along: that must be on disk.
TEST(ElectionTest, VotesOnceItsHistoryIsDurable) {
  PeerHarness follower =
      EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(1, Proposal{{5, 1}, "txn"});
  follower.LoseLink(1);
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
  follower.FinishWrites();
  EXPECT_THAT(follower.TakeMessagesTo(3),
              ElementsAre("LOOKING for 2 zxid 5:1 epoch 5 round 3"));
}

// One that loses its leader is two rounds on; a leader that gives up, one: so
// it cannot win if it does not hear of that (election.h).
TEST(ElectionTest, LearnersLeaveALeaderBehindByARound) {
  PeerHarness leader = EstablishedLeader({.epoch = 5});
  leader.LoseLink(1);
  leader.LoseLink(2);
  EXPECT_THAT(leader.TakeMessagesTo(1),
              ElementsAre("LOOKING for 3 zxid 0:0 epoch 5 round 2"));
}

// After the election the answer to those that still look names the epoch that
// it led to.
TEST(ElectionTest, AnswersThoseThatLookOnceItHasALeader) {
  PeerHarness follower =
      EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(3, Looks(3, {4, 7}, 7));
  EXPECT_THAT(follower.TakeMessages(),
              ElementsAre("3: FOLLOWING for 1 zxid 0:0 epoch 5 round 1"));
  follower.Receive(3, Note(Role::kFollowing, 1, {4, 7}, 7, 5));
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());

  PeerHarness connecting = Connecting({.id = 2, .leader = 1, .epoch = 5});
  connecting.Forget();
  connecting.Receive(3, Looks(3, {4, 7}, 7));
  EXPECT_THAT(connecting.TakeMessages(),
              ElementsAre("3: FOLLOWING for 1 zxid 0:0 epoch 4 round 1"));

  PeerHarness leader = EstablishedLeader({.epoch = 5});
  leader.Receive(1, Looks(1, {4, 7}, 7));
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: LEADING for 3 zxid 0:0 epoch 5 round 1"));
}

}  // namespace
}  // namespace paddock::zab
