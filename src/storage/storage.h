// Storage keeps a member's history on its disk: today the transaction log, in
// ZooKeeper's own format (zab-and-disk.md 6.1; txn_log.h).
//
// Open() takes the folders for this process alone.  Load() replays what they
// hold.  After Start(), batches given to Submit() are appended and synced on a
// thread of Storage's own, and reported in order; while one batch is being
// synced the next one gathers, so that a busy log syncs rarely and an idle one
// at once.
//
// A write or sync that fails is final: nothing after it is reported as
// durable, and nothing is retried as if it had worked.

#ifndef PADDOCK_STORAGE_STORAGE_H_
#define PADDOCK_STORAGE_STORAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "zab/write.h"

namespace paddock::storage {

struct Options {
  std::string data_dir;                  // Holds version-2/
  std::string data_log_dir;              // Likewise; may be the same folder
  bool create_dirs = true;               // datadir.autocreate
  int64_t preallocate_bytes = 64 << 20;  // preAllocSize; <= 0: none
  int64_t log_bytes_max = -1;            // txnLogSizeLimitInKb; < 0: none
  bool sync = true;                      // forceSync
  absl::Duration sync_warning = absl::Seconds(1);  // fsync.warningthresholdms
};

// Durations of syncs since the last call, for monitoring.
struct SyncStats {
  int64_t count = 0;
  absl::Duration total;
  absl::Duration min;
  absl::Duration max;
  int64_t over_warning = 0;
};

class Storage {
 public:
  // Opens, and creates where allowed, the folders, and locks them.
  // Errors: kNotFound and kPermissionDenied for the folders; kUnavailable when
  // another process holds them.  The message names the folder and the remedy.
  static absl::StatusOr<std::unique_ptr<Storage>> Open(const Options& options);

  // Stops as Stop() does.
  virtual ~Storage() = default;

  // Passes every transaction in the log to `restore`, in zxid order, and
  // returns what Zab resumes from.  A torn tail, which nobody was promised, is
  // cut off with one log line.  Errors: kDataLoss for damage in front of
  // confirmed records, with file and offset; whatever `restore` returns.
  // `progress` is called about once a second of a long load.
  virtual absl::StatusOr<zab::DurableState> Load(
      absl::FunctionRef<absl::Status(const zab::Txn&)> restore) = 0;

  // Starts the log thread.  Both functions are called on it: `persisted` with
  // the id of the last write that is durable, `failed` once, when the log
  // cannot be written; nothing is persisted after that.
  // REQUIRES: Load() succeeded.
  virtual void Start(std::function<void(uint64_t write_id)> persisted,
                     std::function<void(absl::Status)> failed) = 0;

  // Queues `writes`.  Never blocks.  Any thread, one at a time.
  virtual void Submit(std::vector<zab::Write> writes) = 0;

  // Makes everything submitted durable, reports it, and ends the thread.
  virtual void Stop() = 0;

  // Sizes of the snapshots and of the logs in bytes, for `dirs` and `conf`.
  virtual int64_t DataBytes() const = 0;
  virtual int64_t LogBytes() const = 0;
  virtual SyncStats TakeSyncStats() = 0;
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_STORAGE_H_
