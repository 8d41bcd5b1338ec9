#include "cli/import.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "cli/arguments.h"
#include "cli/offline_state.h"
#include "storage/folder.h"

namespace paddock::cli {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock import [--log-dir DIR] SOURCE DATADIR

Checks that SOURCE, a dataDir of ZooKeeper or Paddock that no server uses, can
be loaded, and makes DATADIR with the same znodes, sessions and zxid.  SOURCE is
not changed.  (Paddock also starts on such a folder itself.)

  --log-dir DIR  where the transaction logs are, if not in SOURCE (dataLogDir)
  --help         print this, and end

Prints the file written and what it holds.

Exit codes:
  0  done
  1  any other error, such as a full disk
  2  wrong command line
  3  a folder is missing, cannot be used, or holds a history already
  4  a server uses SOURCE
  7  a transaction log or a snapshot is damaged
)";

struct Arguments {
  std::string source;
  std::string log_dir;
  std::string data_dir;
};

absl::StatusOr<std::string> Import(const Arguments& arguments,
                                   OfflineState* state) {
  RETURN_IF_ERROR(CheckIsFree(arguments.data_dir));
  RETURN_IF_ERROR(state->LoadFolder(arguments.source, arguments.log_dir));
  ASSIGN_OR_RETURN(const storage::Folder data,
                   storage::Folder::Open(arguments.data_dir, true));
  return state->WriteToNew(arguments.data_dir, arguments.source);
}

}  // namespace

ExitCode RunImport(int argc, char** argv) {
  Arguments arguments;
  std::vector<std::string> words;
  if (const auto end = TakeArguments(
          argc, argv, kHelp, {{"log-dir", &arguments.log_dir}}, &words)) {
    return *end;
  }
  if (words.size() != 2) {
    return Misused(argv, "name the folder to read and the one to make");
  }
  arguments.source = words[0];
  arguments.data_dir = words[1];
  if (arguments.log_dir.empty()) {
    arguments.log_dir = arguments.source;
  }
  OfflineState state;
  const absl::StatusOr<std::string> path = Import(arguments, &state);
  if (!path.ok()) {
    return Report("import", path.status());
  }
  Tell("import", state, arguments.log_dir, *path);
  return ExitCode::kOk;
}

}  // namespace paddock::cli
