#include "server/process_facts.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "paddock/version.h"

namespace paddock::server {
namespace {

constexpr char kNotApplicable[] = "n/a";
constexpr int64_t kMegabyte = 1 << 20;

std::string VersionFolder(const std::string& dir) {
  std::error_code ignored;
  return (std::filesystem::absolute(dir, ignored).lexically_normal() /
          "version-2")
      .string();
}

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data()
                                                        : kNotApplicable;
}

// Name and home of the user who runs the process.
std::pair<std::string, std::string> UserNameAndHome() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) !=
          0 ||
      found == nullptr) {
    return {std::to_string(geteuid()), kNotApplicable};
  }
  return {found->pw_name, found->pw_dir};
}

std::string Megabytes(int64_t pages) {
  return fmt::format("{}MB", pages * sysconf(_SC_PAGESIZE) / kMegabyte);
}

}  // namespace

std::string FullVersion() {
  return fmt::format("{}-paddock-{}, built on {} UTC", kZooKeeperVersion,
                     kVersion, PADDOCK_BUILD_TIME);
}

Lines ConfigurationLines(const ServerOptions& options, uint16_t port,
                         int64_t data_bytes, int64_t log_bytes) {
  const storage::Options& storage = options.storage;
  const std::string& log_dir =
      storage.data_log_dir.empty() ? storage.data_dir : storage.data_log_dir;
  const auto ms = [](absl::Duration duration) {
    return std::to_string(absl::ToInt64Milliseconds(duration));
  };
  return {
      {"clientPort", std::to_string(port)},
      {"secureClientPort", "-1"},
      {"dataDir", VersionFolder(storage.data_dir)},
      {"dataDirSize", std::to_string(data_bytes)},
      {"dataLogDir", VersionFolder(log_dir)},
      {"dataLogSize", std::to_string(log_bytes)},
      {"tickTime", ms(options.replica.tick_time)},
      {"maxClientCnxns",
       std::to_string(options.clients.connections_per_address_max)},
      {"minSessionTimeout", ms(options.replica.min_session_timeout)},
      {"maxSessionTimeout", ms(options.replica.max_session_timeout)},
      {"clientPortListenBacklog",
       std::to_string(options.clients.listen_backlog)},
      {"serverId", "0"},  // As a standalone Java server says
  };
}

Lines EnvironmentLines() {
  utsname system{};
  uname(&system);
  const auto [user, home] = UserNameAndHome();
  std::error_code ignored;
  return {
      {"zookeeper.version", FullVersion()},
      {"host.name", HostName()},
      {"java.version", kNotApplicable},
      {"java.vendor", kNotApplicable},
      {"java.home", kNotApplicable},
      {"java.class.path", kNotApplicable},
      {"java.library.path", kNotApplicable},
      {"java.io.tmpdir", kNotApplicable},
      {"java.compiler", kNotApplicable},
      {"os.name", system.sysname},
      {"os.arch", system.machine},
      {"os.version", system.release},
      {"user.name", user},
      {"user.home", home},
      {"user.dir", std::filesystem::current_path(ignored).string()},
      {"os.memory.free", Megabytes(sysconf(_SC_AVPHYS_PAGES))},
      {"os.memory.max", Megabytes(sysconf(_SC_PHYS_PAGES))},
      {"os.memory.total", Megabytes(sysconf(_SC_PHYS_PAGES))},
  };
}

std::vector<replica::Metric> ProcessMetrics(
    const net::ClientConnections& connections, const ProcessStats& stats) {
  const net::ClientStats& clients = connections.stats();
  const Summary syncs = {.count = stats.syncs.count,
                         .sum = absl::ToInt64Milliseconds(stats.syncs.total),
                         .min = absl::ToInt64Milliseconds(stats.syncs.min),
                         .max = absl::ToInt64Milliseconds(stats.syncs.max)};
  return {
      {"connection_drop_probability", connections.drop_probability()},
      {"connection_rejected", clients.rejected + clients.throttled},
      {"connection_drop_count", clients.dropped_by_client},
      {"sessionless_connections_expired", clients.sessionless_expired},
      {"large_requests_rejected", clients.large_requests_rejected},
      {"request_throttle_wait_count", clients.waits},
      {"connection_token_deficit", clients.token_deficit},
      {"fsynctime", syncs},
      {"fsync_threshold_exceed_count", stats.syncs.over_warning},
      {"startup_txns_loaded", stats.transactions_loaded},
      {"startup_txns_load_time",
       stats.transactions_loaded.count > 0 ? stats.load_time : Summary()},
      {"dbinittime", stats.load_time},
      {"jvm_pause_time_ms", &stats.pauses},
      {"snapshottime", stats.checkpoint_time},
      {"snapshot_error_count", stats.checkpoint_errors},
      {"checkpoint_changes", stats.checkpoint_changes},
      {"checkpoint_bytes", stats.checkpoint_bytes},
  };
}

void AddSyncStats(const storage::SyncStats& recent, storage::SyncStats* total) {
  if (recent.count == 0) {
    return;
  }
  total->min =
      total->count == 0 ? recent.min : std::min(total->min, recent.min);
  total->max = std::max(total->max, recent.max);
  total->total += recent.total;
  total->count += recent.count;
  total->over_warning += recent.over_warning;
}

int64_t CountOpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) {
    return -1;
  }
  // One of them is the folder that is being read.
  return std::distance(begin(entries), end(entries)) - 1;
}

int64_t OpenFilesMax() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0
             ? static_cast<int64_t>(limit.rlim_cur)
             : -1;
}

void RaiseOpenFilesMax() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);  // The old one stays when it fails
  }
}

}  // namespace paddock::server
