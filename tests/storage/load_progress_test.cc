// A load that takes long says how far it is.  The time that passes is this
// program's own: its clock_gettime() stands in for the C library's.

#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "base/log.h"
#include "jute/persistence.h"
#include "storage/checkpoint.h"
#include "storage/log_fixture.h"
#include "storage/storage.h"

namespace paddock::storage {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// While it is not negative, the monotonic clock stands there.
constinit std::atomic<int64_t> g_seconds = -1;

// What a load of `txn_count` transactions says when every 4096 of them take
// `seconds`.
std::vector<std::string> LinesOfLoad(uint32_t txn_count, int64_t seconds) {
  const TempDir dir(MemoryFolder());
  std::filesystem::create_directory(dir / "version-2");
  WriteFile(dir / "version-2/log.1", LogBytesOf(MakeTxns({0, 1}, txn_count)));
  std::vector<std::string> lines;
  log::CaptureForTest([&](log::Level level, std::string_view line) {
    EXPECT_EQ(level, log::Level::kInfo);
    lines.emplace_back(line);
  });
  Options options;
  options.data_dir = dir.path();
  options.data_log_dir = dir.path();
  const auto storage = Storage::Open(options);
  CHECK(storage.ok()) << storage.status();
  g_seconds = 1000;
  const auto slow = [&](const zab::Txn& txn) {
    g_seconds += txn.zxid.counter % 4096 == 0 ? seconds : 0;
    return absl::OkStatus();
  };
  const auto state = (*storage)->Load({.checkpoint = RefuseCheckpoint,
                                       .snapshot = RefuseSnapshot,
                                       .txn = slow});
  g_seconds = -1;
  log::CaptureForTest(nullptr);
  EXPECT_TRUE(state.ok()) << state.status();
  return lines;
}

TEST(LoadProgressTest, ALoadLongerThanASecondSaysHowFarItIs) {
  const std::vector<std::string> lines = LinesOfLoad(10240, 2);
  EXPECT_THAT(lines, ElementsAre(AllOf(HasSubstr("loading the transaction log"),
                                       HasSubstr("%"), HasSubstr("4096 tr")),
                                 HasSubstr("8192 transactions"),
                                 HasSubstr("loaded 10240 transactions")));
}

TEST(LoadProgressTest, ACheckpointSaysHowFarItIs) {
  const TempDir dir(MemoryFolder());
  const std::string data(300000, 'd');  // More than is handed on at once
  std::string acl;
  jute::OutputArchive(&acl).WriteInt(0);
  auto writer = CheckpointWriter::Open(dir.path());
  CHECK(writer.ok()) << writer.status();
  CHECK((*writer)->Begin({.zxid = {0, 1}}).ok());
  int64_t id = 0;
  for (const char* const path : {"/", "/a", "/b", "/c"}) {
    std::string node;
    jute::Write(jute::CheckpointNode{path, data, acl, {}, ++id}, &node);
    CHECK((*writer)->Add(node).ok());
  }
  CHECK((*writer)->Commit().ok());
  std::vector<std::string> lines;
  log::CaptureForTest(
      [&](log::Level, std::string_view line) { lines.emplace_back(line); });
  g_seconds = 1000;
  const absl::Status status = ReadCheckpoint(
      dir.path(), [](const CheckpointHead&, CheckpointSource source) {
        while (true) {
          const absl::StatusOr<std::string> records = source();
          g_seconds += 2;
          if (!records.ok() || records->empty()) {
            return records.status();
          }
        }
      });
  g_seconds = -1;
  log::CaptureForTest(nullptr);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(lines, ElementsAre(HasSubstr("/tree.db: 25 %"), HasSubstr("50 %"),
                                 HasSubstr("75 %"), HasSubstr("100 %")));
}

TEST(LoadProgressTest, AShortOneSaysNothing) {
  EXPECT_THAT(LinesOfLoad(10240, 0), IsEmpty());
}

}  // namespace
}  // namespace paddock::storage

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto real = reinterpret_cast<decltype(&::clock_gettime)>(
      dlsym(RTLD_NEXT, "clock_gettime"));
  const int64_t seconds = paddock::storage::g_seconds;
  if (clock == CLOCK_MONOTONIC && seconds >= 0) {
    *now = {.tv_sec = seconds, .tv_nsec = 0};
    return 0;
  }
  return real(clock, now);
}
