// The part of a Server that has checkpoints written.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "server/server.h"

namespace paddock::server {
namespace {

// A checkpoint takes little of each batch, goes to its thread in larger pieces,
// and is no more than this ahead of the disk.
constexpr absl::Duration kCaptureTimeMax = absl::Microseconds(50);
constexpr size_t kCaptureBytes = 2 << 10;  // Between looks at the clock
constexpr size_t kCheckpointPieceBytes = 64 << 10;
constexpr size_t kCheckpointQueueMax = 1 << 20;

// A checkpoint rests most of the time: creates at 16 x 16 then run at 300 to
// 380 k/s beside it, else at 230 to 360.  With each so many bytes of log that
// no checkpoint has it rests less; a start reads them in 0.7 s.
constexpr int kCheckpointRestMax = 4;
constexpr int64_t kCheckpointRestStep = int64_t{256} << 20;

constexpr absl::Duration kCheckpointRetry = absl::Seconds(10);
constexpr absl::Duration kLongCheckpoint = absl::Seconds(5);

}  // namespace

void Server::AdvanceCheckpoint() {
  if (now_ >= next_purge_) {
    storage_->Purge();
    next_purge_ = now_ + options_.purge_interval;
  }
  if (IsCheckpointDue() && now_ >= next_checkpoint_) {
    BeginCheckpoint();
  }
  const int rest = CheckpointRest();
  if (rest != std::exchange(checkpoint_rest_, rest)) {
    storage_->SetCheckpointRest(rest);
  }
  if (checkpoint_ != CheckpointPhase::kCapturing ||
      storage_->CheckpointQueueBytes() > kCheckpointQueueMax) {
    return;
  }
  std::string& piece = checkpoint_piece_;
  const absl::Duration begin = MonotonicNow();
  bool more = true;
  while (more && piece.size() < kCheckpointPieceBytes &&
         MonotonicNow() - begin < kCaptureTimeMax) {
    more = replica_->Capture(piece.size() + kCaptureBytes, &piece);
  }
  if (!more || piece.size() >= kCheckpointPieceBytes) {
    checkpoint_account_.bytes += static_cast<int64_t>(piece.size());
    storage_->AddToCheckpoint(std::exchange(piece, {}));
  }
  if (more) {
    more_work_ = true;
  } else {
    storage_->FinishCheckpoint();
    checkpoint_ = CheckpointPhase::kWriting;
  }
}

bool Server::IsCheckpointDue() const {
  return phase_ == Phase::kServing && checkpoint_ == CheckpointPhase::kNone &&
         (replica_->change_count() >= options_.checkpoint_changes_max ||
          log_bytes_ >= options_.checkpoint_log_bytes_max);
}

int Server::CheckpointRest() const {
  if (replica_->IsCaptureUrgent()) {
    return 0;
  }
  const int64_t steps =
      log_bytes_ /
      std::max(kCheckpointRestStep, options_.checkpoint_log_bytes_max);
  return kCheckpointRestMax -
         static_cast<int>(std::min<int64_t>(steps, kCheckpointRestMax));
}

void Server::BeginCheckpoint() {
  checkpoint_account_ = {
      .begin = now_, .changes = static_cast<int64_t>(replica_->change_count())};
  replica::Checkpoint checkpoint = replica_->BeginCheckpoint();
  storage::CheckpointHead head{
      .zxid = checkpoint.zxid,
      .digest = checkpoint.digest,
      .has_all_nodes = checkpoint.has_all_nodes,
      .has_all_sessions = checkpoint.has_all_sessions,
      .deleted_ids = std::move(checkpoint.deleted_ids)};
  for (const SessionId id : checkpoint.closed_sessions) {
    head.closed_sessions.push_back(ToWire(id));
  }
  for (const auto& [id, timeout_ms] : checkpoint.sessions) {
    head.sessions.push_back({id, timeout_ms});
  }
  storage_->BeginCheckpoint(std::move(head));
  checkpoint_ = CheckpointPhase::kCapturing;
  log_bytes_at_checkpoint_ = log_bytes_;
}

void Server::OnCheckpointed(const absl::Status& status) {
  BeginBatch();
  checkpoint_ = CheckpointPhase::kNone;
  replica_->EndCheckpoint(status.ok());
  if (status.ok()) {
    log_bytes_ -= log_bytes_at_checkpoint_;
    CountCheckpoint();
    return;
  }
  ++stats_.checkpoint_errors;
  next_checkpoint_ = now_ + kCheckpointRetry;
  log::Error(
      "the checkpoint could not be written: {}.  Nothing is lost, the log has "
      "it all, but a start takes longer; the next attempt follows in {} s",
      std::string(status.message()), absl::ToInt64Seconds(kCheckpointRetry));
}

void Server::CountCheckpoint() {
  const CheckpointAccount& account = checkpoint_account_;
  const absl::Duration took = now_ - account.begin;
  stats_.checkpoint_time.Add(absl::ToInt64Milliseconds(took));
  stats_.checkpoint_changes.Add(account.changes);
  stats_.checkpoint_bytes.Add(account.bytes);
  if (took >= kLongCheckpoint) {
    log::Info("a checkpoint of {} changed znodes, {} KB, took {} ms",
              account.changes, account.bytes >> 10,
              absl::ToInt64Milliseconds(took));
  }
}

}  // namespace paddock::server
