// The append of batches of transactions to the log, each with a sync, and its
// floor: the same bytes, appended to a file that is there already.  In the
// current folder, which should be on a disk.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/check.h"
#include "jute/persistence.h"
#include "jute/txn.h"
#include "storage/log_format.h"
#include "storage/txn_log.h"

namespace paddock::storage {
namespace {

constexpr size_t kTxnBytes = 150;
constexpr int64_t kPreallocateBytes = 64 << 20;

void BareAppend(benchmark::State& state) {
  const std::string path = "bare_append.tmp";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK_GE(fd, 0);
  // Written zeros, as the log has them ahead of its end.
  const std::string zeros(1 << 20, '\0');
  off_t end = 0;
  for (; end < kPreallocateBytes; end += static_cast<off_t>(zeros.size())) {
    CHECK_EQ(pwrite(fd, zeros.data(), zeros.size(), end),
             static_cast<ssize_t>(zeros.size()));
  }
  CHECK_EQ(fsync(fd), 0);
  const std::string batch(kTxnBytes * static_cast<size_t>(state.range(0)), 'x');
  off_t at = 0;
  for (auto step : state) {
    if (at + static_cast<off_t>(batch.size()) > end) {
      at = 0;
    }
    CHECK_EQ(pwrite(fd, batch.data(), batch.size(), at),
             static_cast<ssize_t>(batch.size()));
    CHECK_EQ(fdatasync(fd), 0);
    at += static_cast<off_t>(batch.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  close(fd);
  unlink(path.c_str());
}

void LogAppend(benchmark::State& state) {
  const std::string dir = "log_append.tmp";
  std::filesystem::remove_all(dir);  // Of a run that was ended
  std::filesystem::create_directory(dir);
  TxnLog log(dir, kPreallocateBytes, /*file_bytes_max=*/-1,
             /*file_txns_max=*/int64_t{1} << 40);
  std::vector<zab::Write> batch(static_cast<size_t>(state.range(0)));
  int64_t zxid = 0;
  for (auto step : state) {
    for (zab::Write& write : batch) {
      write.txn().zxid = zab::Zxid::FromWire(++zxid);
      write.txn().bytes.clear();
      jute::Write(jute::TxnHeader{.zxid = zxid}, &write.txn().bytes);
      write.txn().bytes.resize(kTxnBytes - kRecordOverheadBytes, 'x');
    }
    CHECK(log.Append(batch).ok());
    CHECK(log.Sync().ok());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  CHECK(log.Close().ok());
  std::filesystem::remove_all(dir);
}

BENCHMARK(BareAppend)->Arg(1)->Arg(16)->Arg(1024)->UseRealTime();
BENCHMARK(LogAppend)->Arg(1)->Arg(16)->Arg(1024)->UseRealTime();

}  // namespace
}  // namespace paddock::storage
