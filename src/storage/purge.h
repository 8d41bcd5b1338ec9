// Removal of history that no start needs any more.

#ifndef PADDOCK_STORAGE_PURGE_H_
#define PADDOCK_STORAGE_PURGE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"

namespace paddock::storage {

// Removes log files of `log_path` that hold nothing after the checkpoint in
// `data_path`, but for the newest `retain` of them, and snapshots older than
// the checkpoint, but for the newest `retain`.  Without a checkpoint it removes
// nothing.  One log line says what went.  Errors: those of file.h and of
// CheckpointZxid().
absl::Status Purge(const std::string& data_path, const std::string& log_path,
                   size_t retain);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_PURGE_H_
