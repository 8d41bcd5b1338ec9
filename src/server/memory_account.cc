#include "server/memory_account.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "absl/time/time.h"

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

// That this thread has run.
absl::Duration ThreadTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
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

// Of what lay together, 8 MB take some 3 ms.  Where it is scattered the
// allocator goes through all of its holes each time, which takes 70 ms of a
// heap of 300 MB, and gives little: then the next step waits until half of all
// is free.
size_t MemoryTrimmer::StepBytes() const {
  return last_was_long_
             ? highest_bytes_ / 2
             : std::clamp<size_t>(highest_bytes_ / 16, 1 << 20, 8 << 20);
}

void MemoryTrimmer::Look(size_t used_bytes) {
  constexpr absl::Duration kLongStep = absl::Milliseconds(10);
  highest_bytes_ = std::max(highest_bytes_, used_bytes);
  if (highest_bytes_ - used_bytes < StepBytes()) {
    return;
  }
  highest_bytes_ = used_bytes;
  const absl::Duration begin = ThreadTime();
  malloc_trim(0);
  last_was_long_ = ThreadTime() - begin > kLongStep;
}

}  // namespace paddock::server
