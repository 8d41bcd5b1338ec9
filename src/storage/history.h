// The history that a member's folders hold: the newest state that is whole,
// and the transactions after it.

#ifndef PADDOCK_STORAGE_HISTORY_H_
#define PADDOCK_STORAGE_HISTORY_H_

#include <string>

#include "absl/status/statusor.h"
#include "storage/checkpoint.h"
#include "storage/replay.h"
#include "storage/snapshot_file.h"
#include "zab/write.h"

namespace paddock::storage {

// Those who rebuild the state.  Of `checkpoint` and `snapshot` the one for the
// newest state is called first, `snapshot` again when one was damaged; then
// `txn` for each transaction.
struct Restore {
  RestoreCheckpoint checkpoint;
  RestoreSnapshot snapshot;
  RestoreTxn txn;
};

// Passes the checkpoint in `data_path`, or the newest snapshot there that is
// whole, whichever is newer, to `restore`, then every transaction after it in
// the logs of `log_path`, in zxid order.  Then tidies the logs, as ReplayLogs()
// says.  Errors: those of ReplayLogs() and ReadCheckpoint(); kDataLoss when a
// snapshot is damaged and the log does not reach as far.
absl::StatusOr<zab::DurableState> LoadHistory(const std::string& data_path,
                                              const std::string& log_path,
                                              const Restore& restore);

// The same, but changes nothing.
absl::StatusOr<zab::DurableState> ReadHistory(const std::string& data_path,
                                              const std::string& log_path,
                                              const Restore& restore);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_HISTORY_H_
