// Directed scenarios: the safety bugs of ZooKeeper's history
// (zab-and-disk.md 10.3, 12.A) that concern election, epochs,
// synchronization, broadcast, quorums and the log.  Each states the rule of
// which the bug was a breach; the ensemble's checkers look at every event.
//
// Covered elsewhere:
//   1419 and the details of 596, 1732, 1805, 1818, 3537: zab/election_test.cc
//   508, 1154, 1156 as a table: zab/history_test.cc
//   2249, 2332, 3231, 4269, and 2872, 3701 on a real disk: tests/storage
//   1573, 3125, 3144, 3145, 3249, 3306, 4846: replay over a snapshot that was
//     taken while transactions were applied, FuzzyHistoryTest of
//     tree/restorer_test.cc; 3249 and 3306 also in tree/data_tree_test.cc
//   1624, 2623, 3472, 4026, 4743, and 1367 for sessions: tests/replica
// They do not apply here:
//   1069, 1863, 2080, 2247, 2380, 2687, 3598, 4537, 4541, 4712, 4858: threads
//     that trip over each other; a Peer has none
//   2164, 3320, 3720, 3756, 3769, 4787: connections and bytes, not Zab
//   1699, 2778, 2819, 3814, 3829: reconfiguration
//   4886: SASL
//   2325, 3056, 3644, 3781: how Java misses snapshots

#include "sim/ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <variant>

#include "zab/peer_harness.h"

namespace paddock::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using zab::HarnessOptions;
using zab::PeerHarness;

constexpr Micros kMilli = 1'000;
constexpr Micros kSecond = 1'000'000;

constexpr ServerId kOne{1};
constexpr ServerId kTwo{2};
constexpr ServerId kThree{3};
constexpr ServerId kFour{4};

class EnsembleTest : public testing::Test {
 protected:
  // Three voters, and observers; 3 leads at first.
  static EnsembleOptions Of3(int observers = 0) {
    EnsembleOptions options{.members = Members(3, observers)};
    options.network.break_notice_max = kMilli;
    options.keeps_trace = true;
    return options;
  }

  void Start(const EnsembleOptions& options) {
    ensemble_ = std::make_unique<Ensemble>(options);
  }

  Ensemble& e() { return *ensemble_; }

  ServerId Leader() {
    const auto leader = e().RunUntilLeader();
    EXPECT_TRUE(leader.has_value()) << "nobody leads";
    return leader.value_or(kOne);
  }

  // Commits `count` transactions.
  void Commit(int count = 1) {
    const ServerId leader = Leader();
    const size_t before = committed();
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(e().Propose(leader));
    }
    EXPECT_TRUE(e().RunUntil(
        [&] { return committed() == before + static_cast<size_t>(count); },
        10 * kSecond));
  }

  void Converge() {
    EXPECT_TRUE(
        e().RunUntil([this] { return e().IsConverged(); }, 60 * kSecond))
        << e().Describe(kOne) << "\n"
        << e().Describe(kTwo) << "\n"
        << e().Describe(kThree);
  }

  // Drops all messages of `Type`, from now on.
  template <class Type>
  void Drop() {
    e().network().SetFilter([](ServerId, ServerId, const zab::Message& m) {
      return std::holds_alternative<Type>(m);
    });
  }
  // Runs until `Type` is sent by `from`; it and what follows is lost.
  template <class Type>
  void RunUntilSent(ServerId from) {
    bool is_sent = false;
    e().network().SetFilter([&is_sent, from](ServerId sender, ServerId,
                                             const zab::Message& m) {
      is_sent = is_sent || (sender == from && std::holds_alternative<Type>(m));
      return is_sent && sender == from;
    });
    EXPECT_TRUE(e().RunUntil([&] { return is_sent; }, 60 * kSecond));
    Pass();
  }
  void Pass() { e().network().SetFilter(nullptr); }

  size_t committed() { return e().checkers().committed().size(); }

  void CrashAll() {
    for (const ServerId id : e().ids()) {
      e().Crash(id);
    }
  }
  void RestartAll() {
    for (const ServerId id : e().ids()) {
      e().Restart(id);
    }
  }

  void TearDown() override {
    if (ensemble_ != nullptr) {
      EXPECT_EQ(e().checkers().violation(), std::nullopt)
          << *e().checkers().violation();
    }
  }

 private:
  std::unique_ptr<Ensemble> ensemble_;
};

// Epochs.

// ZOOKEEPER-335, 1081, 1082: the promise of an epoch outlives its log, and an
// epoch that was announced is never used again, though its leader is dead.
TEST_F(EnsembleTest, AnnouncedEpochIsNotUsedAgain) {
  Start(Of3());
  RunUntilSent<zab::AckEpoch>(kTwo);
  const int64_t announced = e().disk(kTwo).durable().accepted_epoch;
  e().Crash(kThree);
  e().Crash(kTwo);
  e().Restart(kTwo);
  EXPECT_EQ(e().disk(kTwo).durable().accepted_epoch, announced);
  EXPECT_GT(e().peer(Leader()).current_epoch(), announced);
}

// ZOOKEEPER-1264, 1282, 4643, 4785: the current epoch says that its history is
// here.  A follower that dies while it synchronizes keeps its old one.
TEST_F(EnsembleTest, CurrentEpochRisesOnlyWithTheHistoryOnDisk) {
  PeerHarness follower = zab::Synchronizing({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(1, zab::Diff{{4, 2}});
  follower.Receive(1, zab::Proposal{{4, 1}, "a"});
  follower.Receive(1, zab::Commit{{4, 1}});
  follower.Receive(1, zab::Proposal{{4, 2}, "b"});
  follower.Receive(1, zab::Commit{{4, 2}});
  EXPECT_EQ(follower.peer().current_epoch(), 4);
  follower.Receive(1, zab::NewLeader{5, ""});
  // Writes become durable in order: no crash leaves the epoch without those.
  EXPECT_THAT(follower.TakeWrites(),
              ElementsAre("append 4:1", "append 4:2", "current epoch 5"));
}

// ZOOKEEPER-2307: an epoch counts when it is on disk, not when it is decided.
TEST_F(EnsembleTest, PromiseOfAnEpochWaitsForTheDisk) {
  PeerHarness follower = zab::Connecting({.id = 2, .leader = 1, .epoch = 5});
  follower.Forget();
  follower.Receive(1, zab::LeaderInfo{5});
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
  PeerHarness leader = zab::Elected({.epoch = 5});
  leader.Receive(1, zab::FollowerInfo{4});
  EXPECT_THAT(leader.TakeMessages(), IsEmpty());
  leader.FinishWrites();
  EXPECT_THAT(leader.TakeMessages(), ElementsAre("1: LEADERINFO 5"));
}

// ZOOKEEPER-1277: the counter never runs into the bits of the epoch.
TEST_F(EnsembleTest, NewEpochBeginsBeforeTheCounterOverflows) {
  EnsembleOptions options = Of3();
  options.config.counter_max = 5;
  Start(options);
  for (int i = 0; i < 12; ++i) {
    Commit();
  }
  Converge();
  EXPECT_EQ(e().checkers().committed().back().zxid, (zab::Zxid{3, 2}));
}

// ZOOKEEPER-790: a leader that was never established goes back with the zxid
// that its history has.
TEST_F(EnsembleTest, LeaderThatWasNotEstablishedVotesWithItsHistory) {
  PeerHarness leader =
      zab::Elected({.epoch = 5, .log = zab::Txns({4, 1}, {4, 2})});
  leader.Receive(1, zab::FollowerInfo{4});
  leader.FinishWrites();
  leader.Forget();
  leader.Tick(absl::Seconds(20));
  EXPECT_THAT(leader.TakeMessagesTo(1),
              testing::Contains("LOOKING for 3 zxid 4:2 epoch 4 round 2"));
}

// Election.

// ZOOKEEPER-596, 261: votes tell what is on disk; a member whose disk was wiped
// does not lead those that have data.
TEST_F(EnsembleTest, MemberWithoutDataDoesNotLeadThoseThatHaveIt) {
  Start(Of3());
  e().Crash(kThree);  // It has the highest id, and nothing yet
  Commit(5);
  CrashAll();
  e().Restart(kThree);
  e().Restart(kOne);
  EXPECT_EQ(Leader(), kOne);
  RestartAll();
  Converge();
}

// ZOOKEEPER-764, 769, 2959, 2967: observers count in no quorum, neither of
// votes nor of acknowledgements.
TEST_F(EnsembleTest, ObserversAreNoPartOfAnyQuorum) {
  Start(Of3(/*observers=*/4));
  Commit();
  e().Crash(kOne);
  const size_t before = committed();
  e().Crash(kTwo);
  e().Propose(kThree);
  EXPECT_EQ(e().RunUntilLeader(30 * kSecond), std::nullopt);
  EXPECT_EQ(committed(), before);
  RestartAll();
  Converge();
}

// ZOOKEEPER-1514: a member that comes back in an old round neither leads nor
// disturbs those that have a leader.
TEST_F(EnsembleTest, MemberOfAnOldRoundJoinsTheLeader) {
  Start(Of3());
  Commit();
  e().Isolate(kThree);
  e().RunFor(30 * kSecond);
  Commit();
  const ServerId leader = Leader();
  e().network().HealAll();
  Converge();
  EXPECT_EQ(Leader(), leader);
}

// ZOOKEEPER-1732, 1805, 1818: votes of an established ensemble differ in zxid
// and round; one that starts anew finds the leader all the same.
TEST_F(EnsembleTest, NewcomerJoinsThoseThatVotedInDifferentRounds) {
  Start(Of3());
  Commit();
  e().Crash(kTwo);
  e().RunFor(kSecond);
  e().Restart(kTwo);
  Converge();
  Commit();
  e().Crash(kOne);
  e().RunFor(kSecond);
  e().Restart(kOne);
  Converge();
  EXPECT_EQ(Leader(), kThree);
}

// ZOOKEEPER-3109: voters that change their minds do not keep the one waiting
// that believes it is elected.
TEST_F(EnsembleTest, ElectedLeaderThatNobodyJoinsLooksAgain) {
  Start(Of3());
  e().network().SetFilter([](ServerId, ServerId to, const zab::Message& m) {
    return to == kThree && std::holds_alternative<zab::FollowerInfo>(m);
  });
  e().RunFor(kSecond / 5);
  EXPECT_EQ(e().peer(kThree).role(), zab::Role::kLeading);
  Pass();
  Commit();
  Converge();
}

// ZOOKEEPER-3537: what a member said of its leader is void once it looks again.
TEST_F(EnsembleTest, DeadLeaderIsNotElectedByOldTalk) {
  Start(Of3());
  Commit();
  e().Crash(kThree);
  e().RunFor(5 * kSecond);
  const ServerId leader = Leader();
  EXPECT_NE(leader, kThree);
  Commit();
}

// Synchronization.

// ZOOKEEPER-3911, 4646: ACK(NEWLEADER) says that the history is on disk.
TEST_F(EnsembleTest, AckOfNewLeaderMeansHistoryIsOnDisk) {
  Start(Of3());
  Commit();
  e().Crash(kOne);
  Commit(20);
  e().StallDisk(kOne, 0);
  e().Restart(kOne);
  RunUntilSent<zab::Ack>(kOne);
  // It and one more are a quorum of a new epoch: the power goes.
  CrashAll();
  e().Restart(kOne);
  e().Restart(kTwo);
  Commit();
  EXPECT_EQ(committed(), 22);
  RestartAll();
  Converge();
}

// ZOOKEEPER-4685: the first ACK of a link is that of NEWLEADER; those of
// proposals that came during synchronization follow behind UPTODATE's.
TEST_F(EnsembleTest, AckOfNewLeaderComesFirst) {
  PeerHarness follower = zab::Synchronizing({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(1, zab::Diff{});
  follower.Receive(1, zab::Proposal{{5, 1}, "a"});
  follower.FinishWrites();
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
  follower.Receive(1, zab::NewLeader{5, ""});
  follower.FinishWrites();
  follower.Receive(1, zab::UpToDate{});
  EXPECT_THAT(follower.TakeMessages(),
              ElementsAre("1: ACK 5:0", "1: ACK 5:0", "1: ACK 5:1"));
}

// And a leader takes no other ACK for it, which some Java releases send first.
TEST_F(EnsembleTest, LeaderKnowsTheAckOfNewLeaderByItsZxid) {
  const HarnessOptions options{.epoch = 5, .log = zab::Txns({4, 1}, {4, 2})};
  PeerHarness leader = zab::Elected(options);
  zab::Join(leader, 1, options);
  leader.Receive(1, zab::Ack{{4, 2}});
  EXPECT_FALSE(leader.peer().CanPropose());
  leader.Receive(1, zab::AckOfNewLeader(5));
  EXPECT_TRUE(leader.peer().CanPropose());
}

// ZOOKEEPER-4394: a COMMIT between NEWLEADER and UPTODATE finds its proposal.
TEST_F(EnsembleTest, CommitBeforeUpToDateIsKept) {
  PeerHarness follower = zab::Synchronizing({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(1, zab::Diff{});
  follower.Receive(1, zab::Proposal{{5, 1}, "a"});
  follower.Receive(1, zab::NewLeader{5, ""});
  follower.Receive(1, zab::Commit{{5, 1}});
  follower.FinishWrites();
  EXPECT_THAT(follower.TakeCommitted(), IsEmpty());
  follower.Receive(1, zab::UpToDate{});
  EXPECT_THAT(follower.TakeCommitted(), ElementsAre("5:1"));
}

// ZOOKEEPER-4925: what a follower learned while it synchronized, it can pass on
// as a leader: its history has no hole.
TEST_F(EnsembleTest, LeaderPassesOnWhatItLearnedWhileSynchronizing) {
  Start(Of3());
  Commit(3);
  e().Crash(kTwo);
  e().Crash(kOne);
  e().Restart(kOne);
  Commit(3);  // 2 lacks those
  e().Restart(kTwo);
  Converge();
  e().Crash(kOne);
  Commit(3);  // 1 lacks those
  e().Crash(kThree);
  e().Restart(kOne);
  EXPECT_EQ(Leader(), kTwo);
  e().Restart(kThree);
  Converge();
}

// ZOOKEEPER-962, 1319, 1324: one that joins while proposals are under way gets
// each of them once: committed, outstanding and later ones.
TEST_F(EnsembleTest, JoinerMissesNothingThatIsUnderWay) {
  Start(Of3());
  Commit();
  e().Crash(kOne);
  e().RunFor(kSecond);
  e().Restart(kOne);
  for (int i = 0; i < 400; ++i) {
    e().Propose(kThree);
    e().RunFor(kMilli / 4);
  }
  e().RunFor(kSecond);
  Converge();
  EXPECT_GT(committed(), 100);
  EXPECT_EQ(e().peer(kOne).last_trouble(), "");  // At the first attempt
}

// ZOOKEEPER-1136, 3104: NEWLEADER comes behind all of the history.
TEST_F(EnsembleTest, NewLeaderComesBehindTheHistory) {
  const HarnessOptions options{.epoch = 5, .log = zab::Txns({4, 1}, {4, 3})};
  PeerHarness leader = zab::Elected(options);
  leader.Receive(1, zab::FollowerInfo{4});
  leader.FinishWrites();
  leader.Forget();
  leader.Receive(1, zab::AckEpoch{{4, 1}, 4});
  EXPECT_THAT(leader.TakeMessagesTo(1),
              ElementsAre("DIFF 4:3", "PROPOSAL 4:2", "COMMIT 4:2",
                          "PROPOSAL 4:3", "COMMIT 4:3", "NEWLEADER 5"));
}

// ZOOKEEPER-508, 1154, 1156, 1489: a member with a tail that nobody else has
// loses just that, and goes on behind it.
TEST_F(EnsembleTest, TailOfADeadLeaderIsCutOff) {
  Start(Of3());
  Commit(3);
  Drop<zab::Proposal>();
  e().Propose(kThree);
  e().Propose(kThree);
  e().RunFor(kSecond / 10);
  EXPECT_EQ(e().disk(kThree).durable().last_zxid(), (zab::Zxid{1, 5}));
  e().Crash(kThree);
  Pass();
  Commit(2);
  e().Restart(kThree);
  Converge();
  e().Crash(kThree);  // What was cut off does not come back from the disk
  e().Restart(kThree);
  Commit();
  Converge();
  EXPECT_EQ(committed(), 6);
}

// ZOOKEEPER-3701: a truncation that is not done is not acknowledged.
TEST_F(EnsembleTest, AckOfNewLeaderWaitsForTheTruncation) {
  PeerHarness follower = zab::Synchronizing(
      {.id = 2, .leader = 1, .epoch = 5, .log = zab::Txns({4, 1}, {4, 5})});
  follower.Receive(1, zab::Trunc{{4, 2}});
  follower.Receive(1, zab::NewLeader{5, ""});
  EXPECT_THAT(follower.TakeWrites(),
              ElementsAre("truncate after 4:2", "current epoch 5"));
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
  follower.FinishWrites(1);
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
}

// ZOOKEEPER-1549: what a leader brings along is not committed before a quorum
// has it, in no snapshot either: it may yet be cut off.
TEST_F(EnsembleTest, TailOfALeaderThatIsNotEstablishedMayBeCutOff) {
  Start(Of3());
  Commit(3);
  Drop<zab::Proposal>();
  e().Propose(kThree);
  e().RunFor(kSecond / 10);
  Drop<zab::Ack>();  // It is elected again, and not established
  e().Crash(kThree);
  e().Restart(kThree);
  e().Crash(kTwo);
  e().RunFor(10 * kSecond);
  EXPECT_EQ(committed(), 3);
  e().Checkpoint(kThree);
  e().Crash(kThree);
  e().Crash(kOne);
  Pass();
  RestartAll();
  Commit();
  Converge();
}

// ZOOKEEPER-1551: an observer gets what was committed while it synchronized.
TEST_F(EnsembleTest, ObserverMissesNothingBeforeUpToDate) {
  EnsembleOptions options = Of3(/*observers=*/1);
  options.config.history_count_min = 5;
  options.config.history_bytes_max = 0;
  Start(options);
  Commit(30);
  e().Crash(kFour);
  Commit(30);
  e().Restart(kFour);  // It needs a snapshot
  for (int i = 0; i < 400; ++i) {
    e().Propose(kThree);
    e().RunFor(kMilli);
  }
  e().RunFor(kSecond);
  Converge();
}

// ZOOKEEPER-1697: one that needs long for its history is waited for.
TEST_F(EnsembleTest, LearnerMayTakeInitLimitForItsHistory) {
  Start(Of3());
  Commit(10);
  e().Crash(kOne);
  Commit(10);
  e().Restart(kOne);
  e().StallDisk(kOne, 9 * kSecond);
  const ServerId leader = Leader();
  Converge();
  EXPECT_EQ(Leader(), leader);
  EXPECT_EQ(e().checkers().epochs(), 1);
}

// ZOOKEEPER-2355, 3642: a history that came in part only is not taken for all.
TEST_F(EnsembleTest, HalfOfADiffIsNotTakenForAll) {
  Start(Of3());
  Commit(2);
  e().Crash(kOne);
  Commit(10);
  e().Restart(kOne);
  int proposals = 0;
  e().network().SetFilter([&](ServerId, ServerId to, const zab::Message& m) {
    proposals += to == kOne && std::holds_alternative<zab::Proposal>(m);
    return to == kOne && proposals > 5 &&
           !std::holds_alternative<zab::Notification>(m);
  });
  e().RunFor(kSecond);
  e().network().Break(kOne, kThree);
  e().RunFor(kSecond);
  Pass();
  Converge();
}

// ZOOKEEPER-2872: a received snapshot is on disk before the epoch it belongs
// to.
TEST_F(EnsembleTest, SnapshotIsOnDiskBeforeItsEpoch) {
  PeerHarness follower = zab::Synchronizing({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(1, zab::Snap{{4, 9}, "state"});
  follower.Receive(1, zab::NewLeader{5, ""});
  EXPECT_THAT(follower.TakeWrites(),
              ElementsAre("snapshot 4:9", "current epoch 5"));
  follower.FinishWrites(1);
  EXPECT_THAT(follower.TakeMessages(), IsEmpty());
}

// ZOOKEEPER-2845: what a follower had logged when it lost its leader is what it
// votes with and synchronizes from.
TEST_F(EnsembleTest, LoggedTailCountsAfterAChangeOfRole) {
  Start(Of3());
  Commit(2);
  Drop<zab::Commit>();
  e().Propose(kThree);
  ASSERT_TRUE(
      e().RunUntil([&] { return e().applied(kThree).size() == 3; }, kSecond));
  e().Crash(kThree);
  Pass();
  Leader();
  e().Restart(kThree);
  Converge();
  EXPECT_EQ(committed(), 3);
  EXPECT_EQ(e().applied(kOne).back().zxid, (zab::Zxid{1, 3}));
}

// ZOOKEEPER-882: replay begins behind the snapshot.
TEST_F(EnsembleTest, ReplayBeginsBehindTheCheckpoint) {
  Start(Of3());
  Commit(5);
  Converge();
  for (const ServerId id : e().ids()) {
    e().Checkpoint(id);
  }
  Commit(5);
  CrashAll();
  RestartAll();
  Commit();
  Converge();
  EXPECT_EQ(e().applied(kOne).size(), 11);
}

// ZOOKEEPER-582, 1090, 3127: a snapshot has the zxid of what is applied in it,
// however much more is logged; replay leaves none of that out.
TEST_F(EnsembleTest, CheckpointEndsWithWhatIsApplied) {
  Start(Of3());
  Commit(3);
  Converge();
  Drop<zab::Commit>();
  e().Propose(kThree);
  ASSERT_TRUE(
      e().RunUntil([&] { return e().applied(kThree).size() == 4; }, kSecond));
  e().RunFor(kSecond / 10);
  e().Checkpoint(kOne);
  EXPECT_EQ(e().disk(kOne).durable().state.zxid, (zab::Zxid{1, 3}));
  EXPECT_EQ(e().disk(kOne).durable().last_zxid(), (zab::Zxid{1, 4}));
  CrashAll();
  Pass();
  e().Restart(kOne);
  e().Restart(kTwo);
  Commit();
  RestartAll();
  Converge();
  EXPECT_EQ(e().applied(kOne).size(), 5);
}

// ZOOKEEPER-1642, 2678: a change of leader loads nothing anew: those that have
// all or nearly all need no snapshot, neither old ones nor the one that died.
TEST_F(EnsembleTest, ChangeOfLeaderNeedsNoSnapshot) {
  Start(Of3());
  Commit(20);
  bool is_snapshot_sent = false;
  e().network().SetFilter([&](ServerId, ServerId, const zab::Message& m) {
    is_snapshot_sent |= std::holds_alternative<zab::Snap>(m);
    return false;
  });
  e().Crash(kThree);
  Commit(20);
  e().Restart(kThree);
  Converge();
  EXPECT_FALSE(is_snapshot_sent);
}

// ZOOKEEPER-1367: what is committed while a learner synchronizes, sessions that
// come and go among it, is applied there in its place.
TEST_F(EnsembleTest, TransactionsDuringSynchronizationAreApplied) {
  const HarnessOptions options{.epoch = 5};
  PeerHarness leader = zab::EstablishedLeader(options);
  leader.LoseLink(2);
  zab::Join(leader, 2, options);
  leader.Propose();
  leader.FinishWrites();
  leader.Receive(1, zab::Ack{{5, 1}});
  leader.Forget();
  leader.Receive(2, zab::AckOfNewLeader(5));
  EXPECT_THAT(leader.TakeMessagesTo(2), ElementsAre("UPTODATE", "COMMIT 5:1"));
}

// Broadcast.

// ZOOKEEPER-4409: what waits for the disk when its link is lost is not sent on
// the next one.
TEST_F(EnsembleTest, AckForALostLinkIsForgotten) {
  PeerHarness follower =
      zab::EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
  follower.Receive(1, zab::Proposal{{5, 1}, "a"});
  follower.LoseLink(1);
  follower.FinishWrites();
  EXPECT_THAT(follower.TakeMessagesTo(1),
              ElementsAre("LOOKING for 2 zxid 5:1 epoch 5 round 3"));
}

// Hierarchical quorums: two of three groups decide, each with more than half of
// its weight; one member fewer, and nobody does.
TEST_F(EnsembleTest, GroupsDecideTogether) {
  EnsembleOptions options = Of3();
  options.members = Members(9);
  for (int i = 0; i < 9; ++i) {
    options.members[static_cast<size_t>(i)].group = 1 + i / 3;
  }
  Start(options);
  for (const int id : {1, 4, 7, 8, 9}) {  // A majority, but not of groups
    e().Crash(ServerId{id});
  }
  Commit(3);
  e().Crash(kTwo);
  for (const ServerId id : e().ids()) {
    e().Propose(id);
  }
  EXPECT_EQ(e().RunUntilLeader(30 * kSecond), std::nullopt);
  EXPECT_EQ(committed(), 3);
  e().Restart(kTwo);
  Commit();
}

// A transaction that was seen committed survives the loss of any minority: the
// leader dies while its COMMITs are on the wire.
TEST_F(EnsembleTest, CommittedTransactionSurvivesItsLeader) {
  Start(Of3());
  e().Propose(Leader());
  ASSERT_TRUE(e().RunUntil([&] { return committed() == 1; }, kSecond));
  e().Crash(kThree);
  const ServerId second = Leader();
  EXPECT_NE(second, kThree);
  EXPECT_EQ(e().applied(second).size(), 1);
}

// TLA+ issue 1 (zab-and-disk.md 11.1; 2 is JoinerMissesNothingThatIsUnderWay, 3
// is TransactionsDuringSynchronizationAreApplied): a learner between NEWLEADER
// and UPTODATE gets proposals, and its late ACK(NEWLEADER) does not lose them.
TEST_F(EnsembleTest, ProposalsReachLearnersThatAreNotUpToDate) {
  const HarnessOptions options{.epoch = 5};
  PeerHarness leader = zab::EstablishedLeader(options);
  leader.LoseLink(2);
  zab::Join(leader, 2, options);
  leader.Forget();
  leader.Propose();
  EXPECT_THAT(leader.TakeMessagesTo(2), ElementsAre("PROPOSAL 5:1"));
}

}  // namespace
}  // namespace paddock::sim
