#include "zab/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "zab/peer_harness.h"

namespace paddock::zab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ServerId kA{1};
constexpr ServerId kB{2};

Lines Sent(Outbox& out) {
  Lines lines;
  for (const Envelope& envelope : std::exchange(out.ready().messages, {})) {
    lines.push_back(fmt::format("{}: {}", static_cast<int64_t>(envelope.to),
                                Describe(envelope.message)));
  }
  return lines;
}

TEST(OutboxTest, NumbersWritesFromOne) {
  Outbox out;
  EXPECT_EQ(out.Store(SetAcceptedEpoch{1}), 1);
  EXPECT_EQ(out.Store(SetCurrentEpoch{1}), 2);
  EXPECT_EQ(out.last_write_id(), 2);
  EXPECT_TRUE(out.IsDurable(0));
  EXPECT_FALSE(out.IsDurable(1));
  out.Persisted(2);
  EXPECT_TRUE(out.IsDurable(2));
}

TEST(OutboxTest, HoldsBackUntilTheWriteIsDurable) {
  Outbox out;
  out.Store(SetAcceptedEpoch{1});
  out.Store(SetCurrentEpoch{1});
  out.SendOnceDurable(2, kA, Ack{{1, 2}});
  out.SendOnceDurable(1, kA, Ack{{1, 1}});
  EXPECT_THAT(Sent(out), IsEmpty());
  out.Persisted(1);
  EXPECT_THAT(Sent(out), ElementsAre("1: ACK 1:1"));
  out.Persisted(2);
  EXPECT_THAT(Sent(out), ElementsAre("1: ACK 1:2"));
}

TEST(OutboxTest, KeepsTheOrderOfThoseThatWaitForOneWrite) {
  Outbox out;
  out.Store(SetAcceptedEpoch{1});
  out.SendOnceDurable(1, kA, Ack{{1, 2}});
  out.SendOnceDurable(1, kA, Ack{{1, 1}});
  out.Persisted(1);
  EXPECT_THAT(Sent(out), ElementsAre("1: ACK 1:2", "1: ACK 1:1"));
}

TEST(OutboxTest, SendsAtOnceWhatIsDurableAlready) {
  Outbox out;
  out.SendOnceDurable(0, kA, Ack{{1, 1}});
  EXPECT_THAT(Sent(out), ElementsAre("1: ACK 1:1"));
}

// A link that is gone takes with it what was meant for it, and no more.
TEST(OutboxTest, ForgetsWhatALostLinkWaitsFor) {
  Outbox out;
  out.Store(SetAcceptedEpoch{1});
  out.SendOnceDurable(1, kA, Ack{{1, 1}});
  out.SendOnceDurable(1, kA, Note(Role::kLooking, 1, {1, 1}, 1, 1));
  out.SendOnceDurable(1, kB, Ack{{1, 2}});
  out.ForgetQuorumLink(kA);
  out.Persisted(1);
  EXPECT_THAT(
      Sent(out),
      ElementsAre("1: LOOKING for 1 zxid 1:1 epoch 1 round 1", "2: ACK 1:2"));
}

TEST(OutboxTest, HangUpTakesWhatWaitsWithIt) {
  Outbox out;
  out.Store(SetAcceptedEpoch{1});
  out.SendOnceDurable(1, kA, Ack{{1, 1}});
  out.HangUp(kA);
  out.Persisted(1);
  EXPECT_THAT(Sent(out), IsEmpty());
  EXPECT_THAT(out.ready().hang_ups, ElementsAre(kA));
}

// A member that changed its mind does not tell its former vote.
TEST(OutboxTest, OfNotificationsOnlyTheNewestWaits) {
  Outbox out;
  out.Store(SetAcceptedEpoch{1});
  out.SendOnceDurable(1, kA, Note(Role::kLooking, 1, {1, 1}, 1, 1));
  out.SendOnceDurable(0, kA, Note(Role::kLooking, 2, {1, 2}, 1, 1));
  EXPECT_THAT(Sent(out),
              ElementsAre("1: LOOKING for 2 zxid 1:2 epoch 1 round 1"));
  out.Persisted(1);
  EXPECT_THAT(Sent(out), IsEmpty());
}

TEST(OutboxDeathTest, CompletionsGoForwardAndAreOfWritesThatExist) {
  Outbox out;
  out.Store(SetAcceptedEpoch{1});
  out.Persisted(1);
  EXPECT_DEATH(out.Persisted(1), "CHECK failed");
  EXPECT_DEATH(out.Persisted(2), "CHECK failed");
}

}  // namespace
}  // namespace paddock::zab
