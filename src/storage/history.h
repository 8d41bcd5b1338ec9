// The history that a member's folders hold: the newest state that is whole,
// and the transactions after it.

#ifndef PADDOCK_STORAGE_HISTORY_H_
#define PADDOCK_STORAGE_HISTORY_H_

#include <string>

#include "absl/status/statusor.h"
#include "storage/replay.h"
#include "storage/snapshot_file.h"
#include "zab/write.h"

namespace paddock::storage {

// Those who rebuild the state.  `snapshot` is called first, and may be called
// again when a snapshot was damaged; then `txn` for each transaction.
struct Restore {
  RestoreSnapshot snapshot;
  RestoreTxn txn;
};

// Passes the newest snapshot in `data_path` that is whole to `restore`, then
// every transaction after it in the logs of `log_path`, in zxid order.  Then
// tidies the logs, as ReplayLogs() says.  Errors: those of ReplayLogs();
// kDataLoss when a snapshot is damaged and the log does not reach as far.
absl::StatusOr<zab::DurableState> LoadHistory(const std::string& data_path,
                                              const std::string& log_path,
                                              const Restore& restore);

// The same, but changes nothing.
absl::StatusOr<zab::DurableState> ReadHistory(const std::string& data_path,
                                              const std::string& log_path,
                                              const Restore& restore);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_HISTORY_H_
