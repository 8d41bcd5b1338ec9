#include "cli/export.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "cli/arguments.h"
#include "cli/offline_state.h"
#include "storage/folder.h"
#include "storage/storage.h"

namespace paddock::cli {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock export [--log-dir DIR] [--to DIR] DATADIR

Writes the state of DATADIR, a dataDir that no server uses, as a snapshot in
ZooKeeper's format: DATADIR/version-2/snapshot.<zxid>.  A ZooKeeper server that
is then started on DATADIR has the same znodes, sessions and zxid.

  --log-dir DIR  where the transaction logs are, if not in DATADIR (dataLogDir)
  --to DIR       write a new dataDir with that snapshot, and leave DATADIR as
                 it is
  --help         print this, and end

Prints the file written and what it holds.

Exit codes:
  0  done
  1  any other error, such as a full disk
  2  wrong command line
  3  a folder is missing or cannot be used
  4  a server uses DATADIR
  7  a transaction log or a snapshot is damaged
)";

struct Arguments {
  std::string data_dir;
  std::string log_dir;
  std::string to;  // Empty: in place
};

absl::StatusOr<std::string> ExportInPlace(const Arguments& arguments,
                                          OfflineState* state) {
  // A log folder that is missing is not to be made, whatever Open() advises.
  RETURN_IF_ERROR(storage::LockForRead(arguments.log_dir).status());
  storage::Options options;
  options.data_dir = arguments.data_dir;
  options.data_log_dir = arguments.log_dir;
  options.create_dirs = false;
  ASSIGN_OR_RETURN(const std::unique_ptr<storage::Storage> storage,
                   storage::Storage::Open(options));
  RETURN_IF_ERROR(state->Load(
      [&](const storage::Restore& restore) { return storage->Load(restore); }));
  return state->WriteTo(arguments.data_dir + storage::kVersionDir);
}

absl::StatusOr<std::string> ExportTo(const Arguments& arguments,
                                     OfflineState* state) {
  RETURN_IF_ERROR(CheckIsFree(arguments.to));
  RETURN_IF_ERROR(state->LoadFolder(arguments.data_dir, arguments.log_dir));
  return state->WriteToNew(arguments.to, arguments.data_dir);
}

ExitCode Export(const Arguments& arguments) {
  OfflineState state;
  if (const absl::Status found =
          CheckHasHistory(arguments.data_dir, arguments.log_dir);
      !found.ok()) {
    return Report("export", found);
  }
  const absl::StatusOr<std::string> path =
      arguments.to.empty() ? ExportInPlace(arguments, &state)
                           : ExportTo(arguments, &state);
  if (!path.ok()) {
    return Report("export", path.status());
  }
  Tell("export", state, arguments.log_dir, *path);
  return ExitCode::kOk;
}

}  // namespace

ExitCode RunExport(int argc, char** argv) {
  Arguments arguments;
  std::vector<std::string> words;
  if (const auto end = TakeArguments(
          argc, argv, kHelp,
          {{"log-dir", &arguments.log_dir}, {"to", &arguments.to}}, &words)) {
    return *end;
  }
  if (words.size() != 1) {
    return Misused(argv, "name one dataDir");
  }
  arguments.data_dir = words[0];
  if (arguments.log_dir.empty()) {
    arguments.log_dir = arguments.data_dir;
  }
  return Export(arguments);
}

}  // namespace paddock::cli
