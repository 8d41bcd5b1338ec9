// Snapshot files: DIR/snapshot.<zxid>, and with .gz or .snappy behind it those
// that a Java server has compressed (zab-and-disk.md 6.3).  What is in them is
// for others to read and write (tree/snapshot.h).

#ifndef PADDOCK_STORAGE_SNAPSHOT_FILE_H_
#define PADDOCK_STORAGE_SNAPSHOT_FILE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_stream.h"
#include "storage/snapshot_source.h"
#include "zab/zxid.h"

namespace paddock::storage {

struct SnapshotName {
  zab::Zxid zxid;
  Compression compression = Compression::kNone;
};

// Nullopt when `name` is that of something else.
std::optional<SnapshotName> ParseSnapshotName(std::string_view name);

struct SnapshotFile {
  std::string path;
  SnapshotName name;
};

// Those in `dir`, the newest first.
absl::StatusOr<std::vector<SnapshotFile>> ListSnapshots(const std::string& dir);

// Takes a state from a stream.  Errors: kDataLoss when what the stream holds
// is no whole snapshot; then it has taken nothing.
using RestoreSnapshot =
    absl::FunctionRef<absl::Status(zab::Zxid zxid, ByteSource source)>;

// What a state was restored from.
struct SnapshotRestored {
  zab::Zxid zxid;  // {0, 0} when there was no snapshot
  // The newest one that was passed over because it is damaged.  Those who have
  // a longer history do not need it; others have lost something.
  std::optional<SnapshotFile> damaged;
};

// Passes the newest snapshot in `dir` that is whole to `restore`, with a log
// line for it and for each damaged one that is passed over.
// Errors: those of file.h; those of `restore` but kDataLoss.
absl::StatusOr<SnapshotRestored> RestoreNewestSnapshot(const std::string& dir,
                                                       RestoreSnapshot restore);

// Writes DIR/snapshot.<zxid> with what `write` puts into the sink, replacing a
// file of that name, and returns its path.  It is complete and durable when it
// appears under its name.  Errors: those of file.h and of `write`.
absl::StatusOr<std::string> WriteSnapshotFile(
    const std::string& dir, zab::Zxid zxid,
    absl::FunctionRef<absl::Status(ByteSink)> write);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_SNAPSHOT_FILE_H_
