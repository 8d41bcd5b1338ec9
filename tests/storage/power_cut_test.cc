// Cuts the power at every operation of a workload, starts again on what the
// disk may hold then, and compares with what was promised.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "storage/crash_state.h"
#include "storage/disk_model.h"
#include "storage/epoch_file.h"
#include "storage/log_fixture.h"
#include "storage/workload.h"

namespace paddock::storage {
namespace {

class PowerCutTest : public testing::Test {
 protected:
  PowerCutTest() {
    fmt::print("PADDOCK_TEST_SEED={}\n", seed_);
    log::CaptureForTest([](log::Level, std::string_view) {});
  }
  ~PowerCutTest() override {
    log::CaptureForTest(nullptr);
    fmt::print("{} crash states\n", states_);
  }

  // The kinds of states to make of one moment.
  std::vector<Survival> Survivals(int more) {
    constexpr Survival kRandom[] = {Survival::kPrefix, Survival::kSectors,
                                    Survival::kSectors, Survival::kGarbage};
    std::vector<Survival> survivals = {Survival::kNothing,
                                       Survival::kEverything};
    for (int i = 0; i < more; ++i) {
      survivals.push_back(kRandom[random_.Below(std::size(kRandom))]);
    }
    return survivals;
  }

  // Makes one state and starts on it.  `promised_before` is what was promised
  // before the recording began.
  void ExpectRestart(const Disk& disk, Survival survival,
                     const History& history, size_t promised_before) {
    const TempDir crash(MemoryFolder());
    disk.MakeCrashState(survival, &random_, crash.path());
    ++states_;
    const absl::Status status = CheckHistory(
        WorkloadOptions(crash.path()), history,
        std::max(promised_before, static_cast<size_t>(disk.promised())));
    ASSERT_TRUE(status.ok())
        << status << "\nafter operation " << disk.position() << " ("
        << disk.Describe() << ") with " << NameOf(survival)
        << " of what was not synced; PADDOCK_TEST_SEED=" << seed_;
  }

  // Likewise at every moment of a recording, or one of `every` of them, with
  // `more` random states each.
  void CutEverywhere(const Recording& recording, const History& history,
                     size_t promised_before, int more, uint64_t every = 1) {
    Disk disk(recording, seed_);
    for (;;) {
      if (random_.Below(every) != 0 && !disk.AtEnd()) {
        disk.Advance();
        continue;
      }
      for (const Survival survival : Survivals(more)) {
        ExpectRestart(disk, survival, history, promised_before);
        if (HasFatalFailure()) {
          return;
        }
      }
      if (disk.AtEnd()) {
        return;
      }
      disk.Advance();
    }
  }

  const uint64_t seed_ = TestSeed();
  Random random_{seed_};
  int states_ = 0;
};

TEST_F(PowerCutTest, NothingPromisedIsLostAtAnyPointOfAWorkload) {
  const TempDir root(MemoryFolder());
  History history;
  DiskModel disk(root.path());
  ASSERT_TRUE(RunWorkload(WorkloadOptions(root.path()), &history, &disk).ok());
  EXPECT_EQ(history.promised, history.txns.size());
  CutEverywhere(disk.recording(), history, 0, IsFullRun() ? 40 : 2);
}

// No room taken ahead, and no limit on the size of a file.
TEST_F(PowerCutTest, LikewiseWithoutPreallocation) {
  const TempDir root(MemoryFolder());
  History history;
  DiskModel disk(root.path());
  Options options = WorkloadOptions(root.path());
  options.preallocate_bytes = 0;
  options.log_bytes_max = -1;
  ASSERT_TRUE(RunWorkload(options, &history, &disk).ok());
  CutEverywhere(disk.recording(), history, 0, IsFullRun() ? 40 : 1);
}

// A thread of its own writes SQLite's files, and purges the log behind.
TEST_F(PowerCutTest, LikewiseWithCheckpointsAndPurge) {
  const TempDir root(MemoryFolder());
  History history;
  DiskModel disk(root.path());
  ASSERT_TRUE(RunWorkload(WorkloadOptions(root.path()), &history, &disk,
                          /*runs=*/2, /*checkpoints=*/true)
                  .ok());
  EXPECT_EQ(history.promised, history.txns.size());
  CutEverywhere(disk.recording(), history, 0, IsFullRun() ? 20 : 1,
                IsFullRun() ? 1 : 6);
}

// The start after a power cut changes the disk as well, and what it loaded
// counts as promised.
TEST_F(PowerCutTest, ASecondCutDuringOrAfterTheStartLosesNothing) {
  const TempDir root(MemoryFolder());
  History history;
  Recording recording;
  {
    DiskModel disk(root.path());
    ASSERT_TRUE(
        RunWorkload(WorkloadOptions(root.path()), &history, &disk, 1).ok());
    recording = disk.recording();
  }
  const size_t step = IsFullRun() ? 1 : 6;
  Disk disk(recording, seed_);
  while (!disk.AtEnd()) {
    disk.Advance();
    if (random_.Below(step) != 0) {
      continue;
    }
    const Survival survival =
        random_.Chance(1, 3) ? Survival::kGarbage : Survival::kSectors;
    const TempDir crash(MemoryFolder());
    disk.MakeCrashState(survival, &random_, crash.path());
    History second = history;
    second.promised = static_cast<size_t>(disk.promised());
    DiskModel second_disk(crash.path());
    {
      ServerRun server(WorkloadOptions(crash.path()), &second, &second_disk);
      ASSERT_TRUE(server.status().ok()) << server.status();
      ASSERT_TRUE(server.Write(2, 600));
      ASSERT_TRUE(server.Write(1, 60));
      ASSERT_TRUE(server.Stop().ok());
    }
    SCOPED_TRACE(fmt::format("the first cut after operation {} ({}), {}",
                             disk.position(), disk.Describe(),
                             NameOf(survival)));
    CutEverywhere(second_disk.recording(), second,
                  static_cast<size_t>(disk.promised()), IsFullRun() ? 2 : 0);
    if (HasFatalFailure()) {
      return;
    }
  }
}

// An epoch that was written stays; one that was being written is there or not.
TEST_F(PowerCutTest, EpochFilesHoldWhatWasPromised) {
  constexpr uint32_t kLast = 1005;  // With a digit more on the way
  const TempDir root(MemoryFolder());
  DiskModel model(root.path());
  for (uint32_t epoch = 995; epoch <= kLast; ++epoch) {
    ASSERT_TRUE(WriteEpoch(root.path(), kAcceptedEpochName, epoch).ok());
    ASSERT_TRUE(WriteEpoch(root.path(), kCurrentEpochName, epoch).ok());
    model.Promise(epoch);
  }
  const Recording recording = model.recording();
  for (Disk disk(recording, seed_);; disk.Advance()) {
    for (const Survival survival : Survivals(IsFullRun() ? 40 : 3)) {
      const TempDir crash(MemoryFolder());
      disk.MakeCrashState(survival, &random_, crash.path());
      ++states_;
      const auto epochs = ReadEpochs(crash.path());
      ASSERT_TRUE(epochs.ok()) << epochs.status();
      const int64_t promised = disk.promised();
      const uint32_t current = epochs->current.value_or(0);
      const uint32_t accepted = epochs->accepted.value_or(0);
      EXPECT_GE(current, promised);
      EXPECT_GE(accepted, current);
      EXPECT_TRUE(promised == 0 || accepted <= promised + 1)
          << accepted << ", promised: " << promised;
      ASSERT_FALSE(HasFailure())
          << "after operation " << disk.position() << " (" << disk.Describe()
          << ") with " << NameOf(survival)
          << " of what was not synced; PADDOCK_TEST_SEED=" << seed_;
    }
    if (disk.AtEnd()) {
      break;
    }
  }
}

}  // namespace
}  // namespace paddock::storage
