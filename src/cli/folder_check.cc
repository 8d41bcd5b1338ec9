#include "cli/folder_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/status_macros.h"
#include "cli/offline_state.h"
#include "cli/text.h"
#include "storage/checkpoint.h"
#include "storage/epoch_file.h"
#include "storage/file.h"
#include "storage/folder.h"
#include "storage/history.h"
#include "storage/snapshot_file.h"
#include "storage/sqlite.h"

namespace paddock::cli {
namespace {

using End = LogFacts::End;

std::string Hex(zab::Zxid zxid) { return cli::Hex(zxid.ToWire()); }

std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// What SQLite itself finds wrong, which may be nothing that a start would see.
absl::Status CheckDatabase(const std::string& path) {
  ASSIGN_OR_RETURN(storage::Sqlite db, storage::Sqlite::OpenForRead(path));
  ASSIGN_OR_RETURN(storage::SqliteStatement rows,
                   db.Prepare("PRAGMA integrity_check(1)"));
  ASSIGN_OR_RETURN(const bool found, rows.Step());
  return found && rows.Bytes(0) == "ok"
             ? absl::OkStatus()
             : absl::DataLossError(
                   fmt::format("{} is damaged: {}", path, rows.Bytes(0)));
}

// Adds what is found; returns the zxid of a state that is whole, else {0, 0}.
zab::Zxid CheckState(const std::string& path, const absl::Status& file_status,
                     FolderReport* report) {
  OfflineState state;
  absl::Status status = file_status;
  if (status.ok()) {
    status = state.LoadFile(path);
  }
  if (!status.ok()) {
    report->states.push_back({path, status, ""});
    return {};
  }
  report->states.push_back({path, status, state.Summary()});
  return state.zxid();
}

// `last` is the last transaction, {0, 0} if it is not known.
void CheckEpochs(const std::string& data_path, zab::Zxid last,
                 FolderReport* report) {
  const absl::StatusOr<storage::Epochs> epochs = storage::ReadEpochs(data_path);
  if (!epochs.ok()) {
    report->epochs_status = epochs.status();
    return;
  }
  const auto text = [](const std::optional<uint32_t>& epoch) {
    return epoch ? std::to_string(*epoch) : "none";
  };
  if (*epochs != storage::Epochs()) {
    report->epochs = fmt::format("currentEpoch {}, acceptedEpoch {}",
                                 text(epochs->current), text(epochs->accepted));
    report->epochs_status = storage::EpochsToResume(*epochs, last).status();
  }
}

// What a start would make of the folder if it had no checkpoint.
std::string StartWithoutCheckpoint(const std::string& data_path,
                                   const std::string& log_path) {
  OfflineState state;
  const absl::Status start =
      state.Load([&](const storage::Restore& restore)
                     -> absl::StatusOr<zab::DurableState> {
        ASSIGN_OR_RETURN(const auto base,
                         storage::RestoreNewestSnapshot(data_path, std::nullopt,
                                                        restore.snapshot));
        return storage::ReadLogs(log_path, base.zxid, restore.txn);
      });
  return start.ok()
             ? fmt::format("would work, from {}: {}", state.Origin(),
                           state.Summary())
             : fmt::format("would be refused as well: {}", Message(start));
}

std::string LogText(const LogFacts& log) {
  const std::string txns =
      log.txns == 0
          ? "no transactions"
          : fmt::format("{}, {} to {}", Count(log.txns, "transaction"),
                        Hex(log.first), Hex(log.last));
  const std::string place =
      fmt::format("at offset {} ({})", log.used_bytes, log.what);
  switch (log.end) {
    case End::kClean:
      return "sound, " + txns;
    case End::kTorn:
      return fmt::format(
          "{}, then a torn end of {} {}: nothing of it was ever confirmed, and "
          "a start cuts it off",
          txns, Count(log.file_bytes - log.used_bytes, "byte"), place);
    case End::kPassedBy:
      return fmt::format(
          "{}, then a torn end {}; the next file goes on without a gap", txns,
          place);
    case End::kDamaged:
      return fmt::format("DAMAGED {}, after {}", place, txns);
    case End::kForeign:
      return "NO TRANSACTION LOG";
  }
  return "";
}

// What a cut would cost.
std::string TroubleText(const LogReport& logs) {
  const LogTrouble& trouble = *logs.trouble;
  std::string text = fmt::format(
      "the log is no history after {}: {}, at offset {}: {}.\nTo cut it there, "
      "which --repair --cut-damage does, gives up ",
      Hex(logs.last), logs.files[trouble.file].path, trouble.offset,
      trouble.what);
  if (trouble.lost_txns > 0) {
    text += fmt::format("{} behind it ({} to {}), and ",
                        Count(trouble.lost_txns, "intact transaction"),
                        Hex(trouble.lost_first), Hex(trouble.lost_last));
  }
  return text + "what the damage held";
}

}  // namespace

bool FolderReport::FilesAreSound() const {
  const bool states_are_sound =
      std::all_of(states.begin(), states.end(),
                  [](const State& state) { return state.status.ok(); });
  const bool logs_are_sound = std::none_of(
      logs.files.begin(), logs.files.end(),
      [](const LogFacts& log) { return log.end == End::kDamaged; });
  return states_are_sound && logs_are_sound;
}

bool FolderReport::IsSound() const {
  return FilesAreSound() && epochs_status.ok() && start.ok() &&
         findings.empty();
}

absl::StatusOr<FolderReport> CheckFolder(const std::string& dir,
                                         const std::string& log_dir) {
  const std::string data_path = dir + storage::kVersionDir;
  const std::string log_path = log_dir + storage::kVersionDir;
  RETURN_IF_ERROR(CheckHasHistory(dir, log_dir));
  RETURN_IF_ERROR(storage::CheckContents(data_path, log_path));
  FolderReport report;
  zab::Zxid base;
  const std::string checkpoint = data_path + storage::kCheckpointName;
  const auto checkpoint_zxid = storage::CheckpointZxid(data_path);
  if (!checkpoint_zxid.ok() || checkpoint_zxid->has_value()) {
    base = CheckState(checkpoint, CheckDatabase(checkpoint), &report);
  }
  const bool has_checkpoint = report.states.empty() || base != zab::Zxid{};
  ASSIGN_OR_RETURN(const auto snapshots, storage::ListSnapshots(data_path));
  for (const storage::SnapshotFile& snapshot : snapshots) {
    base = std::max(base, CheckState(snapshot.path, absl::OkStatus(), &report));
  }
  ASSIGN_OR_RETURN(report.logs, CheckLogs(log_path, base));
  if (!has_checkpoint) {
    report.without_checkpoint = StartWithoutCheckpoint(data_path, log_path);
  }
  OfflineState state;
  report.start = state.Load([&](const storage::Restore& restore) {
    return storage::ReadHistory(data_path, log_path, restore);
  });
  if (report.start.ok()) {
    report.loaded = fmt::format("from {}: {}", state.Origin(), state.Summary());
    report.findings = state.Findings();
  }
  CheckEpochs(data_path, state.zxid(), &report);
  return report;
}

void PrintReport(const FolderReport& report) {
  for (const FolderReport::State& state : report.states) {
    fmt::print("{}: {}\n", state.path,
               state.status.ok() ? "sound, " + state.summary
                                 : fmt::format("{}: {}",
                                               absl::IsDataLoss(state.status)
                                                   ? "DAMAGED"
                                                   : "CANNOT BE USED",
                                               Message(state.status)));
  }
  for (const LogFacts& log : report.logs.files) {
    fmt::print("{}: {}\n", log.path, LogText(log));
  }
  if (!report.epochs_status.ok()) {
    fmt::print("WRONG, for a member of an ensemble: {}\n",
               Message(report.epochs_status));
  } else if (!report.epochs.empty()) {
    fmt::print("Of an ensemble: {}\n", report.epochs);
  }
  if (!report.without_checkpoint.empty()) {
    fmt::print("A start without the checkpoint {}\n",
               report.without_checkpoint);
  }
  if (!report.start.ok()) {
    fmt::print("A start would be REFUSED: {}\n", Message(report.start));
    if (report.logs.trouble) {
      fmt::print("What would be lost: {}\n", TroubleText(report.logs));
    }
    return;
  }
  fmt::print("A start would work, {}\n", report.loaded);
  for (const std::string& finding : report.findings) {
    fmt::print("WRONG: {}\n", finding);
  }
  if (!report.FilesAreSound() && report.findings.empty()) {
    fmt::print("Nothing is lost: what is damaged is not needed any more\n");
  }
}

}  // namespace paddock::cli
