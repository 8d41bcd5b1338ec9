// Makes each call of a workload fail, looks at what Storage reports, and starts
// again: on the files as they are, and after a power cut on what is left.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "storage/crash_state.h"
#include "storage/disk_model.h"
#include "storage/log_fixture.h"
#include "storage/workload.h"

namespace paddock::storage {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

using Effect = Fault::Effect;

class FaultTest : public testing::Test {
 protected:
  FaultTest() {
    fmt::print("PADDOCK_TEST_SEED={}\n", seed_);
    log::CaptureForTest([](log::Level, std::string_view) {});
  }
  ~FaultTest() override { log::CaptureForTest(nullptr); }

  // Hits each call of the kinds `fault.calls` in turn, until the workload has
  // no more of them; only some, but in the full run, after the first `each`.
  // `is_fatal`: the fault must be reported.
  void HitEach(Fault fault, bool is_fatal, int each = 1000) {
    const auto step = [&] {
      return IsFullRun() || fault.nth < each
                 ? 1
                 : 1 + static_cast<int>(random_.Below(checkpoints_ ? 60 : 7));
    };
    for (fault.nth = 1;; fault.nth += step()) {
      SCOPED_TRACE(fmt::format("call {}, error {}, PADDOCK_TEST_SEED={}",
                               fault.nth, fault.error, seed_));
      if (!Hit(fault, is_fatal) || HasFailure()) {
        EXPECT_GT(fault.nth, 2) << "the workload has few such calls";
        return;
      }
    }
  }

  // Runs the workload with a fault; false when it did not hit.
  bool Hit(const Fault& fault, bool is_fatal) {
    const TempDir root(MemoryFolder());
    const Options options = WorkloadOptions(root.path());
    History history;
    DiskModel disk(root.path());
    disk.Inject(fault);
    const absl::Status status =
        RunWorkload(options, &history, &disk, /*runs=*/2, checkpoints_);
    if (disk.hits() == 0) {
      EXPECT_TRUE(status.ok()) << status;
      return false;
    }
    EXPECT_FALSE(absl::IsInternal(status)) << status;
    EXPECT_TRUE(!is_fatal || !status.ok());
    EXPECT_THAT(std::string(status.message()),
                AnyOf(IsEmpty(), HasSubstr(root.path())));
    if (status.ok()) {
      EXPECT_EQ(history.promised, history.txns.size());
    }
    if (!checkpoints_) {  // SQLite's files are written again first
      ExpectNoSyncAfterAFailedOne(disk.recording());
    }
    disk.Heal();
    ExpectRestarts(options, &history, &disk);
    return true;
  }

  void ExpectNoSyncAfterAFailedOne(const Recording& recording) {
    std::set<int> failed;
    for (const Operation& op : recording.operations) {
      if (op.kind == Operation::Kind::kFailedSync) {
        failed.insert(op.node);
      }
      EXPECT_FALSE(op.kind == Operation::Kind::kSync &&
                   failed.contains(op.node));
    }
  }

  // Starts on the files as they are, where everything promised must be, and
  // goes on.  Then cuts the power at each moment from the fault on.
  void ExpectRestarts(const Options& options, History* history,
                      DiskModel* disk) {
    const size_t fault_position = disk->recording().operations.size();
    const size_t promised = history->promised;
    const History before = *history;
    {
      ServerRun server(options, history, disk);
      ASSERT_TRUE(server.status().ok()) << server.status();
      EXPECT_TRUE(server.Write(2, 700));
      EXPECT_TRUE(server.Write(1, 70));
      EXPECT_TRUE(server.Stop().ok());
    }
    const Recording recording = disk->recording();
    Disk cut(recording, random_.Next());
    while (cut.position() < fault_position) {
      cut.Advance();
    }
    for (;; cut.Advance()) {
      if (random_.Chance(1, IsFullRun() ? 2 : 12)) {
        ExpectRestartAfterCut(cut, *history, before, promised);
      }
      if (cut.AtEnd() || HasFailure()) {
        return;
      }
    }
  }

  // What was submitted before the fault and not promised may be there until
  // the next start has not loaded it.
  void ExpectRestartAfterCut(const Disk& cut, const History& history,
                             const History& before, size_t promised) {
    constexpr Survival kSurvivals[] = {Survival::kNothing, Survival::kSectors,
                                       Survival::kEverything};
    const Survival survival = kSurvivals[random_.Below(3)];
    const TempDir crash(MemoryFolder());
    cut.MakeCrashState(survival, &random_, crash.path());
    const Options options = WorkloadOptions(crash.path());
    const size_t promised_now =
        std::max(promised, static_cast<size_t>(cut.promised()));
    const absl::Status status = CheckHistory(options, history, promised_now);
    const bool right =
        status.ok() || (promised_now == promised &&
                        CheckHistory(options, before, promised).ok());
    EXPECT_TRUE(right) << status << "\nafter operation " << cut.position()
                       << " (" << cut.Describe() << ") with "
                       << NameOf(survival);
  }

  bool checkpoints_ = false;  // Whether the workload has some
  const uint64_t seed_ = TestSeed();
  Random random_{seed_};
};

// A checkpoint that fails costs nothing, and the next one takes its place.
TEST_F(FaultTest, CheckpointsThatFail) {
  checkpoints_ = true;
  constexpr unsigned kOthers = kCreateCall | kRemoveCall | kTruncateCall;
  for (const unsigned calls :
       {unsigned{kWriteCall}, unsigned{kSyncCall}, kOthers}) {
    HitEach({.calls = calls, .error = EIO}, /*is_fatal=*/false, /*each=*/1);
    HitEach({.calls = calls, .effect = Effect::kPartialError, .error = ENOSPC},
            /*is_fatal=*/false, /*each=*/1);
  }
}

TEST_F(FaultTest, AFailedWriteEndsTheLogAndLosesNothing) {
  HitEach({.calls = kWriteCall, .error = EIO}, true);
  HitEach({.calls = kWriteCall, .effect = Effect::kPartialError, .error = EIO},
          true);
  HitEach({.calls = kWriteCall, .error = EDQUOT}, true);
}

TEST_F(FaultTest, AShortWriteIsGoneOnWith) {
  HitEach({.calls = kWriteCall, .effect = Effect::kShort}, false, 8);
  const TempDir root(MemoryFolder());
  History history;
  DiskModel disk(root.path());
  disk.Inject({.calls = kWriteCall, .effect = Effect::kShort, .lasting = true});
  EXPECT_TRUE(RunWorkload(WorkloadOptions(root.path()), &history, &disk).ok());
  EXPECT_GT(disk.hits(), 100);
}

// What the kernel could not write it may drop, and it tells so only once.
TEST_F(FaultTest, AFailedSyncEndsTheLogAndLosesNothing) {
  HitEach({.calls = kSyncCall, .error = EIO}, true);
  HitEach({.calls = kSyncCall, .error = ENOSPC}, true, 8);
  HitEach({.calls = kSyncDirCall, .error = EIO}, true);
}

TEST_F(FaultTest, WhatCannotBeCreatedEndsTheLogAndLosesNothing) {
  HitEach({.calls = kCreateCall | kMakeDirCall, .error = EIO}, true);
  HitEach({.calls = kCreateCall | kMakeDirCall, .error = ENOSPC}, true);
}

// Room is taken ahead to be fast; without it the writes do it themselves.
TEST_F(FaultTest, WithoutPreallocationItGoesOn) {
  for (const int error : {ENOSPC, EOPNOTSUPP, EIO}) {
    HitEach({.calls = kAllocateCall, .error = error}, false, 8);
  }
  HitEach({.calls = kTruncateCall, .error = EIO}, false);
}

TEST_F(FaultTest, ADiskThatIsFullFromAnyCallOn) {
  HitEach({.calls = kGrowingCalls, .error = ENOSPC, .lasting = true}, true, 8);
  HitEach({.calls = kGrowingCalls,
           .effect = Effect::kPartialError,
           .error = ENOSPC,
           .lasting = true},
          true);
}

TEST_F(FaultTest, ADiskThatIsReadOnlyFromAnyCallOn) {
  HitEach({.calls = kChangingCalls, .error = EROFS, .lasting = true}, false, 8);
}

TEST_F(FaultTest, AFileThatCannotBeReadEndsTheStart) {
  HitEach({.calls = kReadCall | kOpenCall, .error = EIO}, true);
}

TEST_F(FaultTest, AStalledDiskHoldsBackPromisesAndNothingElse) {
  const TempDir root(MemoryFolder());
  History history;
  DiskModel disk(root.path());
  ServerRun server(WorkloadOptions(root.path()), &history, &disk);
  ASSERT_TRUE(server.status().ok());
  ASSERT_TRUE(server.Write(2, 100));
  disk.Inject({.calls = kSyncCall, .effect = Effect::kStall});
  server.Submit(3, 100);
  ASSERT_TRUE(disk.AwaitStall());
  for (int i = 0; i < 1000; ++i) {
    server.Submit(1, 100);  // Does not block
  }
  EXPECT_EQ(server.promised(), 2u);
  disk.Release();
  EXPECT_TRUE(server.Await());
  EXPECT_EQ(server.promised(), 1005u);
  EXPECT_TRUE(server.Stop().ok());
}

}  // namespace
}  // namespace paddock::storage
