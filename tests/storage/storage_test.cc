#include "storage/storage.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/log.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::chrono::seconds kDeadline{30};

Options OptionsFor(const std::string& dir) {
  Options options;
  options.data_dir = dir;
  options.data_log_dir = dir;
  options.preallocate_bytes = 1 << 20;
  return options;
}

absl::Status Discard(const zab::Txn&) { return absl::OkStatus(); }

// A started Storage; the test waits for what it reports.
class Running {
 public:
  explicit Running(const Options& options) {
    auto storage = Storage::Open(options);
    CHECK(storage.ok()) << storage.status();
    storage_ = *std::move(storage);
    const auto keep = [this](const zab::Txn& txn) {
      loaded_.push_back(txn.zxid);
      return absl::OkStatus();
    };
    const auto state = storage_->Load({.checkpoint = RefuseCheckpoint,
                                       .snapshot = RefuseSnapshot,
                                       .txn = keep});
    CHECK(state.ok()) << state.status();
    last_ = state->state_zxid;
    storage_->Start({.persisted =
                         [this](uint64_t id) {
                           rusage usage{};
                           CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
                           std::lock_guard lock(mutex_);
                           sleeps_ = usage.ru_nvcsw;
                           reports_.push_back(id);
                           changed_.notify_all();
                         },
                     .failed =
                         [this](absl::Status status) {
                           std::lock_guard lock(mutex_);
                           failures_.push_back(std::move(status));
                           changed_.notify_all();
                         },
                     .checkpoint_drained = [] {},
                     .checkpointed = [](const absl::Status&) {}});
  }

  // Submits the next `count` transactions as one batch.
  void Submit(size_t count, size_t body_bytes = 20) {
    std::vector<zab::Write> writes =
        ToWrites(MakeTxns({last_.epoch, last_.counter + 1}, count, body_bytes),
                 last_id_ + 1);
    last_id_ += count;
    last_.counter += static_cast<uint32_t>(count);
    storage_->Submit(std::move(writes));
  }

  bool AwaitPersisted() {
    return Await(
        [this] { return !reports_.empty() && reports_.back() == last_id_; });
  }
  bool AwaitFailure() {
    return Await([this] { return !failures_.empty(); });
  }

  Storage& storage() { return *storage_; }
  const std::vector<zab::Zxid>& loaded() const { return loaded_; }
  std::vector<uint64_t> reports() {
    std::lock_guard lock(mutex_);
    return reports_;
  }
  // How often the log thread had gone to sleep when it last reported.
  int64_t sleeps() {
    std::lock_guard lock(mutex_);
    return sleeps_;
  }
  std::vector<absl::Status> failures() {
    std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  bool Await(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, condition);
  }

  std::vector<zab::Zxid> loaded_;
  zab::Zxid last_;
  uint64_t last_id_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t sleeps_ = 0;
  std::vector<uint64_t> reports_;
  std::vector<absl::Status> failures_;
  std::unique_ptr<Storage> storage_;  // Destroyed first: it reports until then
};

// Runs `body` in a child process and returns its wait status.
int InChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  CHECK_GE(pid, 0);
  if (pid == 0) {
    _exit(body());
  }
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

TEST(StorageTest, AnEmptyFolderHoldsNoHistory) {
  const TempDir dir;
  Running storage(OptionsFor(dir / "a/b/data"));
  EXPECT_THAT(storage.loaded(), IsEmpty());
}

// Sync would be a sleep as well.
TEST(StorageTest, TheLogThreadSpins) {
  const TempDir dir;
  Options options = OptionsFor(dir.path());
  options.sync = false;
  options.spin = absl::InfiniteDuration();
  Running storage(options);
  storage.Submit(1);
  ASSERT_TRUE(storage.AwaitPersisted());
  const int64_t before = storage.sleeps();
  constexpr int kTimes = 200;
  for (int i = 0; i < kTimes; ++i) {
    storage.Submit(1);
    ASSERT_TRUE(storage.AwaitPersisted());
  }
  EXPECT_LT(storage.sleeps() - before, kTimes / 2);
}  // And a stop ends it

TEST(StorageTest, WhatWasPersistedIsLoadedAgain) {
  const TempDir dir;
  {
    Running storage(OptionsFor(dir.path()));
    storage.Submit(1);
    ASSERT_TRUE(storage.AwaitPersisted());
    storage.Submit(3);
    ASSERT_TRUE(storage.AwaitPersisted());
  }
  {
    Running storage(OptionsFor(dir.path()));
    EXPECT_THAT(storage.loaded(),
                ElementsAre(zab::Zxid{0, 1}, zab::Zxid{0, 2}, zab::Zxid{0, 3},
                            zab::Zxid{0, 4}));
    storage.Submit(1);
    ASSERT_TRUE(storage.AwaitPersisted());
  }
  EXPECT_THAT(NamesIn(dir / "version-2"),
              UnorderedElementsAre("log.1", "log.5", "paddock.lock"));
  EXPECT_EQ(ReplayDir(dir / "version-2").last, (zab::Zxid{0, 5}));
}

TEST(StorageTest, StopPersistsEverythingAndTrimsTheFile) {
  const TempDir dir;
  Running storage(OptionsFor(dir.path()));
  for (int i = 0; i < 100; ++i) {
    storage.Submit(2);
  }
  storage.storage().Stop();
  EXPECT_EQ(storage.reports().back(), 200u);
  EXPECT_EQ(ReadFile(dir / "version-2/log.1"),
            LogBytesOf(MakeTxns({0, 1}, 200)));
}

TEST(StorageTest, ReportsGrow) {
  const TempDir dir;
  Running storage(OptionsFor(dir.path()));
  for (int i = 0; i < 200; ++i) {
    storage.Submit(1);
  }
  ASSERT_TRUE(storage.AwaitPersisted());
  const std::vector<uint64_t> reports = storage.reports();
  for (size_t i = 1; i < reports.size(); ++i) {
    EXPECT_LT(reports[i - 1], reports[i]);
  }
  EXPECT_EQ(reports.back(), 200u);
  EXPECT_EQ(storage.storage().TakeSyncStats().count,
            static_cast<int64_t>(reports.size()));
}

// No more than kBatchBytesMax is ever at stake in one sync (replay.h).
TEST(StorageTest, ALargeSubmissionIsSyncedInParts) {
  const TempDir dir;
  Running storage(OptionsFor(dir.path()));
  storage.Submit(5, kBatchBytesMax / 2 - 1000);
  ASSERT_TRUE(storage.AwaitPersisted());
  EXPECT_THAT(storage.reports(), ElementsAre(2, 4, 5));
}

TEST(StorageTest, ARecordLargerThanABatchIsABatch) {
  const TempDir dir;
  {
    Running storage(OptionsFor(dir.path()));
    storage.Submit(2, 3 * kBatchBytesMax);
    ASSERT_TRUE(storage.AwaitPersisted());
    EXPECT_THAT(storage.reports(), ElementsAre(1, 2));
  }
  EXPECT_EQ(ReplayDir(dir / "version-2").last, (zab::Zxid{0, 2}));
}

TEST(StorageTest, AFullFileIsFollowedByAnother) {
  const TempDir dir;
  Options options = OptionsFor(dir.path());
  options.log_bytes_max = 1000;
  {
    Running storage(options);
    for (int i = 0; i < 4; ++i) {
      storage.Submit(1, 600);
      ASSERT_TRUE(storage.AwaitPersisted());
    }
  }
  EXPECT_THAT(NamesIn(dir / "version-2"),
              UnorderedElementsAre("log.1", "log.3", "paddock.lock"));
  EXPECT_EQ(ReplayDir(dir / "version-2").last, (zab::Zxid{0, 4}));
}

TEST(StorageTest, AFileWithEnoughTransactionsIsFollowedByAnother) {
  const TempDir dir;
  Options options = OptionsFor(dir.path());
  options.log_txns_max = 2;
  {
    Running storage(options);
    for (int i = 0; i < 5; ++i) {
      storage.Submit(1);
      ASSERT_TRUE(storage.AwaitPersisted());
    }
  }
  EXPECT_THAT(NamesIn(dir / "version-2"),
              UnorderedElementsAre("log.1", "log.3", "log.5", "paddock.lock"));
}

TEST(StorageTest, PreallocatesAsAsked) {
  const TempDir dir;
  Options options = OptionsFor(dir.path());
  const std::string log = dir / "version-2/log.1";
  options.preallocate_bytes = 8 << 20;
  {
    Running storage(options);
    storage.Submit(1);
    ASSERT_TRUE(storage.AwaitPersisted());
    EXPECT_EQ(std::filesystem::file_size(log), 8u << 20);
    storage.Submit(5, 3 << 20);
    ASSERT_TRUE(storage.AwaitPersisted());
    EXPECT_EQ(std::filesystem::file_size(log), 16u << 20);
    EXPECT_EQ(storage.storage().LogBytes(), 16 << 20);
    EXPECT_EQ(storage.storage().DataBytes(), 0);
  }
  EXPECT_EQ(ReplayDir(dir / "version-2").last, (zab::Zxid{0, 6}));

  const TempDir plain;
  options = OptionsFor(plain.path());
  options.preallocate_bytes = 0;
  Running storage(options);
  storage.Submit(1);
  ASSERT_TRUE(storage.AwaitPersisted());
  EXPECT_EQ(ReadFile(plain / "version-2/log.1"),
            LogBytesOf(MakeTxns({0, 1}, 1)));
}

TEST(StorageTest, WithoutSyncItReportsAllTheSame) {
  const TempDir dir;
  Options options = OptionsFor(dir.path());
  options.sync = false;
  {
    Running storage(options);
    storage.Submit(3);
    ASSERT_TRUE(storage.AwaitPersisted());
    EXPECT_EQ(storage.storage().TakeSyncStats().count, 0);
  }
  EXPECT_EQ(ReplayDir(dir / "version-2").last, (zab::Zxid{0, 3}));
}

TEST(StorageTest, SlowSyncsAreCountedAndLogged) {
  const TempDir dir;
  std::mutex mutex;
  std::vector<std::string> warnings;
  log::CaptureForTest([&](log::Level level, std::string_view line) {
    std::lock_guard lock(mutex);
    if (level == log::Level::kWarning) {
      warnings.emplace_back(line);
    }
  });
  Options options = OptionsFor(dir.path());
  options.sync_warning = absl::ZeroDuration();  // Every sync is slow
  {
    Running storage(options);
    for (int i = 0; i < 50; ++i) {
      storage.Submit(1);
      ASSERT_TRUE(storage.AwaitPersisted());
    }
    const SyncStats stats = storage.storage().TakeSyncStats();
    EXPECT_EQ(stats.count, 50);
    EXPECT_EQ(stats.over_warning, 50);
    EXPECT_GT(stats.min, absl::ZeroDuration());
    EXPECT_LE(stats.min, stats.max);
    EXPECT_LE(stats.max, stats.total);
    EXPECT_EQ(storage.storage().TakeSyncStats().count, 0);
  }
  log::CaptureForTest(nullptr);
  EXPECT_THAT(warnings, testing::SizeIs(
                            testing::AllOf(testing::Ge(1u), testing::Lt(50u))));
  EXPECT_THAT(warnings[0], HasSubstr("syncing the transaction log took"));
}

// A disk that takes no more: the limit on the size of a file stands in for it.
// The write that fails is reported once, those before it stay, and nothing
// after it is confirmed.
TEST(StorageTest, AFailedWriteIsFinal) {
  const TempDir dir;
  const int status = InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10'000, 10'000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
      return 1;
    }
    Running storage(OptionsFor(dir.path()));
    storage.Submit(3, 1000);
    if (!storage.AwaitPersisted()) {
      return 2;
    }
    storage.Submit(20, 1000);
    if (!storage.AwaitFailure()) {
      return 3;
    }
    storage.Submit(1, 10);
    storage.storage().Stop();
    const bool right = storage.reports() == std::vector<uint64_t>{3} &&
                       storage.failures().size() == 1;
    return right ? 0 : 4;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_GE(ReplayDir(dir / "version-2").last, (zab::Zxid{0, 3}));
}

// Who removes the folder of a running server must not be told that writes to it
// are durable.
TEST(StorageTest, ARemovedFileIsAFailure) {
  const TempDir dir;
  Running storage(OptionsFor(dir.path()));
  storage.Submit(3);
  ASSERT_TRUE(storage.AwaitPersisted());
  std::filesystem::remove_all(dir / "version-2");
  storage.Submit(1);
  ASSERT_TRUE(storage.AwaitFailure());
  storage.storage().Stop();
  EXPECT_THAT(storage.reports(), ElementsAre(3));
  EXPECT_THAT(storage.failures(),
              ElementsAre(absl::NotFoundError(dir / "version-2/log.1" +
                                              " was removed")));
}

// What the child was told is durable is there after kill -9, in order.
TEST(StorageTest, ConfirmedWritesSurviveKill) {
  for (const uint64_t confirmed_min : {1u, 7u, 100u}) {
    const TempDir dir;
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      auto storage = Storage::Open(OptionsFor(dir.path()));
      CHECK((*storage)
                ->Load({.checkpoint = RefuseCheckpoint,
                        .snapshot = RefuseSnapshot,
                        .txn = Discard})
                .ok());
      (*storage)->Start({.persisted =
                             [&](uint64_t id) {
                               CHECK_EQ(write(pipe_fds[1], &id, sizeof id),
                                        static_cast<ssize_t>(sizeof id));
                             },
                         .failed = [](absl::Status) { _exit(1); },
                         .checkpoint_drained = [] {},
                         .checkpointed = [](const absl::Status&) {}});
      for (uint32_t i = 1;; i += 3) {
        (*storage)->Submit(ToWrites(MakeTxns({0, i}, 3, 50 * (i % 20)), i));
      }
    }
    close(pipe_fds[1]);
    uint64_t confirmed = 0;
    while (confirmed < confirmed_min &&
           read(pipe_fds[0], &confirmed, sizeof confirmed) > 0) {
    }
    kill(pid, SIGKILL);
    while (read(pipe_fds[0], &confirmed, sizeof confirmed) > 0) {
    }
    close(pipe_fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));

    const Replayed replayed = ReplayDir(dir / "version-2");
    ASSERT_TRUE(replayed.status.ok()) << replayed.status;
    EXPECT_GE(replayed.last.counter, confirmed);
    for (size_t i = 0; i < replayed.zxids.size(); ++i) {
      EXPECT_EQ(replayed.zxids[i].counter, i + 1);
    }
  }
}

TEST(StorageFolderTest, IsHeldByOneProcess) {
  const TempDir dir;
  const auto first = Storage::Open(OptionsFor(dir.path()));
  ASSERT_TRUE(first.ok());
  const int status = InChild([&] {
    const auto second = Storage::Open(OptionsFor(dir.path()));
    const bool right =
        absl::IsUnavailable(second.status()) &&
        second.status().ToString().find(dir.path()) != std::string::npos;
    return right ? 0 : 1;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StorageFolderTest, TheLogFolderIsHeldAsWell) {
  const TempDir dir;
  Options options = OptionsFor(dir / "a");
  options.data_log_dir = dir / "log";
  const auto first = Storage::Open(options);
  ASSERT_TRUE(first.ok()) << first.status();
  options.data_dir = dir / "b";
  const auto second = Storage::Open(options);
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(dir / "log"));
}

TEST(StorageFolderTest, IsFreeAgainAfterTheServer) {
  const TempDir dir;
  ASSERT_TRUE(Storage::Open(OptionsFor(dir.path())).ok());
  ASSERT_TRUE(Storage::Open(OptionsFor(dir.path())).ok());
}

TEST(StorageFolderTest, LogsGoToTheirOwnFolder) {
  const TempDir dir;
  Options options = OptionsFor(dir / "data");
  options.data_log_dir = dir / "log";
  {
    Running storage(options);
    storage.Submit(1);
    ASSERT_TRUE(storage.AwaitPersisted());
  }
  EXPECT_THAT(NamesIn(dir / "log/version-2"),
              UnorderedElementsAre("log.1", "paddock.lock"));
  EXPECT_THAT(NamesIn(dir / "data/version-2"), ElementsAre("paddock.lock"));
}

TEST(StorageFolderTest, OneFolderUnderTwoNamesIsLockedOnce) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "data");
  std::filesystem::create_directory_symlink(dir / "data", dir / "link");
  Options options = OptionsFor(dir / "data");
  options.data_log_dir = dir / "link";
  EXPECT_TRUE(Storage::Open(options).ok());
}

TEST(StorageFolderTest, IsNotCreatedAgainstTheConfiguration) {
  const TempDir dir;
  Options options = OptionsFor(dir / "data");
  options.create_dirs = false;
  const auto storage = Storage::Open(options);
  EXPECT_TRUE(absl::IsNotFound(storage.status())) << storage.status();
  EXPECT_THAT(std::string(storage.status().message()),
              HasSubstr("datadir.autocreate"));
  EXPECT_THAT(NamesIn(dir.path()), IsEmpty());
}

TEST(StorageFolderTest, AFileInItsPlaceIsAnError) {
  const TempDir dir;
  WriteFile(dir / "data", "");
  for (const bool create : {true, false}) {
    Options options = OptionsFor(dir / "data");
    options.create_dirs = create;
    const auto storage = Storage::Open(options);
    EXPECT_TRUE(absl::IsFailedPrecondition(storage.status()))
        << storage.status();
    EXPECT_THAT(std::string(storage.status().message()),
                HasSubstr(dir / "data"));
  }
}

// Root may write anywhere, so the child becomes somebody else.
TEST(StorageFolderTest, AFolderOfSomebodyElseIsAnError) {
  const TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  const int status = InChild([&] {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) {
      return 1;
    }
    const auto storage = Storage::Open(OptionsFor(dir / "data"));
    return absl::IsPermissionDenied(storage.status()) ? 0 : 2;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StorageFolderTest, FilesInTheWrongFolderAreAnError) {
  for (const char* const name :
       {"data/version-2/log.1", "log/version-2/snapshot.0"}) {
    const TempDir dir;
    Options options = OptionsFor(dir / "data");
    options.data_log_dir = dir / "log";
    ASSERT_TRUE(Storage::Open(options).ok());
    WriteFile(dir / name, "");
    EXPECT_TRUE(absl::IsFailedPrecondition(Storage::Open(options).status()))
        << name;
  }
}

}  // namespace
}  // namespace paddock::storage
