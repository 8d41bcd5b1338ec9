#include "storage/history.h"

#include <fmt/core.h>

#include "absl/functional/function_ref.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace paddock::storage {
namespace {

// `replay` is ReplayLogs() or ReadLogs().
absl::StatusOr<zab::DurableState> Rebuild(
    const std::string& data_path, const std::string& log_path,
    const Restore& restore,
    absl::FunctionRef<absl::StatusOr<zab::DurableState>(const std::string&,
                                                        zab::Zxid, RestoreTxn)>
        replay) {
  ASSIGN_OR_RETURN(const std::optional<zab::Zxid> checkpoint,
                   CheckpointZxid(data_path));
  ASSIGN_OR_RETURN(
      SnapshotRestored base,
      RestoreNewestSnapshot(data_path, checkpoint, restore.snapshot));
  if (checkpoint && base.zxid <= *checkpoint) {
    RETURN_IF_ERROR(ReadCheckpoint(data_path, restore.checkpoint));
    log::Info("restored {}{}, zxid 0x{:x}", data_path, kCheckpointName,
              static_cast<uint64_t>(checkpoint->ToWire()));
    base.zxid = *checkpoint;
  }
  ASSIGN_OR_RETURN(const zab::DurableState state,
                   replay(log_path, base.zxid, restore.txn));
  if (base.damaged && state.state_zxid < base.damaged->name.zxid) {
    return absl::DataLossError(fmt::format(
        "{} is damaged, and the log ends before it, at zxid 0x{:x}.  Restore "
        "the file from a copy; to give up what it held instead, move it away",
        base.damaged->path, static_cast<uint64_t>(state.state_zxid.ToWire())));
  }
  return state;
}

}  // namespace

absl::StatusOr<zab::DurableState> LoadHistory(const std::string& data_path,
                                              const std::string& log_path,
                                              const Restore& restore) {
  return Rebuild(data_path, log_path, restore, ReplayLogs);
}

absl::StatusOr<zab::DurableState> ReadHistory(const std::string& data_path,
                                              const std::string& log_path,
                                              const Restore& restore) {
  return Rebuild(data_path, log_path, restore, ReadLogs);
}

}  // namespace paddock::storage
