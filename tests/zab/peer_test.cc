#include "zab/peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "zab/peer_harness.h"

namespace paddock::zab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(PeerTest, FirstTransactionOfAFreshMemberIsOne) {
  Peer peer(Zxid{});
  EXPECT_EQ(peer.NextZxid().ToWire(), 1);
}

TEST(PeerTest, GoesOnBehindItsHistory) {
  Peer peer(Zxid{5, 7});
  EXPECT_EQ(peer.NextZxid(), (Zxid{5, 8}));
}

TEST(PeerTest, CounterNeverRunsIntoTheEpoch) {
  Peer peer(Zxid{5, 0xffffffff});
  EXPECT_EQ(peer.NextZxid(), (Zxid{6, 1}));
}

// Nothing is committed that a power cut could take back.
TEST(PeerTest, CommitsOnceDurable) {
  Peer peer(Zxid{});
  peer.Propose({{0, 1}, "a"});
  peer.Propose({{0, 2}, "b"});
  Ready ready = peer.TakeReady();
  ASSERT_THAT(ready.writes, SizeIs(2));
  EXPECT_THAT(ready.committed, IsEmpty());

  peer.Step(Persisted{ready.writes[0].id});
  ready = peer.TakeReady();
  ASSERT_THAT(ready.committed, SizeIs(1));
  EXPECT_EQ(ready.committed[0].bytes, "a");
  EXPECT_EQ(peer.last_committed(), (Zxid{0, 1}));
  EXPECT_EQ(peer.last_logged(), (Zxid{0, 2}));
}

TEST(PeerTest, OneConfirmationCoversAllEarlierWrites) {
  Peer peer(Zxid{});
  for (uint32_t counter = 1; counter <= 3; ++counter) {
    peer.Propose({{0, counter}, "txn"});
  }
  const Ready ready = peer.TakeReady();
  peer.Step(Persisted{ready.writes[2].id});
  EXPECT_THAT(peer.TakeReady().committed, SizeIs(3));
}

TEST(PeerDeathTest, ConfirmationOfAWriteNeverIssuedIsABug) {
  Peer peer(Zxid{});
  EXPECT_DEATH(peer.Step(Persisted{1}), "CHECK failed");
}

// Every message in every role and phase.  `.` shows nothing: it is ignored, or
// only remembered; `+` is obeyed: answered, passed on, logged, or it changes
// the phase; `x` ends the link that it came by, and `!` the role of the member
// as well.  The columns, in groups of one role each:
enum Column {
  kLooks,
  kFollowerConnects,  // Discovery
  kFollowerPromised,  // Synchronization: it waits for DIFF, TRUNC or SNAP,
  kFollowerSyncs,     // then for NEWLEADER,
  kFollowerWaits,     // then for UPTODATE
  kFollowerServes,    // Broadcast
  kObserverConnects,
  kObserverPromised,
  kObserverSyncs,
  kObserverWaits,
  kObserverServes,
  kLeaderDiscovers,
  kLeaderChose,  // Discovery, when it has announced its epoch
  kLeaderSynchronizes,
  kLeaderServes,
  kLeaderHearsJoiner,
  kLeaderHearsStranger,
  kStopped,
  kColumnCount
};

struct Row {
  const char* name;
  Message message;
  const char* outcomes;
};

std::vector<Row> Rows() {
  const SessionId session{7};
  return {
      {"notification of one that looks", Note(Role::kLooking, 1, {9, 1}, 1, 9),
       "+ +++++ +++++ ++++++ ."},
      {"notification of a follower", Note(Role::kFollowing, 1, {9, 1}, 7, 9),
       ". ..... ..... ...... ."},
      {"notification of a leader", Note(Role::kLeading, 1, {9, 1}, 7, 9),
       ". ..... ..... ...... ."},
      {"notification of an observer", Note(Role::kObserving, 1, {9, 1}, 7, 9),
       ". ..... ..... ...... ."},
      {"notification of the last round",
       Note(Role::kLooking, 1, {9, 1}, INT64_MAX, 9), ". +++++ +++++ ++++++ ."},
      {"FOLLOWERINFO", FollowerInfo{4}, "x !!!!! !!!!! .+++++ x"},
      {"FOLLOWERINFO of a later epoch", FollowerInfo{6},
       "x !!!!! !!!!! .!!!!! x"},
      {"FOLLOWERINFO of the last epoch", FollowerInfo{kEpochMax},
       "x !!!!! !!!!! xxxxxx x"},
      {"FOLLOWERINFO of a negative epoch", FollowerInfo{-1},
       "x !!!!! !!!!! .+++++ x"},
      {"OBSERVERINFO", FollowerInfo{4, true}, "x !!!!! !!!!! .+++++ x"},
      {"LEADERINFO", LeaderInfo{5}, ". +!!!! +!!!! xxxxx. ."},
      {"LEADERINFO of an older epoch", LeaderInfo{3}, ". !!!!! !!!!! xxxxx. ."},
      {"LEADERINFO of no epoch", LeaderInfo{kEpochMax + 1},
       ". !!!!! !!!!! xxxxx. ."},
      {"ACKEPOCH", AckEpoch{{0, 0}, 4}, ". !!!!! !!!!! x+xx+. ."},
      {"ACKEPOCH of a later history", AckEpoch{{9, 9}, 9},
       ". !!!!! !!!!! xxxx+. ."},
      {"ACKEPOCH without an epoch", AckEpoch{{0, 0}, std::nullopt},
       ". !!!!! !!!!! x!xx+. ."},
      {"DIFF", Diff{{0, 0}}, ". !.!!! !.!!! xxxxx. ."},
      {"TRUNC", Trunc{{0, 0}}, ". !.!!! !.!!! xxxxx. ."},
      {"TRUNC to what is not there", Trunc{{4, 1}}, ". !!!!! !!!!! xxxxx. ."},
      {"SNAP", Snap{{5, 0}, ""}, ". !+!!! !+!!! xxxxx. ."},
      {"SNAP of a later epoch", Snap{{6, 0}, ""}, ". !!!!! !!!!! xxxxx. ."},
      {"PROPOSAL", Proposal{{5, 1}, "t"}, ". !!+++ !!++! xxxxx. ."},
      {"PROPOSAL with a gap", Proposal{{5, 2}, "t"}, ". !!!!! !!!!! xxxxx. ."},
      {"PROPOSAL of a later epoch", Proposal{{6, 1}, "t"},
       ". !!!!! !!!!! xxxxx. ."},
      {"PROPOSAL of no transaction", Proposal{{5, 0}, "t"},
       ". !!..+ !!..! xxxxx. ."},
      {"INFORM", Inform{{5, 1}, "t"}, ". !!!!! !!+++ xxxxx. ."},
      {"INFORM with a gap", Inform{{5, 2}, "t"}, ". !!!!! !!!!! xxxxx. ."},
      {"INFORM of a later epoch", Inform{{6, 1}, "t"},
       ". !!!!! !!!!! xxxxx. ."},
      {"COMMIT", Commit{{5, 1}}, ". !!!!! !!!!! xxxxx. ."},
      {"COMMIT of nothing", Commit{{5, 0}}, ". !!!!! !!!!! xxxxx. ."},
      {"COMMITANDACTIVATE", CommitAndActivate{{5, 1}, ServerId{1}},
       ". !!!!! !!!!! xxxxx. ."},
      {"INFORMANDACTIVATE", InformAndActivate{{5, 1}, ServerId{1}, "t"},
       ". !!!!! !!+++ xxxxx. ."},
      {"NEWLEADER", NewLeader{5, ""}, ". !!+!! !!+!! xxxxx. ."},
      {"NEWLEADER of another epoch", NewLeader{4, ""},
       ". !!!!! !!!!! xxxxx. ."},
      {"UPTODATE", UpToDate{}, ". !!!+! !!!+! xxxxx. ."},
      {"ACK of NEWLEADER", Ack{{5, 0}}, ". !!!!! !!!!! xx..x. ."},
      {"ACK of an unknown proposal", Ack{{5, 1}}, ". !!!!! !!!!! xxxxx. ."},
      {"ACK of an older epoch", Ack{{4, 1}}, ". !!!!! !!!!! xx..x. ."},
      {"ACK of a later epoch", Ack{{6, 1}}, ". !!!!! !!!!! xxxxx. ."},
      {"PING", Ping{}, ". !!..+ !!..+ xxxxx. ."},
      {"REVALIDATE", Revalidate{session, 1}, ". !!!!! !!!!! xxx+x. ."},
      {"answer to REVALIDATE", Revalidated{session, true},
       ". !!!!+ !!!!+ xxxxx. ."},
      {"REQUEST", Request{}, ". !!!!! !!!!! xxx+x. ."},
      {"SYNC", zab::Sync{}, ". !!!!+ !!!!+ xxxxx. ."},
  };
}

PeerHarness LearnerAt(int phase, const HarnessOptions& options) {
  if (phase == 0) {
    return Connecting(options);
  }
  if (phase == 4) {
    return EstablishedFollower(options);
  }
  PeerHarness learner = Synchronizing(options);
  if (phase >= 2) {
    learner.Receive(options.leader, Diff{});
  }
  if (phase >= 3) {
    learner.Receive(options.leader, NewLeader{options.epoch, ""});
  }
  return learner;
}

// A member at the beginning of column `column`, and who the message is from.
std::pair<PeerHarness, int> AtColumn(int column) {
  if (column >= kFollowerConnects && column <= kFollowerServes) {
    return {LearnerAt(column - kFollowerConnects, {.id = 2}), 1};
  }
  if (column >= kObserverConnects && column <= kObserverServes) {
    return {LearnerAt(column - kObserverConnects, {.id = 4, .observers = 1}),
            1};
  }
  // One of five, so that the loss of one learner leaves it a quorum.
  const HarnessOptions of5{.voters = 5};
  if (column >= kLeaderDiscovers && column <= kLeaderSynchronizes) {
    PeerHarness leader = Elected(of5);
    leader.Receive(1, FollowerInfo{4});
    if (column >= kLeaderChose) {
      for (const int voter : {2, 3}) {
        leader.Receive(voter, FollowerInfo{4});
      }
      leader.FinishWrites();
      Promise(leader, 2, of5);
    }
    if (column == kLeaderSynchronizes) {
      Promise(leader, 1, of5);
    }
    return {std::move(leader), 1};
  }
  if (column >= kLeaderServes && column <= kLeaderHearsStranger) {
    PeerHarness leader = EstablishedLeader(of5);
    if (column == kLeaderServes) {
      return {std::move(leader), 1};
    }
    leader.LoseLink(4);
    if (column == kLeaderHearsJoiner) {
      leader.Receive(4, FollowerInfo{5});
    }
    return {std::move(leader), 4};
  }
  PeerHarness member = Looking({.id = 2});
  if (column == kStopped) {
    member.Stop();
  }
  return {std::move(member), 1};
}

char OutcomeOf(int column, const Message& message) {
  auto [member, from] = AtColumn(column);
  member.FinishWrites();
  member.Forget();
  const Role role = member.role();
  const bool served = member.peer().IsServing();
  const Zxid logged = member.peer().last_logged();
  member.Receive(from, message);
  if (member.role() != role) {
    return '!';
  }
  if (!member.TakeHangUps().empty()) {
    return 'x';
  }
  member.FinishWrites();
  return !member.TakeMessages().empty() || !member.TakeWrites().empty() ||
                 !member.TakeDeliveries().empty() ||
                 member.peer().IsServing() != served ||
                 member.peer().last_logged() != logged
             ? '+'
             : '.';
}

TEST(PeerTest, HandlesEveryMessageInEveryPhaseOnPurpose) {
  for (const Row& row : Rows()) {
    std::string outcomes;
    for (int column = 0; column < kColumnCount; ++column) {
      outcomes += OutcomeOf(column, row.message);
    }
    std::string expected = row.outcomes;
    std::erase(expected, ' ');
    EXPECT_EQ(outcomes, expected) << row.name;
  }
}

// Late messages of another than the leader do no harm.
TEST(PeerTest, FollowerHearsOnlyItsLeader) {
  for (const Row& row : Rows()) {
    if (std::holds_alternative<Notification>(row.message)) {
      continue;
    }
    PeerHarness follower =
        EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
    follower.Receive(3, row.message);
    EXPECT_TRUE(follower.peer().IsServing()) << row.name;
    EXPECT_THAT(follower.TakeMessages(), IsEmpty()) << row.name;
    EXPECT_THAT(follower.TakeWrites(), IsEmpty()) << row.name;
  }
}

TEST(PeerTest, BeginsToLookWithTheFirstTick) {
  Peer peer(TestConfig(1), {});
  EXPECT_EQ(peer.role(), Role::kLooking);
  EXPECT_THAT(peer.TakeReady().messages, IsEmpty());
  peer.Step(zab::Tick{absl::Seconds(7)});
  EXPECT_THAT(peer.TakeReady().messages, SizeIs(2));
}

TEST(PeerTest, OneVoterAloneIsAQuorum) {
  PeerHarness peer(TestConfig(1, 1));
  peer.FinishWrites();
  peer.FinishWrites();
  ASSERT_TRUE(peer.peer().CanPropose());
  EXPECT_EQ(peer.Propose(), (Zxid{1, 1}));
  EXPECT_THAT(peer.TakeCommitted(), IsEmpty());
  peer.FinishWrites();
  EXPECT_THAT(peer.TakeCommitted(), ElementsAre("1:1"));
  peer.Sync(1);
  EXPECT_EQ(peer.TakeSyncs(), 1);
}

// What a leader has proposed is handed over committed.
TEST(PeerTest, LeaderStopsOnceAllIsCommitted) {
  PeerHarness leader = EstablishedLeader({.epoch = 5});
  leader.Propose();
  leader.Forget();
  leader.Stop();
  EXPECT_FALSE(leader.peer().IsStopped());
  EXPECT_FALSE(leader.peer().CanPropose());
  leader.FinishWrites();
  leader.Receive(1, Ack{{5, 1}});
  EXPECT_TRUE(leader.peer().IsStopped());
  EXPECT_THAT(leader.TakeMessages(),
              ElementsAre("1: COMMIT 5:1", "2: COMMIT 5:1"));
  EXPECT_THAT(leader.TakeHangUps(), ElementsAre(1, 2));
  leader.Receive(1, FollowerInfo{5});
  leader.Tick(absl::Seconds(60));
  EXPECT_THAT(leader.TakeMessages(), IsEmpty());
}

TEST(PeerTest, LeaderWithoutAQuorumStopsAsItGivesUp) {
  PeerHarness leader = EstablishedLeader({.epoch = 5});
  leader.Propose();
  leader.Stop();
  leader.LoseLink(1);
  EXPECT_FALSE(leader.peer().IsStopped());
  leader.LoseLink(2);
  EXPECT_TRUE(leader.peer().IsStopped());
}

TEST(PeerTest, FollowerStopsAtOnce) {
  PeerHarness follower =
      EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
  follower.Stop();
  EXPECT_TRUE(follower.peer().IsStopped());
  EXPECT_THAT(follower.TakeHangUps(), ElementsAre(1));
}

// What happened to its link to one that is no leader any more is no news.
TEST(PeerTest, LossOfAnotherLinkIsIgnored) {
  PeerHarness follower =
      EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
  follower.LoseLink(3);
  EXPECT_TRUE(follower.peer().IsServing());
  follower.LoseLink(1);
  EXPECT_EQ(follower.role(), Role::kLooking);
  EXPECT_EQ(follower.peer().last_trouble(), "the link to the leader is lost");
}

TEST(PeerDeathTest, TimeGoesForward) {
  Peer peer(TestConfig(1), {});
  peer.Step(zab::Tick{absl::Seconds(7)});
  EXPECT_DEATH(peer.Step(zab::Tick{absl::Seconds(6)}), "CHECK failed");
}

TEST(PeerDeathTest, OnlyALeaderTakesProposals) {
  PeerHarness follower =
      EstablishedFollower({.id = 2, .leader = 1, .epoch = 5});
  EXPECT_DEATH(follower.Propose(), "CHECK failed");
}

TEST(PeerDeathTest, CurrentEpochAboveTheAcceptedOneIsNoState) {
  EXPECT_DEATH(Peer(TestConfig(1), {.accepted_epoch = 3, .current_epoch = 4}),
               "CHECK failed");
}

TEST(ZxidTest, HalvesOfTheWireValue) {
  const Zxid zxid = Zxid::FromWire(0x500000007);
  EXPECT_EQ(zxid, (Zxid{5, 7}));
  EXPECT_EQ(zxid.ToWire(), 0x500000007);
}

}  // namespace
}  // namespace paddock::zab
