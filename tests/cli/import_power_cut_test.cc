// Cuts the power at every operation of an import: what it leaves is the whole
// state, or is told not to be, or is nothing at all.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "cli/offline_state.h"
#include "cli/tool.h"
#include "jute/txn.h"
#include "storage/crash_state.h"
#include "storage/disk_model.h"
#include "storage/epoch_file.h"
#include "storage/folder.h"
#include "storage/log_fixture.h"
#include "storage/storage.h"
#include "storage/workload.h"

namespace paddock::cli {
namespace {

using storage::Survival;

constexpr storage::Epochs kEpochs = {.current = 3, .accepted = 21};

// `paddock import SOURCE TARGET`
ExitCode RunImport(std::string source, std::string target) {
  std::string words[] = {"paddock", "import", std::move(source),
                         std::move(target)};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(),
                  words[3].data(), nullptr};
  return RunTool(4, argv).value();
}

class ImportPowerCutTest : public testing::Test {
 protected:
  ImportPowerCutTest() {
    fmt::print("PADDOCK_TEST_SEED={}\n", seed_);
    log::CaptureForTest([](log::Level, std::string_view) {});
    MakeSource();
  }
  ~ImportPowerCutTest() override { log::CaptureForTest(nullptr); }

  // A log of znodes in epoch 3, of which the snapshot has many sectors.
  void MakeSource() {
    const std::string dir = source_ / "version-2";
    std::filesystem::create_directory(dir);
    const std::string data(1500, 'd');
    zab::Zxid zxid{3, 1};
    std::vector<zab::Txn> txns;
    for (; zxid.counter <= 60; ++zxid.counter) {
      std::string bytes;
      jute::Write(jute::TxnHeader{7, 1, zxid.ToWire(), 1700000000000, 1},
                  &bytes);
      const std::string path = fmt::format("/n{}", zxid.counter);
      jute::Write(
          jute::CreateTxn{
              .path = path, .data = data, .acl = {{31, {"world", "anyone"}}}},
          &bytes);
      txns.push_back({zxid, bytes});
    }
    storage::WriteFile(fmt::format("{}/log.{:x}", dir, txns[0].zxid.ToWire()),
                       storage::LogBytesOf(txns));
    for (const auto& [name, epoch] :
         {std::pair(storage::kCurrentEpochName, kEpochs.current),
          std::pair(storage::kAcceptedEpochName, kEpochs.accepted)}) {
      ASSERT_TRUE(storage::WriteEpoch(dir, name, *epoch).ok());
    }
    OfflineState state;
    ASSERT_TRUE(state.LoadFolder(source_.path(), source_.path()).ok());
    summary_ = state.Summary();
  }

  // What is to be found in `dir`: "nothing", "unfinished", "whole", or else
  // what is wrong.
  std::string Judge(const std::string& dir) const {
    namespace fs = std::filesystem;
    const std::string version_dir = dir + storage::kVersionDir;
    bool is_empty = true;
    if (fs::exists(version_dir)) {
      for (const std::string& name : storage::NamesIn(version_dir)) {
        is_empty &= name == "paddock.lock";
      }
    }
    if (is_empty) {
      return "nothing";
    }
    const auto opened = storage::Storage::Open(
        {.data_dir = dir, .data_log_dir = dir, .create_dirs = false});
    if (absl::IsFailedPrecondition(opened.status())) {
      return "unfinished";
    }
    OfflineState state;
    const absl::Status loaded =
        opened.ok() ? state.Load([&](const storage::Restore& restore) {
          return (*opened)->Load(restore);
        })
                    : opened.status();
    const auto epochs = storage::ReadEpochs(version_dir);
    if (!loaded.ok() || !epochs.ok()) {
      return loaded.ToString() + epochs.status().ToString();
    }
    return state.Summary() == summary_ && *epochs == kEpochs
               ? "whole"
               : "something else: " + state.Summary();
  }

  const uint64_t seed_ = storage::TestSeed();
  Random random_{seed_};
  const storage::TempDir source_{storage::MemoryFolder()};
  std::string summary_;
};

TEST_F(ImportPowerCutTest, LeavesNothingThatIsTakenForTheState) {
  const storage::TempDir root(storage::MemoryFolder());
  storage::DiskModel model(root.path());
  ASSERT_EQ(RunImport(source_.path(), root / "new"), ExitCode::kOk);
  const storage::Recording recording = model.recording();

  std::map<std::string, int> found;
  for (storage::Disk disk(recording, seed_);; disk.Advance()) {
    std::vector<Survival> survivals = {Survival::kNothing,
                                       Survival::kEverything};
    survivals.resize(storage::IsFullRun() ? 60 : 5, Survival::kPrefix);
    for (size_t i = 3; i < survivals.size(); i += 2) {
      survivals[i] =
          random_.Chance(2, 3) ? Survival::kSectors : Survival::kGarbage;
    }
    for (const Survival survival : survivals) {
      const storage::TempDir crash(storage::MemoryFolder());
      disk.MakeCrashState(survival, &random_, crash.path());
      const std::string left = Judge(crash / "new");
      ++found[left];
      const bool is_right =
          left == "whole" ||
          (!disk.AtEnd() && (left == "nothing" || left == "unfinished"));
      ASSERT_TRUE(is_right)
          << left << "\nafter operation " << disk.position() << " ("
          << disk.Describe() << ") with " << storage::NameOf(survival)
          << " of what was not synced; PADDOCK_TEST_SEED=" << seed_;
    }
    if (disk.AtEnd()) {
      break;
    }
  }
  int states = 0;
  for (const auto& [left, count] : found) {
    states += count;
    fmt::print("{} times {}\n", count, left);
  }
  fmt::print("{} crash states\n", states);
  EXPECT_EQ(found.size(), 3u);
}

// An import that fails is told, and what it leaves is not taken for the state.
TEST_F(ImportPowerCutTest, LikewiseAfterEachFault) {
  using Effect = storage::Fault::Effect;
  for (const Effect effect : {Effect::kError, Effect::kPartialError}) {
    for (int nth = 1;; ++nth) {
      const storage::TempDir root(storage::MemoryFolder());
      storage::DiskModel model(root.path());
      model.Inject({.calls = storage::kChangingCalls,
                    .nth = nth,
                    .effect = effect,
                    .error = ENOSPC});
      const ExitCode code = RunImport(source_.path(), root / "new");
      const bool was_hit = model.hits() > 0;
      model.Heal();
      const std::string left = Judge(root / "new");
      if (!was_hit) {
        EXPECT_EQ(left, "whole");
        EXPECT_GT(nth, 20);
        break;
      }
      EXPECT_NE(code, ExitCode::kOk) << nth;
      EXPECT_TRUE(left == "nothing" || left == "unfinished" || left == "whole")
          << left << " after the failure of call " << nth;
    }
  }
}

}  // namespace
}  // namespace paddock::cli
