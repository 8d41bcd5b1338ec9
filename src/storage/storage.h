// Storage keeps a member's history on its disk: the transaction log, in
// ZooKeeper's own format (zab-and-disk.md 6.1; txn_log.h).  It starts from
// snapshots as well (snapshot_file.h), but writes none while it runs.
//
// Open() takes the folders for this process alone.  Load() replays what they
// hold (history.h).  After Start(), batches given to Submit() are appended and
// synced on a thread of Storage's own, and reported in order; while one batch
// is being synced the next one gathers, so that a busy log syncs rarely and an
// idle one at once.  A busy one also waits a little for a batch as large as the
// last.
//
// A write or sync that fails is final: nothing after it is reported as
// durable, and nothing is retried as if it had worked.

#ifndef PADDOCK_STORAGE_STORAGE_H_
#define PADDOCK_STORAGE_STORAGE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/spinner.h"
#include "storage/checkpointer.h"
#include "storage/folder.h"
#include "storage/history.h"
#include "storage/txn_log.h"
#include "zab/write.h"

namespace paddock::storage {

struct Options {
  std::string data_dir;      // Holds version-2/
  std::string data_log_dir;  // Likewise; may be the same folder
  // Where these values come from: what messages about them begin with.
  std::string data_dir_origin;
  std::string data_log_dir_origin;
  bool create_dirs = true;               // datadir.autocreate
  int64_t preallocate_bytes = 64 << 20;  // preAllocSize; <= 0: none
  int64_t log_bytes_max = -1;            // txnLogSizeLimitInKb; < 0: none
  int64_t log_txns_max = 100000;         // snapCount
  size_t purge_retain_count = 3;         // autopurge.snapRetainCount
  bool sync = true;                      // forceSync
  // So long the log thread does not sleep when the next writes are likely to
  // come (see Spinner).
  absl::Duration spin = absl::ZeroDuration();
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

// What the threads of a Storage tell.
struct Reports {
  // On the log thread: the id of the last write that is durable.
  std::function<void(uint64_t write_id)> persisted;
  // On the log thread, once: the log cannot be written; nothing is persisted
  // after that.
  std::function<void(absl::Status)> failed;
  // On the checkpoint thread: all that was added is written.
  std::function<void()> checkpoint_drained;
  // On the checkpoint thread: what became of the one that was finished.
  std::function<void(absl::Status)> checkpointed;
};

class Storage {
 public:
  // Opens, and creates where allowed, the folders, and locks them.
  // Errors: those of Folder::Open() and CheckContents() in folder.h, which say
  // what to do.
  static absl::StatusOr<std::unique_ptr<Storage>> Open(const Options& options);

  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Stops as Stop() does.
  ~Storage();

  // Passes the newest whole snapshot and every transaction after it to
  // `restore`, and returns what Zab resumes from.  A torn tail, which nobody
  // was promised, is cut off with one log line.  Errors: kDataLoss for damage
  // in front of confirmed records, for gaps, and for a damaged snapshot that
  // the log cannot replace, with the file and what to do; what `restore`
  // returns.  A load longer than a second logs its progress.
  // REQUIRES: called once
  absl::StatusOr<zab::DurableState> Load(const Restore& restore);

  // Starts the threads, which report to `reports`.
  // REQUIRES: Load() succeeded.
  void Start(Reports reports);

  // Queues `writes`, which continue the history: ids grow, zxids are
  // contiguous, and each is also the one in the transaction's TxnHeader.
  // Never blocks, and the queue has no bound of its own: the caller submits no
  // more than it may have outstanding (globalOutstandingLimit).  After a
  // failure it does nothing.  Any thread, one at a time.
  // REQUIRES: between Start() and Stop()
  void Submit(std::vector<zab::Write> writes);

  // Writes checkpoints, one after the other (checkpointer.h): Begin, Add as
  // often as needed, Finish.  Same thread as Submit().
  // REQUIRES: between Start() and Stop()
  void BeginCheckpoint(CheckpointHead head);
  void AddToCheckpoint(std::string nodes);
  void FinishCheckpoint();
  // How long this rests between pieces: so many times what one took.
  void SetCheckpointRest(int times);
  // What of it waits to be written.
  size_t CheckpointQueueBytes() const;

  // Removes what no start needs any more, on the checkpoint thread (purge.h).
  void Purge();

  // Makes everything submitted durable, reports it, and ends the threads.  A
  // checkpoint that is not finished is given up.
  void Stop();

  // Sizes of the snapshots with the checkpoint, and of the logs, in bytes, for
  // `dirs` and `conf`.  Reads the folders each time.
  int64_t DataBytes() const;
  int64_t LogBytes() const;
  SyncStats TakeSyncStats();

 private:
  static constexpr size_t kNoMore = std::numeric_limits<size_t>::max();

  Storage(const Options& options, Folder data, std::optional<Folder> log);

  const std::string& log_path() const;
  void Run();
  bool AwaitWrites(std::vector<zab::Write>* writes);
  void AwaitWanted(absl::Duration time_max, Spinner* spinner,
                   std::unique_lock<std::mutex>* lock);
  absl::Status Persist(const std::vector<zab::Write>& writes);
  absl::Status Sync();
  void Fail(absl::Status status);

  const Options options_;
  const Folder data_;
  const std::optional<Folder> log_;  // If not the same folder
  bool loaded_ = false;
  zab::Zxid last_submitted_;
  uint64_t last_write_id_ = 0;

  // Of the log thread.
  TxnLog txn_log_;
  LogLimit slow_sync_lines_;
  Reports reports_;
  size_t last_batch_ = 0;     // Writes that were persisted together
  absl::Duration sync_time_;  // Of late
  absl::Duration last_sync_end_ = -absl::InfiniteDuration();
  Spinner spinner_;         // For the first write of a batch
  Spinner gather_spinner_;  // For the others

  std::optional<Checkpointer> checkpointer_;  // Between Start() and Stop()
  std::thread thread_;
  std::condition_variable wake_;
  mutable std::mutex mutex_;  // Guards all below
  std::vector<zab::Write> queue_;
  // Of queue_, or kNoMore when stopping; read without the mutex as well.
  std::atomic<size_t> queued_ = 0;
  // So many in queue_ wake the log thread, which alone changes it.
  size_t wanted_ = 1;
  bool has_failed_ = false;
  SyncStats sync_stats_;
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_STORAGE_H_
