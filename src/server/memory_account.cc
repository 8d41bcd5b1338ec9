#include "server/memory_account.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/memory.h"

namespace paddock::server {
namespace {

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  int64_t resident_pages = 0;
  return statm >> pages >> resident_pages
             ? resident_pages * sysconf(_SC_PAGESIZE)
             : -1;
}

std::string Megabytes(size_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

MemoryAccount TakeMemoryAccount(const replica::Replica& replica,
                                const net::ClientConnections& connections) {
  MemoryAccount account{.resident_bytes = ResidentBytes(),
                        .use = replica.memory_use()};
  account.use.connections += connections.memory_bytes();
  return account;
}

// ZooKeeper has no such metrics; the first is named as Prometheus clients do.
std::vector<replica::Metric> MemoryMetrics(const MemoryAccount& account) {
  const auto bytes = [](size_t size) { return static_cast<int64_t>(size); };
  return {
      {"process_resident_memory_bytes", account.resident_bytes},
      {"znode_memory_bytes", bytes(account.use.znodes)},
      {"data_memory_bytes", bytes(account.use.data)},
      {"watch_memory_bytes", bytes(account.use.watches)},
      {"session_memory_bytes", bytes(account.use.sessions)},
      {"connection_memory_bytes", bytes(account.use.connections)},
  };
}

std::string MemoryText(const MemoryAccount& account) {
  const replica::MemoryUse& use = account.use;
  return fmt::format(
      "memory: {} resident; znodes {} and their data {}, watches {}, sessions "
      "{}, connections {}",
      account.resident_bytes < 0
          ? "unknown"
          : Megabytes(static_cast<size_t>(account.resident_bytes)),
      Megabytes(use.znodes), Megabytes(use.data), Megabytes(use.watches),
      Megabytes(use.sessions), Megabytes(use.connections));
}

void MemoryTrimmer::RunTimers(absl::Duration now) {
  // Work that comes and goes finds this much where it was, and for a while half
  // of what it had.
  constexpr size_t kKeptBytes = 4 << 20;
  constexpr size_t kStepBytesMax = 16 << 20;
  if (now < next_) {
    return;
  }
  next_ = now + absl::Seconds(1);
  const size_t free = FreeBytes();
  if (free > kKeptBytes) {
    const size_t step = std::min((free - kKeptBytes + 1) / 2, kStepBytesMax);
    ReleaseFreeMemory(step);
    next_ = now + (step == kStepBytesMax ? absl::Milliseconds(100)
                                         : absl::Seconds(1));
  }
}

}  // namespace paddock::server
