// What a server counts, and what its owner adds for the answers of four-letter
// words (client-protocol.md chapters 9 and 12).

#ifndef PADDOCK_REPLICA_STATS_H_
#define PADDOCK_REPLICA_STATS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace paddock::replica {

// Times from a request's arrival to its reply, in ms.
struct LatencyStats {
  int64_t count = 0;
  int64_t sum_ms = 0;
  int64_t min_ms = 0;  // 0 while count is 0
  int64_t max_ms = 0;

  void Add(int64_t ms) {
    min_ms = count == 0 ? ms : std::min(min_ms, ms);
    max_ms = std::max(max_ms, ms);
    sum_ms += ms;
    ++count;
  }
};

struct ServerStats {
  LatencyStats latency;
  LatencyStats read_latency;
  LatencyStats update_latency;
  int64_t packets_received = 0;
  int64_t packets_sent = 0;
  int64_t bytes_received = 0;
  int64_t response_bytes = 0;
  int64_t watch_bytes = 0;
  int64_t connection_requests = 0;  // Handshakes begun
  int64_t revalidations = 0;        // Of these, for a session that exists
  int64_t unsuccessful_handshakes = 0;
  int64_t expired_sessions = 0;
  int64_t auth_failures = 0;
  int64_t commits = 0;
  int64_t last_response_size = -1;
  int64_t min_response_size = -1;
  int64_t max_response_size = -1;
  std::array<int64_t, 40> op_counts{};  // By index into AllOps()
};

// What the owner knows about the process and a Replica does not.
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
