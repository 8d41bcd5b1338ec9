// What reaches the disk, and when, of what SQLite writes.

#include "storage/sqlite_vfs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/check.h"
#include "storage/disk_model.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Kind = Operation::Kind;

constexpr int kPage = 4096;

// One file of the VFS, on a disk that is watched.
class SqliteVfsTest : public testing::Test {
 protected:
  SqliteVfsTest()
      : vfs_(sqlite3_vfs_find(PacedVfs())),
        memory_(static_cast<size_t>(vfs_->szOsFile)),
        file_(reinterpret_cast<sqlite3_file*>(memory_.data())) {
    constexpr int kFlags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;
    CHECK_EQ(
        vfs_->xOpen(vfs_, path_.c_str(), file_, kFlags, /*pOutFlags=*/nullptr),
        SQLITE_OK);
  }
  ~SqliteVfsTest() override { Close(); }

  int Write(int64_t offset, size_t size, char fill) {
    const std::string bytes(size, fill);
    return file_->pMethods->xWrite(file_, bytes.data(), static_cast<int>(size),
                                   offset);
  }
  int Sync() { return file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL); }
  int Truncate(int64_t size) { return file_->pMethods->xTruncate(file_, size); }
  int Close() {
    if (file_->pMethods == nullptr) {
      return SQLITE_OK;
    }
    const int result = file_->pMethods->xClose(file_);
    file_->pMethods = nullptr;
    return result;
  }
  std::string Read(int64_t offset, int size) {
    std::string bytes(static_cast<size_t>(size), '\0');
    EXPECT_EQ(file_->pMethods->xRead(file_, bytes.data(), size, offset),
              SQLITE_OK);
    return bytes;
  }
  int64_t Size() {
    sqlite3_int64 size = -1;
    EXPECT_EQ(file_->pMethods->xFileSize(file_, &size), SQLITE_OK);
    return size;
  }

  // What reached the disk: "write OFFSET SIZE", "sync", "truncate SIZE".
  std::vector<std::string> Done() const {
    std::vector<std::string> done;
    for (const Operation& operation : disk_.recording().operations) {
      if (operation.kind == Kind::kWrite) {
        done.push_back(fmt::format("write {} {}", operation.offset,
                                   operation.bytes.size()));
      } else if (operation.kind == Kind::kSync) {
        done.emplace_back("sync");
      } else if (operation.kind == Kind::kTruncate) {
        done.push_back(fmt::format("truncate {}", operation.offset));
      }
    }
    return done;
  }

  const TempDir dir_{MemoryFolder()};
  // SQLite looks for parameters behind the name.
  const std::string path_ = dir_.path() + "/file" + std::string(3, '\0');
  DiskModel disk_{dir_.path()};
  sqlite3_vfs* const vfs_;
  std::vector<char> memory_;
  sqlite3_file* const file_;
};

TEST_F(SqliteVfsTest, JoinsWritesThatFollowOneAnother) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Write(i * kPage, kPage, 'a'), SQLITE_OK);
  }
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(Sync(), SQLITE_OK);
  EXPECT_THAT(Done(), ElementsAre("write 0 12288", "sync"));
}

TEST_F(SqliteVfsTest, KeepsTheOrderOfAllOthers) {
  EXPECT_EQ(Write(kPage, kPage, 'a'), SQLITE_OK);
  EXPECT_EQ(Write(0, kPage, 'b'), SQLITE_OK);
  EXPECT_EQ(Write(0, 10, 'c'), SQLITE_OK);
  EXPECT_EQ(Truncate(kPage), SQLITE_OK);
  EXPECT_EQ(Write(kPage, 1, 'd'), SQLITE_OK);
  EXPECT_EQ(Close(), SQLITE_OK);
  EXPECT_THAT(Done(),
              ElementsAre("write 4096 4096", "write 0 4096", "write 0 10",
                          "truncate 4096", "write 4096 1"));
  EXPECT_EQ(ReadFile(dir_.path() + "/file"),
            std::string(10, 'c') + std::string(kPage - 10, 'b') + "d");
}

TEST_F(SqliteVfsTest, AReaderSeesWhatWasWritten) {
  EXPECT_EQ(Write(0, kPage, 'a'), SQLITE_OK);
  EXPECT_EQ(Read(kPage - 5, 5), "aaaaa");
  EXPECT_EQ(Write(kPage, kPage, 'b'), SQLITE_OK);
  EXPECT_EQ(Size(), 2 * kPage);
  EXPECT_EQ(Write(2 * kPage, kPage, 'c'), SQLITE_OK);
  EXPECT_EQ(file_->pMethods->xLock(file_, SQLITE_LOCK_SHARED), SQLITE_OK);
  EXPECT_EQ(file_->pMethods->xUnlock(file_, SQLITE_LOCK_NONE), SQLITE_OK);
  EXPECT_EQ(ReadFile(dir_.path() + "/file").size(), 3u * kPage)
      << "another process may look now";
}

// No sync of the log waits behind more than this.
TEST_F(SqliteVfsTest, SyncsAfterSomeHundredKilobytes) {
  constexpr size_t kBytesMax = 640 << 10;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Write(i * kPage, kPage, 'a'), SQLITE_OK);
  }
  size_t unsynced = 0;
  size_t most = 0;
  int syncs = 0;
  for (const Operation& operation : disk_.recording().operations) {
    unsynced += operation.bytes.size();
    most = std::max(most, unsynced);
    if (operation.kind == Kind::kSync) {
      unsynced = 0;
      ++syncs;
    }
  }
  EXPECT_LE(most, kBytesMax);
  EXPECT_GE(syncs, 5);
}

TEST_F(SqliteVfsTest, AFailedWriteIsToldAndStillToBeDone) {
  for (const auto& [error, result] :
       {std::pair(ENOSPC, SQLITE_FULL), std::pair(EIO, SQLITE_IOERR_WRITE)}) {
    for (const auto effect :
         {Fault::Effect::kError, Fault::Effect::kPartialError}) {
      EXPECT_EQ(Write(0, 3 * kPage, static_cast<char>('0' + error)), SQLITE_OK);
      disk_.Inject({.calls = kWriteCall,
                    .effect = effect,
                    .error = error,
                    .lasting = true});
      EXPECT_EQ(Sync(), result);
      EXPECT_EQ(Write(9 * kPage, kPage, 'x'), result);
      EXPECT_EQ(Truncate(0), result);
      disk_.Heal();
      EXPECT_EQ(Sync(), SQLITE_OK);
      EXPECT_EQ(ReadFile(dir_.path() + "/file"),
                std::string(3 * kPage, static_cast<char>('0' + error)));
    }
  }
}

TEST_F(SqliteVfsTest, AShortWriteGoesOn) {
  disk_.Inject({.calls = kWriteCall, .effect = Fault::Effect::kShort});
  EXPECT_EQ(Write(0, 3 * kPage, 'a'), SQLITE_OK);
  EXPECT_EQ(Sync(), SQLITE_OK);
  EXPECT_EQ(disk_.hits(), 1);
  EXPECT_EQ(ReadFile(dir_.path() + "/file"), std::string(3 * kPage, 'a'));
}

// What was written before may never arrive.
TEST_F(SqliteVfsTest, AFailedSyncIsFinal) {
  EXPECT_EQ(Write(0, kPage, 'a'), SQLITE_OK);
  disk_.Inject({.calls = kSyncCall, .error = EIO});
  EXPECT_EQ(Sync(), SQLITE_IOERR_FSYNC);
  disk_.Heal();
  EXPECT_EQ(Sync(), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(Write(kPage, kPage, 'b'), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(Truncate(0), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(Close(), SQLITE_IOERR_FSYNC);
  EXPECT_EQ(ReadFile(dir_.path() + "/file"), std::string(kPage, 'a'));
}

}  // namespace
}  // namespace paddock::storage
