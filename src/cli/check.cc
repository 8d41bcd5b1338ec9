#include "cli/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/status_macros.h"
#include "cli/arguments.h"
#include "cli/folder_check.h"
#include "cli/offline_state.h"
#include "cli/repair.h"
#include "storage/file.h"
#include "storage/folder.h"

namespace paddock::cli {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock check [--log-dir DIR] [--repair [--cut-damage]] DATADIR

Verifies DATADIR, a dataDir of Paddock or ZooKeeper that no server uses: each
record of the transaction logs and the chain of their zxids, each snapshot, the
checkpoint, and the epochs that a member of an ensemble has promised.  Says
whether a start would work, from which state to which zxid, and what would be
lost where something is damaged.  Without --repair it changes nothing.  Paddock
locks a folder that it uses; ZooKeeper does not, so see to it that none runs.

  --log-dir DIR  where the transaction logs are, if not in DATADIR (dataLogDir)
  --repair       cut off a torn end of the log, of which nothing was ever
                 confirmed: what a start does by itself
  --cut-damage   with --repair: where the log is damaged, give up all
                 transactions behind that; check says first what these are
  --help         print this, and end

What a repair cuts off is kept beside the log, as cut-<offset>-of-<name>.

Exit codes:
  0  sound; a torn end of the log is
  1  any other error
  2  wrong command line
  3  a folder is missing or cannot be used
  4  a server uses it
  7  something is damaged
)";

struct Arguments {
  std::string data_dir;
  std::string log_dir;
  bool repair = false;
  bool cut_damage = false;
};

// Keeps servers of Paddock off both folders while it lives.
struct Locks {
  std::optional<storage::File> data;
  std::optional<storage::File> log;
};

absl::StatusOr<Locks> LockFolders(const Arguments& arguments) {
  Locks locks;
  ASSIGN_OR_RETURN(locks.data, storage::LockForRead(arguments.data_dir));
  if (!storage::SameDir(arguments.data_dir, arguments.log_dir)) {
    ASSIGN_OR_RETURN(locks.log, storage::LockForRead(arguments.log_dir));
  }
  return locks;
}

absl::StatusOr<FolderReport> CheckAndRepair(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Locks locks, LockFolders(arguments));
  ASSIGN_OR_RETURN(FolderReport report,
                   CheckFolder(arguments.data_dir, arguments.log_dir));
  PrintReport(report);
  if (!arguments.repair) {
    return report;
  }
  ASSIGN_OR_RETURN(const auto done,
                   RepairLogs(report.logs, arguments.cut_damage));
  if (done.empty()) {
    fmt::print("Nothing was repaired\n");
    return report;
  }
  fmt::print("\nRepaired:\n");
  for (const std::string& text : done) {
    fmt::print("{}\n", text);
  }
  fmt::print("\n");
  ASSIGN_OR_RETURN(report, CheckFolder(arguments.data_dir, arguments.log_dir));
  PrintReport(report);
  return report;
}

ExitCode Check(const Arguments& arguments) {
  // The report says it all.
  if (const absl::Status silent = log::Configure({.level = log::Level::kOff});
      !silent.ok()) {
    return Report("check", silent);
  }
  const absl::StatusOr<FolderReport> report = CheckAndRepair(arguments);
  if (!report.ok()) {
    return Report("check", report.status());
  }
  if (storage::LogBytes(arguments.log_dir + storage::kVersionDir) == 0) {
    fmt::print(
        "There is no transaction log in {}; if the server had a "
        "dataLogDir, name it with --log-dir\n",
        arguments.log_dir);
  }
  if (!report->start.ok() && !absl::IsDataLoss(report->start)) {
    return ExitCode::kDataFolder;
  }
  return report->IsSound() ? ExitCode::kOk : ExitCode::kDamagedLog;
}

}  // namespace

ExitCode RunCheck(int argc, char** argv) {
  Arguments arguments;
  std::vector<std::string> words;
  if (const auto end = TakeArguments(argc, argv, kHelp,
                                     {{"log-dir", &arguments.log_dir},
                                      {"repair", &arguments.repair},
                                      {"cut-damage", &arguments.cut_damage}},
                                     &words)) {
    return *end;
  }
  if (words.size() != 1 || (arguments.cut_damage && !arguments.repair)) {
    return Misused(argv,
                   "name one dataDir, and --cut-damage with --repair only");
  }
  arguments.data_dir = words[0];
  if (arguments.log_dir.empty()) {
    arguments.log_dir = arguments.data_dir;
  }
  return Check(arguments);
}

}  // namespace paddock::cli
