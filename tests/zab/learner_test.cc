#include "zab/learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zab/peer_harness.h"

namespace paddock::zab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Member 2, whose leader is 1; both have `log`.
HarnessOptions Of2(std::vector<Txn> log = {}) {
  return {.id = 2, .leader = 1, .epoch = 5, .log = std::move(log)};
}

void ExpectLeft(const PeerHarness& learner, const char* why) {
  EXPECT_EQ(learner.role(), Role::kLooking);
  EXPECT_EQ(learner.peer().last_trouble(), why);
}

TEST(LearnerTest, IntroducesItself) {
  PeerHarness learner = Connecting(Of2());
  EXPECT_EQ(learner.TakeMessagesTo(1).back(), "FOLLOWERINFO 4");
  PeerHarness observer =
      Connecting({.id = 4, .leader = 1, .epoch = 5, .observers = 1});
  EXPECT_EQ(observer.TakeMessagesTo(1).back(), "OBSERVERINFO 4");
}

TEST(LearnerTest, PromisesAnEpochOnceItIsDurable) {
  PeerHarness learner = Connecting(Of2(Txns({4, 1}, {4, 2})));
  learner.Forget();
  learner.Receive(1, LeaderInfo{5});
  EXPECT_THAT(learner.TakeWrites(), ElementsAre("accepted epoch 5"));
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACKEPOCH 4:2 epoch 4"));
}

// The same epoch may have been promised to another.
TEST(LearnerTest, DoesNotPromiseAnEpochTwice) {
  PeerHarness learner = Connecting(Of2());
  learner.Forget();
  learner.Receive(1, LeaderInfo{4});
  EXPECT_THAT(learner.TakeWrites(), IsEmpty());
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACKEPOCH 0:0 epoch -1"));
}

TEST(LearnerTest, LeavesALeaderOfAnOlderEpoch) {
  PeerHarness learner = Connecting(Of2());
  learner.Receive(1, LeaderInfo{3});
  ExpectLeft(learner, "the leader's epoch is older than the one promised");
  EXPECT_THAT(learner.TakeHangUps(), ElementsAre(1));
}

// History, then epoch, then the promise (zab-and-disk.md 1.3).
TEST(LearnerTest, AcksNewLeaderOnceHistoryAndThenEpochAreDurable) {
  PeerHarness learner = Synchronizing(Of2());
  learner.Receive(1, Diff{{4, 1}});
  learner.Receive(1, Proposal{{4, 1}, "txn"});
  learner.Receive(1, Commit{{4, 1}});
  learner.Receive(1, NewLeader{5, ""});
  EXPECT_THAT(learner.TakeWrites(),
              ElementsAre("append 4:1", "current epoch 5"));
  learner.FinishWrites(1);
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:0"));
  EXPECT_THAT(learner.TakeCommitted(), IsEmpty());

  learner.Receive(1, UpToDate{});
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("4:1"));
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:0"));
  EXPECT_TRUE(learner.peer().IsServing());
}

TEST(LearnerTest, TruncatesWhatTheLeaderLacks) {
  PeerHarness learner = Synchronizing(Of2(Txns({4, 1}, {4, 5})));
  learner.Receive(1, Trunc{{4, 2}});
  learner.Receive(1, Proposal{{4, 3}, "other"});
  learner.Receive(1, Commit{{4, 3}});
  learner.Receive(1, NewLeader{5, ""});
  EXPECT_THAT(
      learner.TakeWrites(),
      ElementsAre("truncate after 4:2", "append 4:3", "current epoch 5"));
  learner.FinishWrites(2);
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:0"));
  learner.Receive(1, UpToDate{});
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("4:1", "4:2", "4:3"));
}

TEST(LearnerTest, TruncationToItsEndIsNoWrite) {
  PeerHarness learner = Synchronizing(Of2(Txns({4, 1}, {4, 2})));
  learner.Receive(1, Trunc{{4, 2}});
  EXPECT_THAT(learner.TakeWrites(), IsEmpty());
}

TEST(LearnerTest, InstallsASnapshotOnceItServes) {
  PeerHarness learner = Synchronizing(Of2(Txns({4, 1}, {4, 5})));
  learner.Receive(1, Snap{{5, 0}, "state"});
  learner.Receive(1, NewLeader{5, ""});
  EXPECT_THAT(learner.TakeWrites(),
              ElementsAre("snapshot 5:0", "current epoch 5"));
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeCommitted(), IsEmpty());
  learner.Receive(1, UpToDate{});
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("state 5:0"));
}

TEST(LearnerTest, AcksEachProposalOnceDurable) {
  PeerHarness learner = EstablishedFollower(Of2());
  learner.Receive(1, Proposal{{5, 1}, "a"});
  learner.Receive(1, Proposal{{5, 2}, "b"});
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());
  learner.FinishWrites(1);
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:1"));
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:2"));
  EXPECT_THAT(learner.TakeCommitted(), IsEmpty());
}

// The leader and another had it on disk first.
TEST(LearnerTest, CommitsBeforeItsOwnDiskIsDone) {
  PeerHarness learner = EstablishedFollower(Of2());
  learner.Receive(1, Proposal{{5, 1}, "a"});
  learner.Receive(1, Commit{{5, 1}});
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("5:1"));
}

// Those that came between NEWLEADER and UPTODATE, in order, behind the ACK of
// UPTODATE (zab-and-disk.md 3.7).
TEST(LearnerTest, AcksWhatCameBeforeUpToDateAfterIt) {
  PeerHarness learner = Synchronizing(Of2());
  learner.Receive(1, Diff{{0, 0}});
  learner.Receive(1, Proposal{{5, 1}, "a"});
  learner.Receive(1, NewLeader{5, ""});
  learner.Receive(1, Proposal{{5, 2}, "b"});
  learner.Receive(1, Commit{{5, 1}});
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:0"));
  learner.Receive(1, UpToDate{});
  EXPECT_THAT(learner.TakeMessages(),
              ElementsAre("1: ACK 5:0", "1: ACK 5:1", "1: ACK 5:2"));
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("5:1"));
}

TEST(LearnerTest, ObserverLogsAndCommitsWhatItIsInformedOf) {
  PeerHarness observer = EstablishedObserver({.leader = 1, .epoch = 5});
  observer.Receive(1, Inform{{5, 1}, "a"});
  EXPECT_THAT(observer.TakeWrites(), ElementsAre("append 5:1"));
  EXPECT_THAT(observer.TakeCommitted(), ElementsAre("5:1"));
  observer.FinishWrites();
  EXPECT_THAT(observer.TakeMessages(), IsEmpty());
}

TEST(LearnerTest, EchoesPingsOnlyWhenItServes) {
  PeerHarness learner = Synchronizing(Of2());
  learner.Receive(1, Diff{{0, 0}});
  learner.Receive(1, Ping{{5, 0}});
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());

  learner = EstablishedFollower(Of2());
  learner.Receive(1, Ping{{5, 3}});
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: PING 5:3 sessions 0"));
}

TEST(LearnerTest, PassesOnAnswersToItsQuestions) {
  PeerHarness learner = EstablishedFollower(Of2());
  learner.peer().SendToLeader(Revalidate{SessionId{7}, 4000});
  learner.Receive(1, Revalidated{SessionId{7}, true});
  learner.Receive(1, Sync{});
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: REVALIDATE 0x7"));
  EXPECT_THAT(learner.TakeDeliveries(),
              ElementsAre("1: REVALIDATE 0x7 true", "1: SYNC"));
}

// A Java leader of 3.9 proposes what it cannot read as an error under the zxid
// before it, and counts the ACKs (zab-and-disk.md 12.B 8): no gap, and no
// transaction either.
TEST(LearnerTest, AcksAnErrorThatRepeatsAZxid) {
  PeerHarness learner = EstablishedFollower(Of2());
  learner.Receive(1, Proposal{{5, 0}, "error"});  // The first of the epoch
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:0"));
  learner.Receive(1, Proposal{{5, 1}, "txn"});
  learner.Receive(1, Proposal{{5, 1}, "error"});
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());
  learner.FinishWrites();
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:1", "1: ACK 5:1"));
  learner.Receive(1, Commit{{5, 1}});
  learner.Receive(1, Proposal{{5, 1}, "error"});
  learner.Receive(1, Proposal{{5, 2}, "txn"});
  learner.FinishWrites();
  learner.Receive(1, Commit{{5, 2}});
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:1", "1: ACK 5:2"));
  EXPECT_THAT(learner.TakeWrites(), ElementsAre("append 5:1", "append 5:2"));
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("5:1", "5:2"));
}

TEST(LearnerTest, AcksAnErrorThatRepeatsAZxidBeforeUpToDate) {
  PeerHarness learner = Synchronizing(Of2());
  learner.Receive(1, Diff{});
  learner.Receive(1, NewLeader{5, ""});
  learner.Receive(1, Proposal{{5, 1}, "txn"});
  learner.Receive(1, Proposal{{5, 1}, "error"});
  learner.FinishWrites();
  learner.Receive(1, UpToDate{});
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: ACK 5:0", "1: ACK 5:0",
                                                  "1: ACK 5:1", "1: ACK 5:1"));
  EXPECT_TRUE(learner.peer().IsServing());
}

// Only what comes last is repeated.
TEST(LearnerTest, LeavesALeaderThatGoesBack) {
  for (const Zxid zxid : {Zxid{5, 1}, Zxid{4, 1}, Zxid{5, 0}}) {
    PeerHarness learner = EstablishedFollower(Of2(Txns({4, 1}, {4, 1})));
    learner.Receive(1, Proposal{{5, 1}, "txn"});
    learner.Receive(1, Proposal{{5, 2}, "txn"});
    learner.Receive(1, Proposal{zxid, "txn"});
    ExpectLeft(learner, "a proposal is missing");
  }
}

// It would be committed by a CHECK otherwise.
TEST(LearnerTest, LeavesALeaderThatCommitsAnEpochWhichIsNotThere) {
  PeerHarness learner =
      EstablishedFollower({.epoch = 7, .log = Txns({4, 1}, {4, 1})});
  learner.Receive(1, Proposal{{7, 1}, "txn"});
  learner.Receive(1, Commit{{5, 1}});
  ExpectLeft(learner, "a commit out of order");
}

// A transaction that changes the configuration is one like others; but who
// learned of another one votes no more.
TEST(LearnerTest, StopsWhenItLosesALeaderOfAnotherConfiguration) {
  PeerHarness follower = EstablishedFollower(Of2());
  follower.Receive(1, Proposal{{5, 1}, "reconfig"});
  follower.Receive(1, CommitAndActivate{{5, 1}, ServerId{1}});
  follower.Receive(1, Proposal{{5, 2}, "txn"});
  follower.FinishWrites();
  follower.Receive(1, Commit{{5, 2}});
  EXPECT_THAT(follower.TakeMessages(), ElementsAre("1: ACK 5:1", "1: ACK 5:2"));
  EXPECT_THAT(follower.TakeCommitted(), ElementsAre("5:1", "5:2"));
  EXPECT_THAT(follower.TakeDeliveries(),
              ElementsAre("1: COMMITANDACTIVATE 5:1"));
  EXPECT_TRUE(follower.peer().IsServing());
  follower.LoseLink(1);
  ExpectLeft(follower,
             "the link to the leader is lost; the ensemble has another "
             "configuration");
  EXPECT_TRUE(follower.peer().IsStopped());
  follower.Tick(absl::Seconds(60));
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
}

TEST(LearnerTest, ObserverCommitsWhatChangesTheConfiguration) {
  PeerHarness observer = EstablishedObserver(Of2());
  observer.Receive(1, InformAndActivate{{5, 1}, ServerId{1}, "reconfig"});
  EXPECT_THAT(observer.TakeCommitted(), ElementsAre("5:1"));
  EXPECT_THAT(observer.TakeDeliveries(),
              ElementsAre("1: INFORMANDACTIVATE 5:1"));
  observer.Receive(1, InformAndActivate{{5, 1}, ServerId{1}, "reconfig"});
  ExpectLeft(observer,
             "a transaction is missing; the ensemble has another "
             "configuration");
  EXPECT_TRUE(observer.peer().IsStopped());
}

TEST(LearnerTest, LeavesALeaderThatSkips) {
  PeerHarness learner = EstablishedFollower(Of2());
  learner.Receive(1, Proposal{{5, 2}, "b"});
  ExpectLeft(learner, "a proposal is missing");

  learner = EstablishedFollower(Of2());
  learner.Receive(1, Commit{{5, 1}});
  ExpectLeft(learner, "a commit out of order");

  learner = EstablishedFollower(Of2());
  learner.Receive(1, Proposal{{5, 1}, "a"});
  learner.Receive(1, Proposal{{5, 2}, "b"});
  learner.Receive(1, Commit{{5, 2}});
  ExpectLeft(learner, "a commit out of order");

  PeerHarness observer = EstablishedObserver({.leader = 1, .epoch = 5});
  observer.Receive(1, Inform{{5, 2}, "b"});
  ExpectLeft(observer, "a transaction is missing");
}

TEST(LearnerTest, LeavesALeaderThatLacksWhatIsCommittedHere) {
  HarnessOptions options = Of2();
  options.state_zxid = {4, 7};
  PeerHarness learner = Synchronizing(options);
  learner.Receive(1, Trunc{{4, 6}});
  ExpectLeft(learner, "the leader lacks what is committed here");

  learner = Synchronizing(options);
  learner.Receive(1, Snap{{4, 6}, "state"});
  ExpectLeft(learner, "the leader lacks what is committed here");

  learner = Synchronizing(options);
  learner.Receive(1, Diff{{4, 6}});
  ExpectLeft(learner, "a DIFF ends before this history does");
}

// A snapshot that another leader sent, of transactions that were never
// committed: nothing can be cut out of it.
TEST(LearnerTest, AsksForEverythingWhenASnapshotHasTooMuch) {
  PeerHarness learner(TestConfig(2), {.state_zxid = {4, 7},
                                      .state_is_committed = false,
                                      .accepted_epoch = 4,
                                      .current_epoch = 4});
  const auto join = [&](int64_t round, int64_t epoch) {
    learner.Receive(1, Note(Role::kLeading, 1, {4, 2}, round, 4));
    learner.Receive(3, Note(Role::kFollowing, 1, {4, 2}, round, 4));
    learner.Receive(1, LeaderInfo{epoch});
    learner.FinishWrites();
    return learner.TakeMessagesTo(1).back();
  };
  EXPECT_EQ(join(1, 5), "ACKEPOCH 4:7 epoch 4");
  learner.Receive(1, Trunc{{4, 2}});
  ExpectLeft(learner, "the leader lacks part of a snapshot that is here");

  EXPECT_EQ(join(3, 6), "ACKEPOCH 0:0 epoch 4");
  learner.Receive(1, Snap{{6, 0}, "state"});
  learner.Receive(1, NewLeader{6, ""});
  learner.Receive(1, UpToDate{});
  EXPECT_THAT(learner.TakeCommitted(), ElementsAre("state 6:0"));
}

// Time-outs.

TEST(LearnerTest, GivesALeaderThatDoesNotAnswerASecond) {
  PeerHarness learner = Connecting(Of2());
  learner.Tick(absl::Milliseconds(999));
  EXPECT_EQ(learner.role(), Role::kFollowing);
  learner.Tick(absl::Milliseconds(1));
  ExpectLeft(learner, "the leader does not answer");
}

TEST(LearnerTest, ConnectsAgainWhileTheLeaderDoesNotListenYet) {
  PeerHarness learner = Connecting(Of2());
  learner.Forget();
  learner.LoseLink(1);
  EXPECT_EQ(learner.role(), Role::kFollowing);
  learner.Tick(absl::Milliseconds(19));
  EXPECT_THAT(learner.TakeMessages(), IsEmpty());
  learner.Tick(absl::Milliseconds(1));
  EXPECT_THAT(learner.TakeMessages(), ElementsAre("1: FOLLOWERINFO 4"));
}

TEST(LearnerTest, WaitsInitLimitForItsHistory) {
  PeerHarness learner = Synchronizing(Of2());
  learner.Tick(absl::Seconds(20) - absl::Milliseconds(1));
  EXPECT_EQ(learner.role(), Role::kFollowing);
  learner.Tick(absl::Milliseconds(1));
  ExpectLeft(learner, "the leader is silent");
}

TEST(LearnerTest, WaitsSyncLimitForUpToDate) {
  PeerHarness learner = Synchronizing(Of2());
  learner.Receive(1, Diff{{0, 0}});
  learner.Receive(1, NewLeader{5, ""});
  learner.Tick(absl::Seconds(10) - absl::Milliseconds(1));
  EXPECT_EQ(learner.role(), Role::kFollowing);
  learner.Tick(absl::Milliseconds(1));
  ExpectLeft(learner, "the leader is silent");
}

TEST(LearnerTest, WaitsSyncLimitForASilentLeader) {
  PeerHarness learner = EstablishedFollower(Of2());
  learner.Tick(absl::Seconds(9));
  learner.Receive(1, Ping{{5, 0}});
  learner.Tick(absl::Seconds(9));
  EXPECT_EQ(learner.role(), Role::kFollowing);
  learner.Tick(absl::Seconds(1));
  ExpectLeft(learner, "the leader is silent");
  EXPECT_THAT(learner.TakeHangUps(), ElementsAre(1));
}

// Each failure in turn makes it more patient with the next leader.
TEST(LearnerTest, WaitsLongerAfterEachFailure) {
  PeerHarness learner = Looking(Of2());
  absl::Duration patience = absl::Seconds(1);
  for (int64_t round = 1; round <= 3; ++round) {
    learner.Receive(1, Note(Role::kLeading, 1, {}, 10 * round, 4));
    learner.Receive(3, Note(Role::kFollowing, 1, {}, 10 * round, 4));
    learner.Tick(patience - absl::Milliseconds(1));
    EXPECT_EQ(learner.role(), Role::kFollowing) << round;
    learner.Tick(absl::Milliseconds(100));
    EXPECT_EQ(learner.role(), Role::kLooking) << round;
    patience = 2 * patience;
  }
}

}  // namespace
}  // namespace paddock::zab
