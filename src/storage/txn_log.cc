#include "storage/txn_log.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/log_format.h"

namespace paddock::storage {
namespace {

constexpr int64_t kBlockBytes = 4096;
constexpr int64_t kZeroAheadBytes = 256 << 10;

}  // namespace

TxnLog::TxnLog(std::string dir, int64_t preallocate_bytes,
               int64_t file_bytes_max, int64_t file_txns_max)
    : dir_(std::move(dir)),
      preallocate_bytes_(preallocate_bytes),
      file_bytes_max_(file_bytes_max),
      file_txns_max_(file_txns_max) {}

size_t TxnLog::BatchLength(absl::Span<const zab::Write> writes) {
  CHECK(!writes.empty());
  size_t length = 0;
  size_t bytes = 0;
  do {
    bytes += writes[length].txn().bytes.size() + kRecordOverheadBytes;
    ++length;
  } while (length < writes.size() &&
           bytes + writes[length].txn().bytes.size() + kRecordOverheadBytes <=
               kBatchBytesMax);
  return length;
}

absl::Status TxnLog::Append(absl::Span<const zab::Write> batch) {
  CHECK(!batch.empty());
  CHECK(synced_) << "two batches would be at stake";
  synced_ = false;
  buffer_.clear();
  if (!file_) {
    RETURN_IF_ERROR(Create(batch.front().txn().zxid));
  }
  for (const zab::Write& write : batch) {
    CHECK_EQ(PayloadZxid(write.txn().bytes), write.txn().zxid);
    AppendRecord(write.txn().bytes, &buffer_);
  }
  txns_ += static_cast<int64_t>(batch.size());
  const int64_t start = end_;
  end_ += static_cast<int64_t>(buffer_.size());
  AllocateAhead();
  AddZeros();
  return file_->WriteAt(start, buffer_);
}

absl::Status TxnLog::Sync() {
  CHECK(file_.has_value());
  RETURN_IF_ERROR(file_->SyncData());
  RETURN_IF_ERROR(file_->CheckNotRemoved());
  if (!name_is_durable_) {
    RETURN_IF_ERROR(SyncDir(dir_));
    name_is_durable_ = true;
  }
  synced_ = true;
  synced_end_ = end_;
  return absl::OkStatus();
}

absl::Status TxnLog::RollWhenFull() {
  if (synced_end_ - piece_begin_ >= kPieceBytes) {
    EndPiece();
  }
  const bool is_full = txns_ >= file_txns_max_ ||
                       (file_bytes_max_ >= 0 && end_ > file_bytes_max_);
  return is_full ? Close() : absl::OkStatus();
}

// The trimmed length need not be durable: zeros at the end are an end as well.
absl::Status TxnLog::Close() {
  CHECK(synced_);
  if (!file_) {
    return absl::OkStatus();
  }
  const absl::Status status = file_->Truncate(end_);
  if (synced_end_ > piece_begin_) {
    EndPiece();
  }
  file_.reset();
  return status;
}

absl::Status TxnLog::Create(zab::Zxid first) {
  ASSIGN_OR_RETURN(file_, File::Create(dir_ + "/" + LogFileName(first)));
  name_is_durable_ = false;
  txns_ = 0;
  end_ = 0;
  synced_end_ = 0;
  piece_begin_ = 0;
  written_end_ = 0;
  allocated_end_ = 0;
  AppendFileHeader(&buffer_);
  return absl::OkStatus();
}

// Where the file system cannot allocate, or has too little room for all of it,
// the writes themselves extend the file, or fail.
void TxnLog::AllocateAhead() {
  if (preallocate_bytes_ <= 0 || end_ + kBlockBytes < allocated_end_) {
    return;
  }
  const int64_t size = (end_ / preallocate_bytes_ + 1) * preallocate_bytes_;
  allocated_end_ = file_->Allocate(0, size).ok() ? size : 0;
}

// Lengthens buffer_, which ends at end_, by zeros for the batches to come.
void TxnLog::AddZeros() {
  if (end_ <= written_end_) {
    return;
  }
  written_end_ = end_;
  const int64_t zeros_end =
      (end_ + kZeroAheadBytes) / kBlockBytes * kBlockBytes;
  const bool pays = static_cast<int64_t>(buffer_.size()) < kZeroAheadBytes;
  if (pays && zeros_end <= allocated_end_) {
    buffer_.append(static_cast<size_t>(zeros_end - end_), '\0');
    written_end_ = zeros_end;
  }
}

// What was synced since the last piece is one more.
void TxnLog::EndPiece() {
  const int64_t bytes = synced_end_ - std::exchange(piece_begin_, synced_end_);
  pieces_.push_back({file_->path(), synced_end_, bytes});
  piece_bytes_ += bytes;
  while (piece_bytes_ > kCachedBytesMax) {
    // By its name, so that a file that was purged is gone.
    const absl::StatusOr<File> file = File::OpenForRead(pieces_.front().path);
    if (file.ok()) {
      file->DropFromCache(pieces_.front().end);
    }
    piece_bytes_ -= pieces_.front().bytes;
    pieces_.pop_front();
  }
}

}  // namespace paddock::storage
