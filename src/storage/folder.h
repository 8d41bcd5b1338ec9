// A data folder that this process holds alone: DIR/version-2, with a lock.

#ifndef PADDOCK_STORAGE_FOLDER_H_
#define PADDOCK_STORAGE_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/file.h"

namespace paddock::storage {

inline constexpr char kVersionDir[] = "/version-2";

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

// Checks that the folders hold a history that can be loaded today: no snapshot
// but the empty one of a new Java server, and no log or snapshot in the wrong
// one of the two folders.  Errors: kUnimplemented, kFailedPrecondition.
absl::Status CheckContents(const std::string& data_path,
                           const std::string& log_path);

// The size of all files in `path` named PREFIX<zxid>; 0 if it cannot be read.
int64_t FileBytes(const std::string& path, const std::string& prefix);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_FOLDER_H_
