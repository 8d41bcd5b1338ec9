#include "cli/offline_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/status_macros.h"
#include "cli/text.h"
#include "storage/epoch_file.h"
#include "storage/file.h"
#include "storage/folder.h"
#include "storage/snapshot_source.h"

namespace paddock::cli {
namespace {

absl::StatusOr<bool> HoldsHistory(const std::string& version_dir) {
  ASSIGN_OR_RETURN(const auto names, storage::ListDir(version_dir));
  RETURN_IF_ERROR(storage::CheckFinished(version_dir));
  return std::any_of(names.begin(), names.end(), storage::IsHistoryFile);
}

// What a member has promised to others must go where its history goes.  A
// standalone server has no such files.
absl::Status CopyEpochs(const std::string& from, const std::string& to,
                        zab::Zxid last) {
  ASSIGN_OR_RETURN(storage::Epochs epochs, storage::ReadEpochs(from));
  if (epochs.current && epochs.next_current && *epochs.current < last.epoch) {
    epochs.current = epochs.next_current;
  }
  if (epochs.current) {
    RETURN_IF_ERROR(
        storage::WriteEpoch(to, storage::kCurrentEpochName, *epochs.current));
  }
  if (epochs.accepted) {
    RETURN_IF_ERROR(
        storage::WriteEpoch(to, storage::kAcceptedEpochName, *epochs.accepted));
  }
  return absl::OkStatus();
}

}  // namespace

OfflineState::OfflineState(const tree::TreeOptions& options)
    : tree_(options), restorer_(options.digest, &tree_, &sessions_) {}

absl::Status OfflineState::Load(
    absl::FunctionRef<
        absl::StatusOr<zab::DurableState>(const storage::Restore&)>
        load) {
  const auto restore_checkpoint = [this](const storage::CheckpointHead& head,
                                         storage::CheckpointSource source) {
    tree::SessionTimeouts sessions;
    for (const storage::CheckpointSession& session : head.sessions) {
      sessions[session.id] = session.timeout_ms;
    }
    base_ = fmt::format("the checkpoint of zxid {}", Hex(head.zxid.ToWire()));
    return restorer_.RestoreCheckpoint(head.zxid.ToWire(), head.digest,
                                       std::move(sessions), source);
  };
  const auto restore_snapshot = [this](zab::Zxid zxid, ByteSource source) {
    absl::Status restored = restorer_.RestoreSnapshot(zxid.ToWire(), source);
    if (restored.ok()) {
      base_ = fmt::format("the snapshot of zxid {}", Hex(zxid.ToWire()));
    }
    return restored;
  };
  const auto restore_txn = [this](const zab::Txn& txn) {
    ++txn_count_;
    return restorer_.RestoreTxn(txn.bytes)
               ? absl::OkStatus()
               : absl::DataLossError(fmt::format(
                     "transaction 0x{:x} of the log cannot be decoded",
                     txn.zxid.ToWire()));
  };
  ASSIGN_OR_RETURN(const zab::DurableState state,
                   load({.checkpoint = restore_checkpoint,
                         .snapshot = restore_snapshot,
                         .txn = restore_txn}));
  zxid_ = state.state_zxid;
  return absl::OkStatus();
}

absl::Status OfflineState::LoadFile(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string dir =
      slash == std::string::npos ? "." : path.substr(0, slash);
  const std::string name = path.substr(slash + 1);  // npos + 1 is 0
  if ("/" + name == storage::kCheckpointName) {
    ASSIGN_OR_RETURN(const auto zxid, storage::CheckpointZxid(dir));
    if (!zxid) {
      return absl::NotFoundError(path + " holds no checkpoint");
    }
    return Load([&](const storage::Restore& restore)
                    -> absl::StatusOr<zab::DurableState> {
      RETURN_IF_ERROR(storage::ReadCheckpoint(dir, restore.checkpoint));
      return zab::DurableState{zab::Zxid::FromWire(tree_.last_zxid())};
    });
  }
  const auto parsed = storage::ParseSnapshotName(name);
  if (!parsed && !storage::Exists(path)) {
    return absl::NotFoundError(path + " does not exist");
  }
  if (!parsed) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: its name says neither snapshot.<zxid>, perhaps with .gz or "
        ".snappy, nor tree.db",
        path));
  }
  ASSIGN_OR_RETURN(const storage::File file, storage::File::OpenForRead(path));
  storage::SnapshotSource source(&file, parsed->compression);
  return Load([&](const storage::Restore& restore)
                  -> absl::StatusOr<zab::DurableState> {
    const absl::Status restored = restore.snapshot(
        parsed->zxid,
        [&](char* to, size_t size) { return source.Read(to, size); });
    if (absl::IsDataLoss(restored)) {
      return absl::DataLossError(
          fmt::format("{} is damaged: {}", path,
                      std::string_view(restored.message().data(),
                                       restored.message().size())));
    }
    RETURN_IF_ERROR(restored);
    return zab::DurableState{parsed->zxid};
  });
}

absl::Status OfflineState::LoadFolder(const std::string& dir,
                                      const std::string& log_dir) {
  const std::string data_path = dir + storage::kVersionDir;
  const std::string log_path = log_dir + storage::kVersionDir;
  ASSIGN_OR_RETURN(const auto lock, storage::LockForRead(dir));
  RETURN_IF_ERROR(CheckHasHistory(dir, log_dir));
  RETURN_IF_ERROR(storage::CheckContents(data_path, log_path));
  return Load([&](const storage::Restore& restore) {
    return storage::ReadHistory(data_path, log_path, restore);
  });
}

absl::StatusOr<std::string> OfflineState::WriteTo(
    const std::string& version_dir) const {
  return storage::WriteSnapshotFile(version_dir, zxid_, [this](ByteSink sink) {
    return tree::WriteSnapshot(tree_, sessions_, sink);
  });
}

absl::StatusOr<std::string> OfflineState::WriteToNew(
    const std::string& dir, const std::string& from_dir) const {
  RETURN_IF_ERROR(CheckIsFree(dir));
  const std::string path = dir + storage::kVersionDir;
  const std::string mark = path + storage::kUnfinishedName;
  RETURN_IF_ERROR(storage::CreateDirs(path));
  RETURN_IF_ERROR(storage::File::Create(mark).status());
  RETURN_IF_ERROR(storage::SyncDir(path));
  RETURN_IF_ERROR(CopyEpochs(from_dir + storage::kVersionDir, path, zxid_));
  ASSIGN_OR_RETURN(std::string snapshot, WriteTo(path));
  RETURN_IF_ERROR(storage::RemoveFile(mark));
  RETURN_IF_ERROR(storage::SyncDir(path));
  return snapshot;
}

std::string OfflineState::Origin() const {
  return fmt::format("{} and {} of the log after it", base_,
                     Count(txn_count_, "transaction"));
}

std::string OfflineState::Summary() const {
  return fmt::format("zxid 0x{:x}, digest 0x{:x}, {} znodes, {} sessions",
                     zxid_.ToWire(), tree_.digest(), tree_.node_count() - 1,
                     sessions_.size());
}

absl::Status CheckHasHistory(const std::string& dir,
                             const std::string& log_dir) {
  for (const std::string& holder : {dir, log_dir}) {
    const auto holds = HoldsHistory(holder + storage::kVersionDir);
    if (!holds.ok()) {
      return absl::NotFoundError(
          fmt::format("{} is not a data folder ({})", holder,
                      std::string_view(holds.status().message().data(),
                                       holds.status().message().size())));
    }
    if (*holds) {
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError(fmt::format(
      "{} holds no snapshot, no checkpoint (tree.db) and no transaction log; "
      "name the logs' folder with --log-dir if they are elsewhere",
      dir + storage::kVersionDir));
}

absl::Status CheckIsFree(const std::string& dir) {
  const std::string path = dir + storage::kVersionDir;
  const absl::StatusOr<bool> holds = HoldsHistory(path);
  if (absl::IsFailedPrecondition(holds.status())) {
    return holds.status();
  }
  return holds.ok() && *holds
             ? absl::AlreadyExistsError(fmt::format(
                   "{} holds snapshots, a checkpoint or transaction logs "
                   "already; name another folder",
                   path))
             : absl::OkStatus();
}

ExitCode Report(const char* tool, const absl::Status& status) {
  fmt::print(
      stderr, "paddock {}: {}\n", tool,
      std::string_view(status.message().data(), status.message().size()));
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
      return ExitCode::kDamagedLog;
    case absl::StatusCode::kUnavailable:
      return ExitCode::kDataFolderBusy;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kDataFolder;
    default:
      return ExitCode::kUnexpected;
  }
}

void Tell(const char* tool, const OfflineState& state,
          const std::string& log_dir, const std::string& path) {
  if (storage::LogBytes(log_dir + storage::kVersionDir) == 0) {
    fmt::print(stderr,
               "paddock {}: note: there is no transaction log in {}; if the "
               "server had a dataLogDir, name it with --log-dir\n",
               tool, log_dir);
  }
  for (const std::string& finding : state.Findings()) {
    fmt::print(stderr, "paddock {}: warning: {}\n", tool, finding);
  }
  fmt::print("{}: {}\n", path, state.Summary());
}

}  // namespace paddock::cli
