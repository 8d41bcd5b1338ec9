#include "zab/leader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zab/peer_harness.h"

namespace paddock::zab {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::Eq;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

// Member 3 leads 1 and 2; all begin with `log`.
HarnessOptions Of3(std::vector<Txn> log = {}) {
  return {.leader = 3, .epoch = 5, .log = std::move(log)};
}

void ExpectGaveUp(const PeerHarness& leader, const char* why) {
  EXPECT_EQ(leader.role(), Role::kLooking);
  EXPECT_EQ(leader.peer().last_trouble(), why);
}

// Discovery.

TEST(LeaderTest, ChoosesAnEpochAboveAllThatAQuorumPromised) {
  PeerHarness leader = Elected(Of3());
  EXPECT_THAT(leader.TakeWrites(), IsEmpty());
  leader.Receive(1, FollowerInfo{8});
  EXPECT_THAT(leader.TakeWrites(), ElementsAre("accepted epoch 9"));
}

TEST(LeaderTest, AnnouncesTheEpochOnceItIsDurable) {
  PeerHarness leader = Elected(Of3());
  leader.Receive(1, FollowerInfo{4});
  EXPECT_THAT(leader.TakeMessages(), IsEmpty());
  leader.Receive(2, FollowerInfo{4});
  leader.FinishWrites();
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: LEADERINFO 5", "2: LEADERINFO 5"));
}

TEST(LeaderTest, ObserversChooseNoEpoch) {
  HarnessOptions options = Of3();
  options.observers = 2;
  PeerHarness leader = Elected(options);
  leader.Receive(4, FollowerInfo{4, /*is_observer=*/true});
  leader.Receive(5, FollowerInfo{7, /*is_observer=*/true});
  EXPECT_THAT(leader.TakeWrites(), IsEmpty());
  leader.Receive(1, FollowerInfo{4});
  EXPECT_THAT(leader.TakeWrites(), ElementsAre("accepted epoch 8"));
}

TEST(LeaderTest, SetsItsCurrentEpochOnceAQuorumPromised) {
  PeerHarness leader = Elected(Of3());
  leader.Receive(1, FollowerInfo{4});
  leader.FinishWrites();
  leader.Forget();
  leader.Receive(1, AckEpoch{{0, 0}, 4});
  EXPECT_THAT(leader.TakeWrites(), ElementsAre("current epoch 5"));
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: DIFF 0:0", "1: NEWLEADER 5"));
}

// Whoever promised the epoch before may have promised it to another.
TEST(LeaderTest, PromisesOfOldDoNotCount) {
  PeerHarness leader = Elected(Of3());
  leader.Receive(1, FollowerInfo{4});
  leader.FinishWrites();
  leader.Receive(1, AckEpoch{{0, 0}, std::nullopt});
  ExpectGaveUp(leader, "its epoch was promised before");
}

TEST(LeaderTest, HangsUpOnOneThatShouldLead) {
  for (const AckEpoch& ahead : {AckEpoch{{4, 3}, 4}, AckEpoch{{0, 0}, 5}}) {
    PeerHarness leader = Elected(Of3(Txns({4, 1}, {4, 2})));
    leader.Receive(1, FollowerInfo{4});
    leader.FinishWrites();
    leader.Receive(1, ahead);
    EXPECT_THAT(leader.TakeHangUps(), ElementsAre(1)) << Describe(ahead);
    EXPECT_THAT(leader.TakeWrites(), ElementsAre("accepted epoch 5"));
  }
}

TEST(LeaderTest, HangsUpOnOneWithALaterConfig) {
  PeerHarness leader = Elected(Of3());
  leader.Receive(1, FollowerInfo{4, false, /*config_version=*/1});
  EXPECT_THAT(leader.TakeHangUps(), ElementsAre(1));
  EXPECT_THAT(leader.TakeWrites(), IsEmpty());
}

// It could never follow this leader, and is told so at once.
TEST(LeaderTest, GivesUpForOneThatPromisedALaterEpoch) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.LoseLink(2);
  leader.Receive(2, FollowerInfo{6});
  ExpectGaveUp(leader, "a member promised a later epoch");
  EXPECT_THAT(leader.TakeHangUps(), UnorderedElementsAre(1, 2));
}

// Synchronization.

TEST(LeaderTest, ServesOnceAQuorumHasItsHistory) {
  PeerHarness leader = Elected(Of3(Txns({4, 1}, {4, 2})));
  Join(leader, 1, Of3(Txns({4, 1}, {4, 2})));
  EXPECT_FALSE(leader.peer().CanPropose());
  EXPECT_THAT(leader.TakeCommitted(), IsEmpty());
  leader.Forget();
  leader.Receive(1, AckOfNewLeader(5));
  EXPECT_TRUE(leader.peer().CanPropose());
  EXPECT_THAT(leader.TakeCommitted(), ElementsAre("4:1", "4:2"));
  EXPECT_THAT(leader.TakeMessages(), ElementsAre("1: UPTODATE"));
}

// Its own acknowledgement of NEWLEADER waits for the disk as any other.
TEST(LeaderTest, CountsItselfOnceItsEpochIsDurable) {
  PeerHarness leader = Elected(Of3());
  leader.Receive(1, FollowerInfo{4});
  leader.FinishWrites();
  leader.Receive(1, AckEpoch{{0, 0}, 4});
  leader.Receive(1, AckOfNewLeader(5));
  EXPECT_FALSE(leader.peer().CanPropose());
  leader.FinishWrites();
  EXPECT_TRUE(leader.peer().CanPropose());
}

// What a learner with `last` gets of a leader with 4:1 to 4:3.
Lines SyncOf(Zxid last, bool truncates = true) {
  HarnessOptions options = Of3(Txns({4, 1}, {4, 3}));
  options.truncates_learners = truncates;
  PeerHarness leader = Elected(options);
  leader.Receive(1, FollowerInfo{4});
  leader.FinishWrites();
  leader.Forget();
  leader.Receive(1, AckEpoch{last, 3});
  return leader.TakeMessagesTo(1);
}

TEST(LeaderTest, MakesALearnersHistoryEqual) {
  EXPECT_THAT(SyncOf({4, 3}), ElementsAre("DIFF 4:3", "NEWLEADER 5"));
  EXPECT_THAT(SyncOf({4, 2}), ElementsAre("DIFF 4:3", "PROPOSAL 4:3",
                                          "COMMIT 4:3", "NEWLEADER 5"));
  EXPECT_THAT(SyncOf({4, 9}), ElementsAre("TRUNC 4:3", "NEWLEADER 5"));
  EXPECT_THAT(SyncOf({3, 9}), ElementsAre("SNAP 4:3", "NEWLEADER 5"));
}

// Beside Java members never TRUNC, and a state above all they can have.
TEST(LeaderTest, SendsJavaLearnersASnapshotOfTheNewEpoch) {
  EXPECT_THAT(SyncOf({4, 9}, /*truncates=*/false),
              ElementsAre("SNAP 5:0", "NEWLEADER 5"));
}

TEST(LeaderTest, SendsALateJoinerWhatIsOutstandingBehindNewLeader) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.LoseLink(2);
  leader.Propose();
  leader.FinishWrites();
  leader.Receive(1, Ack{{5, 1}});
  leader.Propose();
  leader.Forget();

  leader.Receive(2, FollowerInfo{5});
  leader.Receive(2, AckEpoch{{0, 0}, std::nullopt});
  leader.Propose();
  EXPECT_THAT(
      leader.TakeMessagesTo(2),
      ElementsAre("LEADERINFO 5", "DIFF 5:1", "PROPOSAL 5:1", "COMMIT 5:1",
                  "NEWLEADER 5", "PROPOSAL 5:2", "PROPOSAL 5:3"));
  // No COMMIT before UPTODATE.
  leader.FinishWrites();
  leader.Receive(1, Ack{{5, 2}});
  EXPECT_THAT(leader.TakeMessagesTo(2), IsEmpty());
  leader.Receive(2, AckOfNewLeader(5));
  EXPECT_THAT(leader.TakeMessagesTo(2), ElementsAre("UPTODATE", "COMMIT 5:2"));
}

TEST(LeaderTest, SendsALateObserverOnlyWhatIsCommitted) {
  HarnessOptions options = Of3();
  options.observers = 1;
  PeerHarness leader = EstablishedLeader(options);
  leader.Propose();
  leader.FinishWrites();
  leader.Receive(1, Ack{{5, 1}});
  leader.Propose();
  leader.Forget();
  leader.Receive(4, FollowerInfo{5, true});
  leader.Receive(4, AckEpoch{{0, 0}, std::nullopt});
  EXPECT_THAT(leader.TakeMessagesTo(4),
              ElementsAre("LEADERINFO 5", "DIFF 5:1", "PROPOSAL 5:1",
                          "COMMIT 5:1", "NEWLEADER 5"));
  leader.FinishWrites();
  leader.Receive(1, Ack{{5, 2}});
  leader.Receive(4, AckOfNewLeader(5));
  EXPECT_THAT(leader.TakeMessagesTo(4), ElementsAre("UPTODATE", "INFORM 5:2"));
}

// Broadcast.

TEST(LeaderTest, CommitsWhatAQuorumHasOnDiskInOrder) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Propose();
  leader.Propose();
  EXPECT_THAT(leader.TakeMessagesTo(1),
              ElementsAre("PROPOSAL 5:1", "PROPOSAL 5:2"));
  leader.Receive(1, Ack{{5, 1}});
  EXPECT_THAT(leader.TakeCommitted(), IsEmpty());  // Its own disk is not done
  leader.Receive(2, Ack{{5, 1}});
  EXPECT_THAT(leader.TakeCommitted(), ElementsAre("5:1"));
  leader.FinishWrites();
  EXPECT_THAT(leader.TakeCommitted(), IsEmpty());
  leader.Receive(2, Ack{{5, 2}});
  EXPECT_THAT(leader.TakeCommitted(), ElementsAre("5:2"));
  EXPECT_THAT(leader.TakeMessagesTo(1),
              ElementsAre("COMMIT 5:1", "COMMIT 5:2"));
}

TEST(LeaderTest, AcksOfObserversAndOldEpochsCountForNothing) {
  HarnessOptions options = Of3();
  options.observers = 1;
  PeerHarness leader = EstablishedLeader(options);
  Join(leader, 4, options);
  leader.Receive(4, AckOfNewLeader(5));
  leader.Propose();
  leader.FinishWrites();
  leader.Forget();
  leader.Receive(4, Ack{{5, 1}});
  leader.Receive(1, Ack{{4, 1}});
  leader.Receive(1, Ack{{4, 9}});
  EXPECT_THAT(leader.TakeCommitted(), IsEmpty());
  leader.Receive(1, Ack{{5, 1}});
  EXPECT_THAT(leader.TakeCommitted(), ElementsAre("5:1"));
  EXPECT_THAT(leader.TakeMessagesTo(4), ElementsAre("INFORM 5:1"));
}

// One that is still synchronizing may lose it again.
TEST(LeaderTest, AcksBeforeThatOfNewLeaderCountFromThenOn) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.LoseLink(2);
  Join(leader, 2, Of3());
  leader.Propose();
  leader.FinishWrites();
  leader.Receive(2, Ack{{5, 1}});
  EXPECT_THAT(leader.TakeCommitted(), IsEmpty());
  leader.Receive(2, AckOfNewLeader(5));
  EXPECT_THAT(leader.TakeCommitted(), ElementsAre("5:1"));
}

TEST(LeaderTest, GivesUpWhenItsQuorumIsGone) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.LoseLink(1);
  EXPECT_TRUE(leader.peer().CanPropose());
  leader.LoseLink(2);
  ExpectGaveUp(leader, "its quorum is gone");
}

TEST(LeaderTest, BeginsANewEpochBeforeTheCounterIsUsedUp) {
  HarnessOptions options = Of3();
  options.counter_max = 3;
  PeerHarness leader = EstablishedLeader(options);
  for (uint32_t i = 1; i <= 3; ++i) {
    leader.Propose();
    leader.FinishWrites();
    EXPECT_TRUE(leader.peer().CanPropose());
    leader.Receive(1, Ack{{5, i}});
  }
  ExpectGaveUp(leader, "the counter of its epoch is used up");
  EXPECT_EQ(leader.peer().last_committed(), (Zxid{5, 3}));
  EXPECT_THAT(leader.TakeMessagesTo(2), IsSupersetOf({"COMMIT 5:3"}));
}

TEST(LeaderTest, TellsOfMoreAtOnceThanItsMemoryHolds) {
  HarnessOptions options = Of3();
  options.history_count_min = 1;
  PeerHarness leader = EstablishedLeader(options);
  for (int i = 0; i < 3; ++i) {
    leader.Propose();
  }
  leader.FinishWrites();
  leader.Forget();
  leader.Receive(1, Ack{{5, 3}});
  EXPECT_THAT(leader.TakeHangUps(), IsEmpty());
  EXPECT_TRUE(leader.peer().CanPropose());
  EXPECT_THAT(leader.TakeMessagesTo(2),
              ElementsAre("COMMIT 5:1", "COMMIT 5:2", "COMMIT 5:3"));
}

TEST(LeaderTest, DropsALearnerThatIsTooSlowForItsMemory) {
  HarnessOptions options = Of3();
  options.history_count_min = 1;
  PeerHarness leader = EstablishedLeader(options);
  leader.LoseLink(2);
  Join(leader, 2, Of3());
  for (uint32_t i = 1; i <= 4; ++i) {
    leader.Propose();
    leader.FinishWrites();
    leader.Receive(1, Ack{{5, i}});
  }
  leader.Forget();
  leader.Receive(2, AckOfNewLeader(5));
  EXPECT_THAT(leader.TakeHangUps(), ElementsAre(2));
  EXPECT_TRUE(leader.peer().CanPropose());
}

// Requests, pings and syncs.

TEST(LeaderTest, PassesOnWhatLearnersAsk) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Receive(1, Request{SessionId{7}, 1, 5, "", ""});
  leader.Receive(1, Revalidate{SessionId{7}, 4000});
  leader.Tick(absl::Seconds(1));
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: PING 0:0 sessions 0", "2: PING 0:0 sessions 0"));
  leader.Receive(2, Ping{{0, 0}, {{SessionId{8}, 4000}}});
  EXPECT_THAT(leader.TakeDeliveries(),
              ElementsAre("1: REQUEST 0x7 cxid 1 op 5", "1: REVALIDATE 0x7",
                          "2: PING 0:0 sessions 1"));
}

// A leader that others have left would answer from an old state.
TEST(LeaderTest, AnswersASyncOnceAQuorumHasShownThatItFollows) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Sync(3);
  leader.Sync(1);
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: PING 0:0 sessions 0", "2: PING 0:0 sessions 0"));
  EXPECT_EQ(leader.TakeSyncs(), 0);
  leader.Receive(2, Ping{{0, 0}});
  EXPECT_EQ(leader.TakeSyncs(), 1);
  // The second came after those pings had left.
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: PING 0:0 sessions 0", "2: PING 0:0 sessions 0"));
  leader.Receive(1, Ping{{0, 0}});
  EXPECT_THAT(leader.TakeMessages(), IsEmpty());  // The first one's
  leader.Receive(1, Ping{{0, 0}});
  EXPECT_THAT(leader.TakeMessages(), ElementsAre("1: SYNC"));
}

TEST(LeaderTest, PingsThatLeftBeforeASyncProveNothing) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Tick(absl::Seconds(1));
  leader.Sync(3);
  leader.Receive(1, Ping{{0, 0}});
  leader.Receive(2, Ping{{0, 0}});
  EXPECT_EQ(leader.TakeSyncs(), 0);
  leader.Receive(1, Ping{{0, 0}});
  EXPECT_EQ(leader.TakeSyncs(), 1);
}

TEST(LeaderTest, AnswersASyncOnceWhatWasProposedBeforeIsCommitted) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Propose();
  leader.Sync(3);
  leader.Receive(1, Ping{{5, 1}});
  leader.FinishWrites();
  EXPECT_EQ(leader.TakeSyncs(), 0);
  leader.Receive(1, Ack{{5, 1}});
  EXPECT_THAT(leader.TakeCommitted(), ElementsAre("5:1"));
  EXPECT_EQ(leader.TakeSyncs(), 1);
}

// Time-outs.

TEST(LeaderTest, GivesEachPhaseInitLimit) {
  PeerHarness leader = Elected(Of3());
  leader.Tick(absl::Seconds(20) - absl::Milliseconds(1));
  EXPECT_EQ(leader.role(), Role::kLeading);
  leader.Receive(1, FollowerInfo{4});
  leader.FinishWrites();
  leader.Tick(absl::Seconds(20) - absl::Milliseconds(1));
  EXPECT_EQ(leader.role(), Role::kLeading);
  leader.Receive(1, AckEpoch{{0, 0}, 4});
  leader.FinishWrites();
  leader.Tick(absl::Seconds(20) - absl::Milliseconds(1));
  EXPECT_EQ(leader.role(), Role::kLeading);
  leader.Tick(absl::Milliseconds(1));
  ExpectGaveUp(leader, "no quorum has its history");
}

TEST(LeaderTest, GivesUpWhenNobodyComes) {
  PeerHarness leader = Elected(Of3());
  leader.Tick(absl::Seconds(20));
  ExpectGaveUp(leader, "no quorum came");
}

TEST(LeaderTest, GivesUpWhenNobodyPromises) {
  PeerHarness leader = Elected(Of3());
  leader.Receive(1, FollowerInfo{4});
  leader.FinishWrites();
  leader.Tick(absl::Seconds(20));
  ExpectGaveUp(leader, "no quorum promised its epoch");
  EXPECT_THAT(leader.TakeHangUps(), ElementsAre(1));
}

TEST(LeaderTest, PingsTwiceATick) {
  PeerHarness leader = EstablishedLeader(Of3());
  for (int i = 0; i < 3; ++i) {
    leader.Tick(absl::Seconds(1));
    EXPECT_THAT(leader.TakeMessagesTo(1), ElementsAre("PING 0:0 sessions 0"));
    leader.Receive(1, Ping{});
    leader.Receive(2, Ping{});
  }
}

// A learner is heard of within a tick and syncLimit, or it is gone.
TEST(LeaderTest, DropsLearnersThatAreSilent) {
  PeerHarness leader = EstablishedLeader(Of3());
  for (int i = 1; i <= 12; ++i) {
    leader.Tick(absl::Seconds(1));
    leader.Receive(1, Ping{});
    if (i == 1) {
      leader.Receive(2, Ping{});
    }
  }
  EXPECT_THAT(leader.TakeHangUps(), IsEmpty());
  leader.Tick(absl::Seconds(1));
  EXPECT_THAT(leader.TakeHangUps(), ElementsAre(2));
  leader.Tick(absl::Seconds(10));
  EXPECT_EQ(leader.role(), Role::kLeading);
  leader.Tick(absl::Seconds(1));
  ExpectGaveUp(leader, "its quorum is gone");
}

// A disk that stands still while the member answers pings.
TEST(LeaderTest, DropsAFollowerThatDoesNotAcknowledge) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Propose();
  leader.FinishWrites();
  leader.Receive(1, Ack{{5, 1}});
  int seconds = 0;
  for (; seconds < 20 && leader.TakeHangUps().empty(); ++seconds) {
    leader.Tick(absl::Seconds(1));
    leader.Receive(1, Ping{});
    leader.Receive(2, Ping{});
  }
  EXPECT_THAT(seconds, AnyOf(Eq(11), Eq(12)));
  EXPECT_TRUE(leader.peer().CanPropose());
}

TEST(LeaderTest, GivesUpWhenItsDiskStalls) {
  PeerHarness leader = EstablishedLeader(Of3());
  leader.Propose();
  for (int i = 0; i < 2; ++i) {
    leader.Tick(absl::Seconds(1));
    leader.Receive(1, Ping{});
  }
  EXPECT_TRUE(leader.peer().CanPropose());
  leader.Tick(absl::Seconds(1));
  ExpectGaveUp(leader, "its disk stalls");
}

TEST(LeaderTest, ADiskThatIsSlowButWorksIsNoStall) {
  PeerHarness leader = EstablishedLeader(Of3());
  for (int i = 0; i < 5; ++i) {
    leader.Propose();
    leader.Propose();
    leader.Tick(absl::Seconds(1));
    leader.FinishWrites(1);
    leader.Receive(1, Ping{});
  }
  EXPECT_TRUE(leader.peer().CanPropose());
}

}  // namespace
}  // namespace paddock::zab
