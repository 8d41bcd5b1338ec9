// What a server counts, and what its owner adds for the answers of four-letter
// words (client-protocol.md chapters 9 and 12).

#ifndef PADDOCK_REPLICA_STATS_H_
#define PADDOCK_REPLICA_STATS_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/summary.h"
#include "replica/metrics.h"

namespace paddock::replica {

// Counted since the start, or since the four-letter word srst.
struct ServerStats {
  // Times in ms.  From a request's arrival to its reply:
  Summary latency;
  DetailedSummary read_latency;
  DetailedSummary update_latency;
  // From its arrival to its turn, while the request throttle held it:
  DetailedSummary throttle_queue_time;
  // From a transaction's proposal until it is durable and applied, by the
  // monotonic clock and by the wall clock.
  DetailedSummary log_time;
  DetailedSummary propagation_latency;

  Summary batch_size;  // Transactions that became durable together
  // Connections that one change notified, by tree::EventType.
  std::array<Summary, 5> watches_triggered{};

  int64_t packets_received = 0;
  int64_t packets_sent = 0;
  int64_t bytes_received = 0;  // With length prefixes; the next two without
  int64_t response_bytes = 0;
  int64_t watch_bytes = 0;
  int64_t connection_requests = 0;  // Handshakes begun
  int64_t revalidations = 0;        // Of these, for a session that exists
  int64_t unsuccessful_handshakes = 0;
  int64_t expired_sessions = 0;
  int64_t auth_failures = 0;  // Not reset
  int64_t ensemble_auth_successes = 0;
  int64_t ensemble_auth_failures = 0;
  int64_t ensemble_auth_skips = 0;  // No names to compare
  int64_t throttled_ops = 0;
  int64_t stale_requests = 0;          // Handled all the same
  int64_t stale_requests_dropped = 0;  // With their connections
  int64_t stale_replies = 0;           // Requests whose connection went before
  // Writes that a hard quota refused, by first component of its path.
  absl::btree_map<std::string, int64_t> quota_exceeded;
  int64_t commits = 0;
  int64_t digest_mismatches = 0;  // With what other leaders announced
  int64_t last_response_size = -1;
  int64_t min_response_size = -1;
  int64_t max_response_size = -1;
  std::array<int64_t, 40> op_counts{};  // By index into AllOps()
};

// Bytes of memory, as the server counts them.
struct MemoryUse {
  size_t znodes = 0;  // But for their data
  size_t data = 0;
  size_t watches = 0;
  size_t sessions = 0;
  size_t connections = 0;  // With what waits to be received, done and sent
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

  // Further metrics for mntr.
  std::vector<Metric> metrics;
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_STATS_H_
