// Everything that a dataDir holds, verified.  Changes nothing.

#ifndef PADDOCK_CLI_FOLDER_CHECK_H_
#define PADDOCK_CLI_FOLDER_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/log_check.h"

namespace paddock::cli {

struct FolderReport {
  struct State {  // A snapshot or a checkpoint
    std::string path;
    absl::Status status;  // What is wrong with it
    std::string summary;  // If nothing is
  };
  std::vector<State> states;
  LogReport logs;
  // What a member of an ensemble has promised; empty where there is nothing.
  std::string epochs;
  absl::Status epochs_status;  // What is wrong with that

  // What a start would do: why it would be refused, or else what it would load.
  absl::Status start;
  std::string loaded;
  // What the server would tell of the state, though it would start.
  std::vector<std::string> findings;
  // Of a checkpoint that is damaged: what a start without it would do.
  std::string without_checkpoint;

  bool FilesAreSound() const;  // States and logs
  bool IsSound() const;        // Everything
};

// Checks DIR/version-2, and the logs in LOG_DIR/version-2.  Errors: those of
// reading, and those for which it is no data folder.
absl::StatusOr<FolderReport> CheckFolder(const std::string& dir,
                                         const std::string& log_dir);

// Prints it, for people.
void PrintReport(const FolderReport& report);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_FOLDER_CHECK_H_
