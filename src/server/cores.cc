#include "server/cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <istream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace paddock::server {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

double Affinity() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0
             ? CPU_COUNT(&set)
             : CPU_SETSIZE;  // More than the set can hold
}

// Of two times.  Where the first is not a number ("max") or negative there is
// no quota.
double Cores(std::istream& quota_and_period) {
  double quota = 0;
  double period = 0;
  return quota_and_period >> quota >> period && quota > 0 && period > 0
             ? quota / period
             : kNoQuota;
}

double Quota(const std::filesystem::path& group) {
  if (std::ifstream both(group / "cpu.max"); both) {
    return Cores(both);
  }
  std::stringstream both;
  both << std::ifstream(group / "cpu.cfs_quota_us").rdbuf() << ' '
       << std::ifstream(group / "cpu.cfs_period_us").rdbuf();
  return Cores(both);
}

}  // namespace

double CoresGranted(const std::filesystem::path& root) {
  double cores = Affinity();
  const std::filesystem::path all = root / "sys/fs/cgroup";
  std::ifstream own(root / "proc/self/cgroup");
  for (std::string line; std::getline(own, line);) {
    // Number, controllers (none: version 2), path
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() < 3) {
      continue;
    }
    const std::vector<absl::string_view> controllers =
        absl::StrSplit(fields[1], ',');
    std::vector<std::filesystem::path> tops;
    if (fields[1].empty()) {
      tops = {all};
    } else if (absl::c_linear_search(controllers, "cpu")) {
      tops = {all / "cpu", all / std::string(fields[1])};
    }
    const std::filesystem::path path = std::string(fields[2]);
    for (std::filesystem::path group : tops) {
      // A container may see its own group there.
      cores = std::min(cores, Quota(group));
      for (const std::filesystem::path& part : path.relative_path()) {
        group /= part;
        cores = std::min(cores, Quota(group));
      }
    }
  }
  return cores;
}

absl::Duration SpinTimes::ForOwner(uint64_t writes) const {
  // With many, the others need the core more than they gain by an early
  // answer: at 64 x 32 it cost 15 % of the sets, at 16 x 16 a quarter more CPU.
  constexpr uint64_t kFewWrites = 64;
  if (writes == 0) {
    return clients;
  }
  return writes <= kFewWrites ? disk : absl::ZeroDuration();
}

SpinTimes SpinTimesFor(double cores) {
  if (cores < 2) {
    return {};
  }
  return {.clients = absl::Microseconds(50),
          .disk = absl::Microseconds(200),
          .log = absl::Microseconds(100)};
}

}  // namespace paddock::server
