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

// Every message in every phase.  `.` shows nothing: it is ignored, or only
// remembered; `+` is answered, passed on, logged or changes the phase; `x` ends
// the link that it came by, and `!` the role of the member as well.  The
// columns:
constexpr const char* kColumns[] = {
    "looking",         "follower connects",     "follower promised",
    "follower syncs",  "follower waits",        "follower serves",
    "observer serves", "leader discovers",      "leader synchronizes",
    "leader serves",   "leader hears a joiner", "leader hears a stranger"};

struct Row {
  const char* name;
  Message message;
  const char* outcomes;
};

std::vector<Row> Rows() {
  return {
      {"notification of one that looks", Note(Role::kLooking, 1, {9, 1}, 1, 9),
       "++++++++++++"},
      {"notification of a follower", Note(Role::kFollowing, 1, {9, 1}, 7, 9),
       "............"},
      {"FOLLOWERINFO", FollowerInfo{4}, "x!!!!!!.++++"},
      {"LEADERINFO", LeaderInfo{5}, ".+!!!!!xxxx."},
      {"ACKEPOCH", AckEpoch{{0, 0}, 4}, ".!!!!!!xxx+."},
      {"DIFF", Diff{{0, 0}}, ".!.!!!!xxxx."},
      {"TRUNC", Trunc{{0, 0}}, ".!.!!!!xxxx."},
      {"SNAP", Snap{{5, 0}, ""}, ".!+!!!!xxxx."},
      {"PROPOSAL", Proposal{{5, 1}, "t"}, ".!!++++xxxx."},
      {"INFORM", Inform{{5, 1}, "t"}, ".!!++++xxxx."},
      {"COMMIT", Commit{{5, 1}}, ".!!!!!!xxxx."},
      {"NEWLEADER", NewLeader{5, ""}, ".!!+!!!xxxx."},
      {"UPTODATE", UpToDate{}, ".!!!+!!xxxx."},
      {"ACK of NEWLEADER", Ack{{5, 0}}, ".!!!!!!x..x."},
      {"ACK of an unknown proposal", Ack{{5, 1}}, ".!!!!!!xxxx."},
      {"ACK of an older epoch", Ack{{4, 1}}, ".!!!!!!x..x."},
      {"PING", Ping{}, ".!!..++xxxx."},
      {"REVALIDATE", Revalidate{SessionId{7}, 1}, ".!!!!!!xx+x."},
      {"answer to REVALIDATE", Revalidated{SessionId{7}, true}, ".!!!!++xxxx."},
      {"REQUEST", Request{}, ".!!!!!!xx+x."},
      {"SYNC", zab::Sync{}, ".!!!!++xxxx."},
  };
}

// A member at the beginning of column `column`, and who the message is from.
std::pair<PeerHarness, int> AtColumn(size_t column) {
  const HarnessOptions of2{.id = 2, .leader = 1, .epoch = 5};
  const auto synchronizing = [&](bool has_history) {
    PeerHarness follower = Synchronizing(of2);
    follower.Receive(1, Diff{});
    if (has_history) {
      follower.Receive(1, NewLeader{5, ""});
    }
    follower.FinishWrites();
    return follower;
  };
  // One of five, so that the loss of one learner leaves it a quorum.
  const HarnessOptions of5{.epoch = 5, .voters = 5};
  const auto leading = [&] {
    PeerHarness leader = Elected(of5);
    for (const int voter : {1, 2, 3}) {
      leader.Receive(voter, FollowerInfo{4});
      leader.FinishWrites();
    }
    Promise(leader, 1, of5);
    Promise(leader, 2, of5);
    return leader;
  };
  const auto serving = [&] {
    PeerHarness leader = EstablishedLeader(of5);
    leader.LoseLink(4);
    return leader;
  };
  switch (column) {
    case 0:
      return {Looking(of2), 1};
    case 1:
      return {Connecting(of2), 1};
    case 2:
      return {Synchronizing(of2), 1};
    case 3:
      return {synchronizing(false), 1};
    case 4:
      return {synchronizing(true), 1};
    case 5:
      return {EstablishedFollower(of2), 1};
    case 6:
      return {EstablishedObserver({.leader = 1, .epoch = 5}), 1};
    case 7:
      return {Elected(of5), 1};
    case 8:
      return {leading(), 1};
    case 9:
      return {EstablishedLeader(of5), 1};
    default: {
      PeerHarness leader = serving();
      if (column == 10) {
        leader.Receive(4, FollowerInfo{5});
      }
      return {std::move(leader), 4};
    }
  }
}

char OutcomeOf(size_t column, const Message& message) {
  auto [member, from] = AtColumn(column);
  if (column == 7) {  // It has introduced itself; no quorum has
    member.Receive(from, FollowerInfo{4});
  }
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
    for (size_t column = 0; column < std::size(kColumns); ++column) {
      outcomes += OutcomeOf(column, row.message);
    }
    EXPECT_EQ(outcomes, row.outcomes) << row.name;
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
