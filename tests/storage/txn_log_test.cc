#include "storage/txn_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/descriptor.h"
#include "storage/file.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

// Bytes of a file that the system keeps in memory.
size_t CachedBytes(const std::string& path) {
  const net::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const off_t size = lseek(file.get(), 0, SEEK_END);
  CHECK_GT(size, 0);
  const auto bytes = static_cast<size_t>(size);
  void* const at = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  CHECK(at != MAP_FAILED);
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page_bytes - 1) / page_bytes);
  CHECK_EQ(mincore(at, bytes, pages.data()), 0);
  CHECK_EQ(munmap(at, bytes), 0);
  return page_bytes * static_cast<size_t>(std::ranges::count_if(
                          pages, [](unsigned char page) { return page & 1; }));
}

class CachedLogTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    const std::string path = dir_ / "probe";
    auto file = File::Create(path);
    CHECK(file.ok() && file->WriteAt(0, std::string(1 << 20, 'x')).ok() &&
          file->SyncData().ok());
    file->DropFromCache(1 << 20);
    if (CachedBytes(path) > 0) {
      GTEST_SKIP() << "the file system of " << path << " keeps all in memory";
    }
    CHECK(RemoveFile(path).ok());
  }
  const TempDir& dir() const { return dir_; }

 private:
  const TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(TxnsOfAFile, CachedLogTest,
                         testing::Values(35, 1'000'000));

TEST_P(CachedLogTest, TheSystemKeepsTheNewestInMemory) {
  constexpr uint32_t kTxns = 1'000;
  constexpr size_t kTxnBytes = 100'000;
  constexpr size_t kCachedMax = 66 << 20;
  ASSERT_GT(kTxns * kTxnBytes, kCachedMax);
  TxnLog log(dir().path(), 1 << 20, -1, GetParam());
  const std::string body(kTxnBytes, 'x');
  for (uint32_t i = 1; i <= kTxns; ++i) {
    zab::Txn txn = MakeTxn({1, i}, 0);
    txn.bytes += body;
    ASSERT_TRUE(log.Append(ToWrites({txn})).ok());
    ASSERT_TRUE(log.Sync().ok());
    ASSERT_TRUE(log.RollWhenFull().ok());
  }
  size_t cached = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir().path())) {
    cached += CachedBytes(file.path());
  }
  EXPECT_LT(cached, kCachedMax);
  ASSERT_TRUE(log.Close().ok());
  EXPECT_EQ(ReplayDir(dir().path()).zxids.size(), kTxns);
}

}  // namespace
}  // namespace paddock::storage
