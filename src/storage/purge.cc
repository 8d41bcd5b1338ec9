#include "storage/purge.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status_macros.h"
#include "storage/checkpoint.h"
#include "storage/file.h"
#include "storage/log_format.h"
#include "storage/snapshot_file.h"

namespace paddock::storage {
namespace {

// Removes all but the last `retain` of `paths`, the oldest first, so that what
// stays after an error or a power cut has no gap.
absl::StatusOr<size_t> RemoveOldest(const std::vector<std::string>& paths,
                                    size_t retain) {
  const size_t count = paths.size() - std::min(paths.size(), retain);
  for (size_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(RemoveFile(paths[i]));
  }
  return count;
}

}  // namespace

absl::Status Purge(const std::string& data_path, const std::string& log_path,
                   size_t retain) {
  ASSIGN_OR_RETURN(const std::optional<zab::Zxid> checkpoint,
                   CheckpointZxid(data_path));
  if (!checkpoint) {
    return absl::OkStatus();
  }
  std::vector<std::pair<zab::Zxid, std::string>> logs;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(log_path));
  for (const std::string& name : names) {
    if (const std::optional<zab::Zxid> zxid = ZxidOfName("log.", name)) {
      logs.emplace_back(*zxid, log_path + "/" + name);
    }
  }
  std::sort(logs.begin(), logs.end());
  std::vector<std::string> old_logs;
  for (size_t i = 0; i + 1 < logs.size(); ++i) {
    // A file ends before the next one begins.
    if (logs[i + 1].first <= *checkpoint) {
      old_logs.push_back(logs[i].second);
    }
  }
  std::vector<std::string> old_snapshots;
  ASSIGN_OR_RETURN(const std::vector<SnapshotFile> snapshots,
                   ListSnapshots(data_path));
  for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
    if (it->name.zxid < *checkpoint) {
      old_snapshots.push_back(it->path);
    }
  }
  ASSIGN_OR_RETURN(const size_t logs_gone, RemoveOldest(old_logs, retain));
  ASSIGN_OR_RETURN(const size_t snapshots_gone,
                   RemoveOldest(old_snapshots, retain));
  if (logs_gone + snapshots_gone > 0) {
    log::Info("purged {} log files and {} snapshots that are older than {}{}",
              logs_gone, snapshots_gone, data_path, kCheckpointName);
  }
  return absl::OkStatus();
}

}  // namespace paddock::storage
