// TxnLog appends transactions to the log files of a folder, each process run
// to files of its own.
//
// Appended bytes land where the disk already holds zeros: a file is allocated
// `preallocate_bytes` at a time, and a write that reaches blocks not written
// before takes the zeros of the next kZeroAheadBytes along.  So most syncs
// change no metadata and need no commit of the file system's journal.
//
// Of what was synced the system's cache keeps the newest 64 MB, which is about
// what a start reads; the room of the rest is used again.  A cache that grows
// takes memory from others, and new memory is slow where a hypervisor or a full
// control group must find it first: 1.2 times as many creates at 16 x 16.
//
// Not thread-safe.  After an error only destruction is allowed: what the disk
// holds is not known.

#ifndef PADDOCK_STORAGE_TXN_LOG_H_
#define PADDOCK_STORAGE_TXN_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/file.h"
#include "zab/write.h"

namespace paddock::storage {

class TxnLog {
 public:
  // Appends to new files in `dir`.  A file larger than `file_bytes_max`, if
  // that is not negative, or with `file_txns_max` transactions or more, is
  // followed by another.
  TxnLog(std::string dir, int64_t preallocate_bytes, int64_t file_bytes_max,
         int64_t file_txns_max);

  // How many of the first `writes` make the next batch: as many as
  // kBatchBytesMax holds, but at least one.  REQUIRES: !writes.empty()
  static size_t BatchLength(absl::Span<const zab::Write> writes);

  // Writes one batch, without sync.
  absl::Status Append(absl::Span<const zab::Write> batch);

  // Makes what was appended durable, the name of the file included.  Errors:
  // those of file.h, kNotFound when somebody has removed the file.
  absl::Status Sync();

  // Leaves that to the operating system (forceSync=no).
  void SkipSync() { synced_ = true; }

  // Ends the current file if it is large enough.
  // REQUIRES: Sync() or SkipSync() since the last Append()
  absl::Status RollWhenFull();

  // Ends the current file, trimmed to what it holds.
  // REQUIRES: Sync() or SkipSync() since the last Append()
  absl::Status Close();

 private:
  // A part of a file that the system's cache holds.
  struct Piece {
    std::string path;
    int64_t end;
    int64_t bytes;
  };

  absl::Status Create(zab::Zxid first);
  void AllocateAhead();
  void AddZeros();
  void EndPiece();

  static constexpr int64_t kPieceBytes = 1 << 20;  // Or a batch more
  static constexpr int64_t kCachedBytesMax = 64 << 20;

  const std::string dir_;
  const int64_t preallocate_bytes_;
  const int64_t file_bytes_max_;
  const int64_t file_txns_max_;

  std::optional<File> file_;
  bool name_is_durable_ = false;
  bool synced_ = true;
  int64_t txns_ = 0;           // In this file
  int64_t end_ = 0;            // Of what was appended
  int64_t written_end_ = 0;    // Of that and the zeros after it
  int64_t allocated_end_ = 0;  // 0 when the file system refused
  std::string buffer_;

  int64_t synced_end_ = 0;    // Of what Sync() has made durable
  std::deque<Piece> pieces_;  // Of that; oldest first
  int64_t piece_begin_ = 0;   // Of what is not among them yet
  int64_t piece_bytes_ = 0;   // Of all of them
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_TXN_LOG_H_
