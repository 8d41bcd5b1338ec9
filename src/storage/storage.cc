#include "storage/storage.h"

#include <fmt/core.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/types/span.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/log_format.h"
#include "storage/purge.h"

namespace paddock::storage {
namespace {

// A batch that is much smaller than the one before waits for its other half,
// for half as long as a sync takes and no longer than this: the clients whose
// writes were confirmed together come back one after the other, and the first
// would have a sync of its own while all others wait for it.
constexpr absl::Duration kGatherTimeMax = absl::Milliseconds(1);

// Who has not come back when so many syncs could have been made is not waited
// for.
constexpr int kComeBackSyncs = 16;

absl::StatusOr<Folder> OpenFolder(const std::string& dir, bool create,
                                  const std::string& origin) {
  absl::StatusOr<Folder> folder = Folder::Open(dir, create);
  if (folder.ok()) {
    return folder;
  }
  const absl::string_view message = folder.status().message();
  return absl::Status(folder.status().code(),
                      fmt::format("{}{}", origin, std::string(message)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storage>> Storage::Open(const Options& options) {
  ASSIGN_OR_RETURN(Folder data,
                   OpenFolder(options.data_dir, options.create_dirs,
                              options.data_dir_origin));
  std::optional<Folder> log;
  if (!SameDir(data.path(), options.data_log_dir + kVersionDir)) {
    ASSIGN_OR_RETURN(log, OpenFolder(options.data_log_dir, options.create_dirs,
                                     options.data_log_dir_origin));
  }
  RETURN_IF_ERROR(CheckContents(data.path(), log ? log->path() : data.path()));
  return std::unique_ptr<Storage>(
      new Storage(options, std::move(data), std::move(log)));
}

Storage::Storage(const Options& options, Folder data, std::optional<Folder> log)
    : options_(options),
      data_(std::move(data)),
      log_(std::move(log)),
      txn_log_(log_path(), options.preallocate_bytes, options.log_bytes_max,
               options.log_txns_max) {}

Storage::~Storage() { Stop(); }

absl::StatusOr<zab::DurableState> Storage::Load(const Restore& restore) {
  CHECK(!loaded_);
  ASSIGN_OR_RETURN(const zab::DurableState state,
                   LoadHistory(data_.path(), log_path(), restore));
  last_submitted_ = state.state_zxid;
  loaded_ = true;
  return state;
}

void Storage::Start(Reports reports) {
  CHECK(loaded_);
  CHECK(!thread_.joinable());
  reports_ = std::move(reports);
  checkpointer_.emplace(data_.path(), options_.preallocate_bytes,
                        reports_.checkpoint_drained, reports_.checkpointed);
  thread_ = std::thread([this] { Run(); });
}

void Storage::Submit(std::vector<zab::Write> writes) {
  CHECK(thread_.joinable());
  for (const zab::Write& write : writes) {
    CHECK_GT(write.id, last_write_id_);
    CHECK(Continues(last_submitted_, write.txn().zxid))
        << last_submitted_ << " then " << write.txn().zxid;
    last_write_id_ = write.id;
    last_submitted_ = write.txn().zxid;
  }
  bool wakes;
  {
    std::lock_guard lock(mutex_);
    if (has_failed_) {
      return;
    }
    wakes = queue_.size() < wanted_;
    if (queue_.empty()) {
      queue_.swap(writes);
    } else {
      std::move(writes.begin(), writes.end(), std::back_inserter(queue_));
    }
    wakes = wakes && queue_.size() >= wanted_;
    queued_ = queue_.size();
  }
  if (wakes) {
    wake_.notify_one();
  }
}

void Storage::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    std::lock_guard lock(mutex_);
    queued_ = kNoMore;
  }
  wake_.notify_one();
  thread_.join();
  checkpointer_.reset();
}

void Storage::BeginCheckpoint(CheckpointHead head) {
  checkpointer_->Begin(std::move(head));
}

void Storage::AddToCheckpoint(std::string nodes) {
  checkpointer_->Add(std::move(nodes));
}

void Storage::FinishCheckpoint() { checkpointer_->Finish(); }

void Storage::SetCheckpointRest(int times) { checkpointer_->SetRest(times); }

void Storage::Purge() {
  checkpointer_->Run([this] {
    const absl::Status status =
        storage::Purge(data_.path(), log_path(), options_.purge_retain_count);
    if (!status.ok()) {
      log::Warning("old logs and snapshots could not be purged: {}",
                   status.ToString());
    }
  });
}

size_t Storage::CheckpointQueueBytes() const {
  return checkpointer_->queued_bytes();
}

int64_t Storage::DataBytes() const {
  return SnapshotBytes(data_.path()) + CheckpointBytes(data_.path());
}

int64_t Storage::LogBytes() const { return storage::LogBytes(log_path()); }

SyncStats Storage::TakeSyncStats() {
  std::lock_guard lock(mutex_);
  return std::exchange(sync_stats_, SyncStats());
}

const std::string& Storage::log_path() const {
  return log_ ? log_->path() : data_.path();
}

void Storage::Run() {
  pthread_setname_np(pthread_self(), "paddock-log");
  std::vector<zab::Write> writes;
  while (AwaitWrites(&writes)) {
    if (absl::Status status = Persist(writes); !status.ok()) {
      Fail(std::move(status));
      return;
    }
    writes.clear();
  }
  // A file that keeps its padding is as good as one that was trimmed.
  if (const absl::Status status = txn_log_.Close(); !status.ok()) {
    log::Warning("closing the transaction log: {}", status.ToString());
  }
}

// Takes all that is queued; false when there will be no more.
bool Storage::AwaitWrites(std::vector<zab::Write>* writes) {
  CHECK(writes->empty());
  std::unique_lock lock(mutex_);
  wanted_ = 1;
  AwaitWanted(absl::InfiniteDuration(), &spinner_, &lock);
  if (MonotonicNow() - last_sync_end_ < kComeBackSyncs * sync_time_) {
    wanted_ = last_batch_;
    AwaitWanted(std::min(sync_time_ / 2, kGatherTimeMax), &gather_spinner_,
                &lock);
  }
  writes->swap(queue_);
  if (queued_ != kNoMore) {
    queued_ = 0;
  }
  last_batch_ = writes->size();
  return !writes->empty();
}

// Returns when wanted_ writes are queued, or when there will be no more.
void Storage::AwaitWanted(absl::Duration time_max, Spinner* spinner,
                          std::unique_lock<std::mutex>* lock) {
  const auto is_enough = [this] { return queued_ >= wanted_; };
  if (is_enough()) {
    return;
  }
  const absl::Duration begin = MonotonicNow();
  lock->unlock();
  const bool has_happened =
      spinner->Spin(std::min(options_.spin, time_max), [&is_enough] {
        sched_yield();  // Who brings the next write may wait for this core
        return is_enough();
      });
  lock->lock();
  if (has_happened) {
    return;
  }
  if (time_max == absl::InfiniteDuration()) {
    wake_.wait(*lock, is_enough);
  } else {
    wake_.wait_for(
        *lock, absl::ToChronoNanoseconds(time_max - (MonotonicNow() - begin)),
        is_enough);
  }
  spinner->Slept(MonotonicNow() - begin);
}

absl::Status Storage::Persist(const std::vector<zab::Write>& writes) {
  absl::Span<const zab::Write> rest = writes;
  while (!rest.empty()) {
    const auto batch = rest.first(TxnLog::BatchLength(rest));
    rest.remove_prefix(batch.size());
    RETURN_IF_ERROR(txn_log_.Append(batch));
    RETURN_IF_ERROR(Sync());
    reports_.persisted(batch.back().id);
    RETURN_IF_ERROR(txn_log_.RollWhenFull());
  }
  return absl::OkStatus();
}

absl::Status Storage::Sync() {
  if (!options_.sync) {
    txn_log_.SkipSync();
    return absl::OkStatus();
  }
  const absl::Duration start = MonotonicNow();
  RETURN_IF_ERROR(txn_log_.Sync());
  const absl::Duration end = MonotonicNow();
  const absl::Duration took = end - start;
  sync_time_ = (3 * sync_time_ + took) / 4;
  last_sync_end_ = end;
  const bool is_slow = took >= options_.sync_warning;
  {
    std::lock_guard lock(mutex_);
    SyncStats& stats = sync_stats_;
    stats.min = stats.count == 0 ? took : std::min(stats.min, took);
    stats.max = std::max(stats.max, took);
    stats.total += took;
    stats.count += 1;
    stats.over_warning += is_slow ? 1 : 0;
  }
  if (is_slow && slow_sync_lines_.Allow(end)) {
    log::Warning(
        "syncing the transaction log took {} ms; a disk of its own for "
        "dataLogDir makes it faster{}",
        absl::ToInt64Milliseconds(took), slow_sync_lines_.TakeSuppressedText());
  }
  return absl::OkStatus();
}

void Storage::Fail(absl::Status status) {
  {
    std::lock_guard lock(mutex_);
    has_failed_ = true;
    queue_.clear();
  }
  reports_.failed(std::move(status));
}

}  // namespace paddock::storage
