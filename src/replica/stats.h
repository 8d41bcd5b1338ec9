// What the owner knows about the process and the Replica does not: it goes
// into the answers of four-letter words (client-protocol.md chapter 9).

#ifndef PADDOCK_REPLICA_STATS_H_
#define PADDOCK_REPLICA_STATS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace paddock::replica {

struct ProcessFacts {
  std::string version;  // As srvr prints it: "3.9.5-<rev>, built on ..."
  int64_t data_dir_bytes = 0;
  int64_t log_dir_bytes = 0;
  int64_t open_files = 0;
  int64_t open_files_max = 0;
  int64_t uptime_ms = 0;

  // Lines of `conf` and `envi`, in order: key and value.
  std::vector<std::pair<std::string, std::string>> configuration;
  std::vector<std::pair<std::string, std::string>> environment;

  // Further metrics for mntr, without the zk_ prefix: value as printed.
  std::vector<std::pair<std::string, std::string>> metrics;
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_STATS_H_
