#include "storage/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Load = absl::StatusOr<zab::DurableState> (*)(const std::string&,
                                                   const std::string&,
                                                   const Restore&);

// Snapshots hold "good" or not; transactions are those of log_fixture.h.
class HistoryTest : public testing::TestWithParam<Load> {
 protected:
  HistoryTest() {
    log::CaptureForTest([](log::Level, std::string_view) {});
  }
  ~HistoryTest() override { log::CaptureForTest(nullptr); }

  void Snapshot(std::string_view name, std::string_view text = "good") {
    WriteFile(data_ / name, std::string(text) + std::string("\0\0\0\1/", 5));
  }
  // A log of `count` transactions from `first` on.
  void Log(zab::Zxid first, size_t count, std::string_view tail = "") {
    WriteFile(log_ / LogFileName(first),
              LogBytesOf(MakeTxns(first, count)) + std::string(tail));
  }

  // {last zxid, zxid of the snapshot, counters of the transactions}
  absl::Status Run() {
    checkpoints_.clear();
    snapshots_.clear();
    counters_.clear();
    const auto restore_checkpoint = [this](const CheckpointHead& head,
                                           CheckpointSource source) {
      checkpoints_.push_back(head.zxid);
      return source().status();
    };
    const auto restore_snapshot = [this](zab::Zxid zxid, ByteSource source) {
      char text[4];
      const auto got = source(text, sizeof text);
      if (!got.ok() || std::string_view(text, *got) != "good") {
        return absl::DataLossError("not good");
      }
      snapshots_.push_back(zxid);
      return absl::OkStatus();
    };
    const auto restore_txn = [this](const zab::Txn& txn) {
      counters_.push_back(txn.zxid.counter);
      return absl::OkStatus();
    };
    const auto state = GetParam()(data_.path(), log_.path(),
                                  {.checkpoint = restore_checkpoint,
                                   .snapshot = restore_snapshot,
                                   .txn = restore_txn});
    last_ = state.ok() ? state->state_zxid : zab::Zxid{};
    return state.status();
  }

  const TempDir data_{MemoryFolder()};
  const TempDir log_{MemoryFolder()};
  std::vector<zab::Zxid> checkpoints_;
  std::vector<zab::Zxid> snapshots_;
  std::vector<uint32_t> counters_;
  zab::Zxid last_;
};

INSTANTIATE_TEST_SUITE_P(LoadAndRead, HistoryTest,
                         testing::Values(LoadHistory, ReadHistory));

TEST_P(HistoryTest, TransactionsAfterTheSnapshot) {
  Snapshot("snapshot.5");
  Log({0, 1}, 3);
  Log({0, 4}, 4);  // 4 to 7
  Log({0, 8}, 2);
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(snapshots_, ElementsAre(zab::Zxid{0, 5}));
  EXPECT_THAT(counters_, ElementsAre(6, 7, 8, 9));
  EXPECT_EQ(last_, (zab::Zxid{0, 9}));
}

TEST_P(HistoryTest, LogsThatTheSnapshotMakesNeedlessMayBeGoneOrDamaged) {
  Snapshot("snapshot.5");
  WriteFile(log_ / "log.1", "no log at all");
  Log({0, 4}, 1, "torn");  // 5 is missing; the snapshot has it
  Log({0, 6}, 2);
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(counters_, ElementsAre(6, 7));
}

TEST_P(HistoryTest, SnapshotWithoutLaterTransactions) {
  Snapshot("snapshot.20000000a");
  Log({1, 1}, 5);
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(counters_, IsEmpty());
  EXPECT_EQ(last_, (zab::Zxid{2, 10}));
}

// A leader takes one before the first transaction of its epoch.
TEST_P(HistoryTest, SnapshotOfANewEpoch) {
  Snapshot("snapshot.200000000");
  Log({1, 1}, 5);
  Log({2, 1}, 2);
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(counters_, ElementsAre(1, 2));
  EXPECT_EQ(last_, (zab::Zxid{2, 2}));
}

TEST_P(HistoryTest, GapBehindTheSnapshotIsDamage) {
  Snapshot("snapshot.5");
  Log({0, 7}, 2);
  const absl::Status status = Run();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("between 0x5 and 0x7"));
}

TEST_P(HistoryTest, DamagedSnapshotIsReplacedByTheLog) {
  Snapshot("snapshot.8", "bad");
  Snapshot("snapshot.5");
  Log({0, 4}, 5);  // 4 to 8
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(snapshots_, ElementsAre(zab::Zxid{0, 5}));
  EXPECT_THAT(counters_, ElementsAre(6, 7, 8));
}

TEST_P(HistoryTest, OnlySnapshotDamagedButTheLogIsWhole) {
  Snapshot("snapshot.3", "bad");
  Log({0, 1}, 3);
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(snapshots_, IsEmpty());
  EXPECT_THAT(counters_, ElementsAre(1, 2, 3));
}

TEST_P(HistoryTest, DamagedSnapshotThatNothingReplacesIsRefused) {
  Snapshot("snapshot.9", "bad");
  Snapshot("snapshot.5");
  Log({0, 4}, 5);  // 4 to 8
  absl::Status status = Run();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("snapshot.9 is damaged"), HasSubstr("0x8")));
  std::filesystem::remove(data_ / "snapshot.5");
  std::filesystem::remove(log_ / "log.4");
  Log({0, 6}, 9);
  status = Run();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

// A torn tail that holds nothing which the snapshot lacks is cut like others,
// by LoadHistory() only.
TEST_P(HistoryTest, OnlyLoadingTidies) {
  Snapshot("snapshot.5");
  Log({0, 4}, 3, "torn");
  Log({0, 7}, 0, "torn");
  const size_t bytes_before = ReadFile(log_ / "log.4").size();
  ASSERT_TRUE(Run().ok());
  const bool tidies = GetParam() == LoadHistory;
  EXPECT_EQ(ReadFile(log_ / "log.4").size(),
            tidies ? bytes_before - 4 : bytes_before);
  EXPECT_EQ(std::filesystem::exists(log_ / "log.7"), !tidies);
}

}  // namespace
}  // namespace paddock::storage
