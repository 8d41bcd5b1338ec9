// A data folder that this process holds alone: DIR/version-2, with a lock.

#ifndef PADDOCK_STORAGE_FOLDER_H_
#define PADDOCK_STORAGE_FOLDER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/file.h"

namespace paddock::storage {

inline constexpr char kVersionDir[] = "/version-2";

// There while a tool fills a new version-2.
inline constexpr char kUnfinishedName[] = "/unfinished";

class Folder {
 public:
  // Opens version-2 in `dir` and locks it for as long as the Folder lives;
  // creates it, if `create`, with the parents that are missing.  Errors, which
  // name the folder and the remedy:
  //   kNotFound            missing, and !create
  //   kFailedPrecondition  a file is in its place
  //   kPermissionDenied    not writable
  //   kUnavailable         another process holds it
  static absl::StatusOr<Folder> Open(const std::string& dir, bool create);

  // DIR/version-2
  const std::string& path() const { return path_; }

 private:
  Folder(std::string path, File lock);

  std::string path_;
  File lock_;
};

// Holds off other processes from DIR as a Folder does, while the result lives,
// but changes nothing.  Nullopt when no Paddock was ever there to lock it.
// Errors: kNotFound; kUnavailable, as Folder::Open() says it.
absl::StatusOr<std::optional<File>> LockForRead(const std::string& dir);

// Whether `name` is that of a transaction log, a snapshot or the checkpoint.
bool IsHistoryFile(const std::string& name);

// Checks that `path`, a version-2, was filled to its end by the tool that made
// it, if one did.  Errors: kFailedPrecondition.
absl::Status CheckFinished(const std::string& path);

// Checks that both are finished, and that no log, snapshot or checkpoint is in
// the wrong one of two folders. Errors: kFailedPrecondition.
absl::Status CheckContents(const std::string& data_path,
                           const std::string& log_path);

// The size of all snapshots, or logs, in `path`; 0 if it cannot be read.
int64_t SnapshotBytes(const std::string& path);
int64_t LogBytes(const std::string& path);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_FOLDER_H_
