// The disk of the power cut tests does what it says, and a data base that is
// known to survive power cuts survives its.

#include "storage/disk_model.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "storage/crash_state.h"
#include "storage/log_fixture.h"
#include "storage/workload.h"

namespace paddock::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

namespace fs = std::filesystem;

// Everything in `root` by path: the content, or "folder".
std::map<std::string, std::string> Tree(const std::string& root) {
  std::map<std::string, std::string> tree;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = fs::relative(entry.path(), root);
    if (!path.ends_with("-shm")) {
      tree[path] = entry.is_directory() ? "folder" : ReadFile(entry.path());
    }
  }
  return tree;
}

class DiskModelTest : public testing::Test {
 protected:
  void SetUp() override { fmt::print("PADDOCK_TEST_SEED={}\n", seed_); }

  int OpenNew(const std::string& name) {
    const int fd = open((root_ / name).c_str(), O_RDWR | O_CREAT, 0644);
    CHECK_GE(fd, 0);
    return fd;
  }
  void Put(int fd, int64_t offset, std::string_view bytes) {
    CHECK_EQ(pwrite(fd, bytes.data(), bytes.size(), offset),
             static_cast<ssize_t>(bytes.size()));
  }
  void SyncRoot() {
    const int fd = open(root_.path().c_str(), O_RDONLY | O_DIRECTORY);
    CHECK_EQ(fsync(fd), 0);
    close(fd);
  }
  // What a cut at the end of all operations may leave.
  std::map<std::string, std::string> Left(Survival survival) {
    const Recording recording = disk_.recording();
    Disk disk(recording, seed_);
    while (!disk.AtEnd()) {
      disk.Advance();
    }
    const TempDir crash(MemoryFolder());
    disk.MakeCrashState(survival, &random_, crash.path());
    return Tree(crash.path());
  }
  // All that many cuts leave of the file "a".
  std::set<std::string> LeftOfA(Survival survival) {
    std::set<std::string> all;
    for (int i = 0; i < 300; ++i) {
      all.insert(Left(survival)["a"]);
    }
    return all;
  }

  const uint64_t seed_ = TestSeed();
  Random random_{seed_};
  const TempDir root_{MemoryFolder()};
  DiskModel disk_{root_.path()};
};

TEST_F(DiskModelTest, ANewFileNeedsASyncOfItsFolderAndOneOfItsOwn) {
  const int fd = OpenNew("a");
  Put(fd, 0, "one");
  EXPECT_THAT(Left(Survival::kNothing), IsEmpty());
  SyncRoot();
  EXPECT_THAT(Left(Survival::kNothing), ElementsAre(Pair("a", "")));
  ASSERT_EQ(fdatasync(fd), 0);
  Put(fd, 3, " two");
  EXPECT_THAT(Left(Survival::kNothing), ElementsAre(Pair("a", "one")));
  EXPECT_THAT(Left(Survival::kEverything), ElementsAre(Pair("a", "one two")));
  close(fd);
}

TEST_F(DiskModelTest, AnySectorsOfAWriteMayBeMissing) {
  const int fd = OpenNew("a");
  SyncRoot();
  ASSERT_EQ(ftruncate(fd, 1536), 0);
  ASSERT_EQ(fsync(fd), 0);
  Put(fd, 500, std::string(1000, 'x'));
  std::set<std::string> expected;
  for (unsigned kept = 0; kept < 8; ++kept) {
    std::string bytes(1536, '\0');
    for (size_t i = 500; i < 1500; ++i) {
      bytes[i] = (kept >> (i / 512) & 1) != 0 ? 'x' : '\0';
    }
    expected.insert(bytes);
  }
  EXPECT_TRUE(LeftOfA(Survival::kSectors) == expected);
  close(fd);
}

TEST_F(DiskModelTest, WritesToOneSectorArriveInOrder) {
  const int fd = OpenNew("a");
  SyncRoot();
  Put(fd, 0, "1..");
  ASSERT_EQ(fsync(fd), 0);
  Put(fd, 1, "2");
  Put(fd, 2, "3");
  EXPECT_THAT(LeftOfA(Survival::kSectors), ElementsAre("1..", "12.", "123"));
  close(fd);
}

TEST_F(DiskModelTest, ASizeIsKeptOrNot) {
  const int fd = OpenNew("a");
  SyncRoot();
  Put(fd, 0, "123456");
  ASSERT_EQ(fsync(fd), 0);
  ASSERT_EQ(ftruncate(fd, 2), 0);
  ASSERT_EQ(posix_fallocate(fd, 0, 4), 0);
  Put(fd, 4, "ab");
  EXPECT_THAT(LeftOfA(Survival::kSectors),
              ElementsAre(std::string("12"), std::string("12\0\0", 4),
                          std::string("12\0\0\0\0", 6),
                          std::string("12\0\0ab", 6), "123456"));
  close(fd);
}

TEST_F(DiskModelTest, GarbageIsOnlyWhereTheLastWriteWent) {
  const int fd = OpenNew("a");
  SyncRoot();
  Put(fd, 0, std::string(600, 'x'));
  ASSERT_EQ(fsync(fd), 0);
  Put(fd, 600, std::string(2000, 'y'));
  bool some = false;
  for (const std::string& bytes : LeftOfA(Survival::kGarbage)) {
    EXPECT_EQ(bytes.substr(0, 600), std::string(600, 'x'));
    some |=
        bytes.find_first_not_of(std::string("xy\0", 3)) != std::string::npos;
  }
  EXPECT_TRUE(some);
  close(fd);
}

TEST_F(DiskModelTest, EntriesChangeInOrder) {
  close(OpenNew("a"));
  SyncRoot();
  ASSERT_EQ(rename((root_ / "a").c_str(), (root_ / "b").c_str()), 0);
  ASSERT_EQ(mkdir((root_ / "d").c_str(), 0755), 0);
  ASSERT_EQ(unlink((root_ / "b").c_str()), 0);
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) {
    std::string names;
    for (const auto& [name, content] : Left(Survival::kSectors)) {
      names += name;
    }
    all.insert(names);
  }
  EXPECT_THAT(all, ElementsAre("a", "b", "bd", "d"));
}

TEST_F(DiskModelTest, WhatAFailedSyncLostStaysLost) {
  const int fd = OpenNew("a");
  SyncRoot();
  Put(fd, 0, std::string(512, 'x'));
  disk_.Inject({.calls = kSyncCall, .error = EIO});
  EXPECT_EQ(fdatasync(fd), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(fdatasync(fd), 0);
  const Recording recording = disk_.recording();
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk(recording, seed);
    while (!disk.AtEnd()) {
      disk.Advance();
    }
    const TempDir crash(MemoryFolder());
    disk.MakeCrashState(Survival::kEverything, &random_, crash.path());
    sizes.insert(ReadFile(crash / "a").size());
  }
  EXPECT_THAT(sizes, ElementsAre(0, 512));
  close(fd);
}

TEST_F(DiskModelTest, FaultsHitTheCallsThatTheyName) {
  const int fd = OpenNew("a");
  disk_.Inject({.calls = kWriteCall, .nth = 2, .error = ENOSPC});
  Put(fd, 0, "ab");
  EXPECT_EQ(write(fd, "cd", 2), -1);
  EXPECT_EQ(errno, ENOSPC);
  Put(fd, 2, "cd");
  EXPECT_EQ(disk_.hits(), 1);
  EXPECT_EQ(disk_.CountCalls(kWriteCall), 3);

  disk_.Inject({.calls = kWriteCall, .effect = Fault::Effect::kShort});
  EXPECT_EQ(pwrite(fd, "efgh", 4, 4), 2);
  disk_.Inject({.calls = kWriteCall,
                .effect = Fault::Effect::kPartialError,
                .error = EDQUOT});
  EXPECT_EQ(pwrite(fd, "ijkl", 4, 6), -1);
  EXPECT_EQ(errno, EDQUOT);
  disk_.Inject({.calls = kChangingCalls, .error = EROFS, .lasting = true});
  EXPECT_EQ(open((root_ / "b").c_str(), O_RDWR | O_CREAT, 0644), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(unlink((root_ / "a").c_str()), -1);
  EXPECT_EQ(ftruncate(fd, 0), -1);
  EXPECT_EQ(disk_.hits(), 3);
  disk_.Heal();
  EXPECT_EQ(Tree(root_.path())["a"], "abcdefij");
  EXPECT_THAT(Left(Survival::kEverything), ElementsAre(Pair("a", "abcdefij")));
  close(fd);
}

TEST_F(DiskModelTest, AStalledCallWaits) {
  const int fd = OpenNew("a");
  disk_.Inject({.calls = kSyncCall, .effect = Fault::Effect::kStall});
  std::atomic<bool> done = false;
  std::thread syncs([&] {
    EXPECT_EQ(fdatasync(fd), 0);
    done = true;
  });
  ASSERT_TRUE(disk_.AwaitStall());
  EXPECT_FALSE(done);
  Put(fd, 0, "x");  // Others go on
  disk_.Release();
  syncs.join();
  EXPECT_TRUE(done);
  close(fd);
}

class Database {
 public:
  explicit Database(const std::string& path) {
    CHECK_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
    Run("pragma journal_mode = wal; pragma synchronous = full;"
        "pragma wal_autocheckpoint = 4");
  }
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void Run(const std::string& sql) {
    char* error = nullptr;
    CHECK_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &error),
             SQLITE_OK)
        << error;
  }
  std::string Ask(const std::string& sql) {
    std::string answer;
    const auto take = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) = values[0] != nullptr ? values[0] : "";
      return 0;
    };
    return sqlite3_exec(db_, sql.c_str(), take, &answer, nullptr) == SQLITE_OK
               ? answer
               : sqlite3_errmsg(db_);
  }

 private:
  sqlite3* db_ = nullptr;
};

TEST_F(DiskModelTest, SqliteSurvivesAPowerCutAtAnyOperation) {
  const std::string path = root_ / "a.db";
  for (int run = 0; run < 2; ++run) {
    Database db(path);
    db.Run("create table if not exists t (n integer primary key, data blob)");
    for (int i = 1; i <= 12; ++i) {
      db.Run("insert into t (data) values (randomblob(3000))");
      disk_.Promise(run * 12 + i);
    }
  }
  const Recording recording = disk_.recording();
  EXPECT_EQ(Tree(root_.path()), Left(Survival::kEverything));
  Disk disk(recording, seed_);
  for (; !disk.AtEnd(); disk.Advance()) {
    for (const Survival survival :
         {Survival::kNothing, Survival::kEverything, Survival::kPrefix,
          Survival::kSectors, Survival::kSectors}) {
      const TempDir crash(MemoryFolder());
      disk.MakeCrashState(survival, &random_, crash.path());
      if (disk.promised() == 0 && !fs::exists(crash / "a.db")) {
        continue;
      }
      Database db(crash / "a.db");
      ASSERT_EQ(db.Ask("pragma integrity_check"), "ok")
          << disk.Describe() << ", " << NameOf(survival);
      const std::string count = db.Ask("select count(*) from t");
      if (disk.promised() > 0) {
        ASSERT_GE(std::stoll(count), disk.promised()) << disk.Describe();
      }
    }
  }
}

TEST_F(DiskModelTest, ARecordingOfStorageIsComplete) {
  History history;
  ASSERT_TRUE(
      RunWorkload(WorkloadOptions(root_.path()), &history, &disk_).ok());
  EXPECT_EQ(Tree(root_.path()), Left(Survival::kEverything));
}

}  // namespace
}  // namespace paddock::storage
