// What the answers of four-letter words say about the process.

#ifndef PADDOCK_SERVER_PROCESS_FACTS_H_
#define PADDOCK_SERVER_PROCESS_FACTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/summary.h"
#include "net/client_connections.h"
#include "replica/metrics.h"
#include "server/server_options.h"
#include "storage/storage.h"

namespace paddock::server {

using Lines = std::vector<std::pair<std::string, std::string>>;

// "3.9.5-paddock-0.1.0, built on 2026-07-17 18:55 UTC".
std::string FullVersion();

// `conf`, in the order of client-protocol.md 9.4.
Lines ConfigurationLines(const ServerOptions& options, uint16_t port,
                         int64_t data_bytes, int64_t log_bytes);

// `envi`, likewise.  What only a JVM has is "n/a".
Lines EnvironmentLines();

// Measured since the start, or since the four-letter word srst.
struct ProcessStats {
  storage::SyncStats syncs;
  Summary transactions_loaded;  // At the start
  Summary load_time;            // Likewise, in ms
  DetailedSummary pauses;       // In ms: this process was not run

  // Of each checkpoint: ms from its begin until it was durable, znodes that
  // had changed, bytes of those that are there.
  Summary checkpoint_time;
  Summary checkpoint_changes;
  Summary checkpoint_bytes;
  int64_t checkpoint_errors = 0;
};

// What the sockets, the log and the process add to `mntr` (chapter 12).
std::vector<replica::Metric> ProcessMetrics(
    const net::ClientConnections& connections, const ProcessStats& stats);

// Adds what was measured since the last time.
void AddSyncStats(const storage::SyncStats& recent, storage::SyncStats* total);

// -1 where it is not known.
int64_t CountOpenFiles();
int64_t OpenFilesMax();

// Each connection is an open file: takes all that the system's hard limit
// grants, as a JVM does.  The soft limit is 1,024 on most systems.
void RaiseOpenFilesMax();

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_PROCESS_FACTS_H_
