#include "zab/peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddock::zab {
namespace {

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

TEST(ZxidTest, HalvesOfTheWireValue) {
  const Zxid zxid = Zxid::FromWire(0x500000007);
  EXPECT_EQ(zxid, (Zxid{5, 7}));
  EXPECT_EQ(zxid.ToWire(), 0x500000007);
}

}  // namespace
}  // namespace paddock::zab
