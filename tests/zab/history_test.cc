#include "zab/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <vector>

#include "zab/peer_harness.h"

namespace paddock::zab {

bool operator==(const SyncPlan& a, const SyncPlan& b) {
  return a.kind == b.kind && a.from == b.from;
}
std::ostream& operator<<(std::ostream& out, const SyncPlan& plan) {
  static constexpr const char* kNames[] = {"DIFF", "TRUNC", "SNAP"};
  return out << kNames[static_cast<int>(plan.kind)] << " from " << plan.from;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = SyncPlan::Kind;

constexpr size_t kMany = 500;

// 3:1 to 3:3, and 5:1 to 5:3, behind a state at 2:9.
DurableState TwoEpochs() {
  DurableState state{.state_zxid = {2, 9}, .log = Txns({3, 1}, {3, 3})};
  for (const Txn& txn : Txns({5, 1}, {5, 3})) {
    state.log.push_back(txn);
  }
  return state;
}

Lines Commit(History& history, Zxid zxid) {
  std::optional<Snapshot> install;
  std::vector<Txn> committed;
  history.Commit(zxid, &install, &committed);
  history.CheckInvariants();
  Lines lines;
  if (install.has_value()) {
    lines.push_back("state " + ZxidText(install->zxid));
  }
  for (const Txn& txn : committed) {
    lines.push_back(ZxidText(txn.zxid));
  }
  return lines;
}

Lines Visit(const History& history, Zxid from, Zxid through) {
  Lines lines;
  history.ForEach(from, through,
                  [&](const Txn& txn) { lines.push_back(ZxidText(txn.zxid)); });
  return lines;
}

TEST(HistoryTest, FindsItsLogDurableAndOnlyTheStateCommitted) {
  const History history(TwoEpochs(), kMany, 0);
  EXPECT_EQ(history.last_logged(), (Zxid{5, 3}));
  EXPECT_EQ(history.last_persisted(), (Zxid{5, 3}));
  EXPECT_EQ(history.last_committed(), (Zxid{2, 9}));
}

// A snapshot of an initial history need not be committed when it is found.
TEST(HistoryTest, KnowsNothingCommittedOfAStateThatALeaderSent) {
  const History history({.state_zxid = {2, 9}, .state_is_committed = false},
                        kMany, 0);
  EXPECT_EQ(history.last_logged(), (Zxid{2, 9}));
  EXPECT_EQ(history.last_committed(), (Zxid{}));
}

TEST(HistoryTest, NextIsTheNextCounterOrTheFirstOfALaterEpoch) {
  const History history(TwoEpochs(), kMany, 0);
  EXPECT_TRUE(history.IsNext({5, 4}));
  EXPECT_TRUE(history.IsNext({6, 1}));
  EXPECT_TRUE(history.IsNext({9, 1}));
  EXPECT_FALSE(history.IsNext({5, 5}));
  EXPECT_FALSE(history.IsNext({5, 3}));
  EXPECT_FALSE(history.IsNext({6, 2}));
  EXPECT_FALSE(history.IsNext({6, 0}));
  EXPECT_FALSE(history.IsNext({4, 1}));
}

TEST(HistoryTest, NothingFollowsTheLastCounterButAnEpoch) {
  const History history({.state_zxid = {5, 0xffffffff}}, kMany, 0);
  EXPECT_FALSE(history.IsNext({5, 0}));
  EXPECT_TRUE(history.IsNext({6, 1}));
}

TEST(HistoryTest, CommitsInOrderAndOnce) {
  History history(TwoEpochs(), kMany, 0);
  EXPECT_THAT(Commit(history, {3, 2}), ElementsAre("3:1", "3:2"));
  EXPECT_THAT(Commit(history, {3, 2}), IsEmpty());
  EXPECT_THAT(Commit(history, {5, 1}), ElementsAre("3:3", "5:1"));
}

TEST(HistoryTest, HandsOutAStateWithTheFirstCommit) {
  History history(TwoEpochs(), kMany, 0);
  history.Install({{6, 0}, "state"}, 1);
  history.Append({{6, 1}, "a"}, 2);
  EXPECT_EQ(history.last_logged(), (Zxid{6, 1}));
  EXPECT_THAT(Commit(history, {6, 0}), ElementsAre("state 6:0"));
  EXPECT_THAT(Commit(history, {6, 1}), ElementsAre("6:1"));
}

TEST(HistoryTest, IsPersistedAsFarAsItsWrites) {
  History history({.state_zxid = {5, 0}}, kMany, 0);
  history.Append({{5, 1}, "a"}, 1);
  history.Append({{5, 2}, "b"}, 3);
  EXPECT_EQ(history.last_persisted(), (Zxid{5, 0}));
  history.MarkPersisted(2);
  EXPECT_EQ(history.last_persisted(), (Zxid{5, 1}));
  history.MarkPersisted(3);
  EXPECT_EQ(history.last_persisted(), (Zxid{5, 2}));
}

TEST(HistoryTest, StateIsPersistedWithItsWrite) {
  History history(TwoEpochs(), kMany, 0);
  history.Install({{6, 0}, "state"}, 4);
  EXPECT_EQ(history.last_persisted(), (Zxid{5, 3}));
  history.MarkPersisted(4);
  EXPECT_EQ(history.last_persisted(), (Zxid{6, 0}));
}

TEST(HistoryTest, TruncatesToAPlaceThatItHas) {
  History history(TwoEpochs(), kMany, 0);
  Commit(history, {3, 1});
  EXPECT_FALSE(history.CanTruncateAfter({2, 9}));  // 3:1 is committed
  EXPECT_TRUE(history.CanTruncateAfter({3, 1}));
  EXPECT_FALSE(history.CanTruncateAfter({3, 4}));
  EXPECT_FALSE(history.CanTruncateAfter({5, 0}));
  history.TruncateAfter({3, 3}, 1);
  history.CheckInvariants();
  EXPECT_EQ(history.last_logged(), (Zxid{3, 3}));
  EXPECT_EQ(history.last_persisted(), (Zxid{3, 3}));
  EXPECT_TRUE(history.IsNext({5, 1}));
}

// What is appended after a truncation is durable when its own write is, though
// something of that zxid was durable before.
TEST(HistoryTest, TruncationTakesBackWhatWasDurable) {
  History history(TwoEpochs(), kMany, 0);
  history.TruncateAfter({5, 1}, 1);
  history.Append({{5, 2}, "other"}, 2);
  history.MarkPersisted(1);
  EXPECT_EQ(history.last_persisted(), (Zxid{5, 1}));
}

TEST(HistoryTest, KeepsTheNewestCommitted) {
  History history({.log = Txns({1, 1}, {1, 10})}, /*count_min=*/3,
                  /*bytes_max=*/0);
  Commit(history, {1, 10});
  history.CheckInvariants();
  EXPECT_TRUE(history.Contains({1, 7}));
  EXPECT_FALSE(history.Contains({1, 6}));
  EXPECT_THAT(Visit(history, {1, 7}, {1, 10}),
              ElementsAre("1:8", "1:9", "1:10"));
}

TEST(HistoryTest, KeepsMoreWhileItIsSmall) {
  History history({.log = Txns({1, 1}, {1, 10})}, /*count_min=*/3,
                  /*bytes_max=*/1000);
  Commit(history, {1, 10});
  EXPECT_TRUE(history.Contains({0, 0}));
}

TEST(HistoryTest, KeepsWhatIsNotCommitted) {
  History history({.log = Txns({1, 1}, {1, 10})}, /*count_min=*/1,
                  /*bytes_max=*/0);
  Commit(history, {1, 4});
  EXPECT_THAT(Visit(history, {1, 4}, {1, 7}), ElementsAre("1:5", "1:6", "1:7"));
}

// How a learner gets equal (zab-and-disk.md 3.5): of a leader that has
// 3:1 to 3:3 and 5:1 to 5:3 behind a state at 2:9.
struct PlanCase {
  const char* name;
  Zxid peer;
  Zxid through;
  bool may_truncate;
  SyncPlan plan;
};

class SyncPlanTest : public testing::TestWithParam<PlanCase> {};

TEST_P(SyncPlanTest, FitsTheLearner) {
  const History history(TwoEpochs(), kMany, 0);
  const PlanCase& c = GetParam();
  EXPECT_EQ(history.PlanSync(c.peer, c.through, c.may_truncate), c.plan);
}

INSTANTIATE_TEST_SUITE_P(
    Learners, SyncPlanTest,
    testing::Values(
        PlanCase{"Equal", {5, 3}, {5, 3}, true, {Kind::kDiff, {5, 3}}},
        PlanCase{"Behind", {5, 1}, {5, 3}, true, {Kind::kDiff, {5, 1}}},
        PlanCase{
            "BehindByAnEpoch", {3, 3}, {5, 3}, true, {Kind::kDiff, {3, 3}}},
        PlanCase{
            "AtTheOldestPlace", {2, 9}, {5, 3}, true, {Kind::kDiff, {2, 9}}},
        PlanCase{"BelowTheOldest", {2, 8}, {5, 3}, true, {Kind::kSnap, {}}},
        PlanCase{"Empty", {0, 0}, {5, 3}, true, {Kind::kSnap, {}}},
        PlanCase{"AheadInTheLastEpoch",
                 {5, 7},
                 {5, 3},
                 true,
                 {Kind::kTrunc, {5, 3}}},
        PlanCase{"AheadOfTheCommitted",
                 {5, 3},
                 {5, 1},
                 true,
                 {Kind::kTrunc, {5, 1}}},
        PlanCase{
            "TailOfAnOldEpoch", {3, 8}, {5, 3}, true, {Kind::kTrunc, {3, 3}}},
        // 2:9 is a state: what led to it is not known.
        PlanCase{"TailBehindTheState",
                 {2, 12},
                 {5, 3},
                 true,
                 {Kind::kTrunc, {2, 9}}},
        PlanCase{"EpochThatIsUnknown", {4, 2}, {5, 3}, true, {Kind::kSnap, {}}},
        PlanCase{"NewerEpoch", {6, 1}, {5, 3}, true, {Kind::kSnap, {}}},
        PlanCase{"NewEpochWithoutTransactions",
                 {5, 0},
                 {5, 3},
                 true,
                 {Kind::kSnap, {}}},
        PlanCase{
            "AheadBesideJavaMembers", {5, 7}, {5, 3}, false, {Kind::kSnap, {}}},
        PlanCase{"BehindBesideJavaMembers",
                 {3, 1},
                 {5, 3},
                 false,
                 {Kind::kDiff, {3, 1}}}),
    [](const auto& info) { return std::string(info.param.name); });

// With a snapshot that is not committed yet, nothing before it is known.
TEST(HistoryTest, PlansFromASnapshotThatItJustGot) {
  History history(TwoEpochs(), kMany, 0);
  history.Install({{6, 2}, "state"}, 1);
  EXPECT_EQ(history.PlanSync({5, 3}, {6, 2}, true), (SyncPlan{Kind::kSnap}));
  EXPECT_EQ(history.PlanSync({6, 2}, {6, 2}, true),
            (SyncPlan{Kind::kDiff, {6, 2}}));
}

TEST(HistoryDeathTest, CommitOfWhatItLacksIsABug) {
  History history(TwoEpochs(), kMany, 0);
  EXPECT_DEATH(Commit(history, {3, 4}), "CHECK failed");
}

TEST(HistoryDeathTest, TruncationOfWhatIsCommittedIsABug) {
  History history(TwoEpochs(), kMany, 0);
  Commit(history, {5, 1});
  EXPECT_DEATH(history.TruncateAfter({3, 3}, 1), "CHECK failed");
}

}  // namespace
}  // namespace paddock::zab
