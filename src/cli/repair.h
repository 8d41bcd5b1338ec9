// What `paddock check --repair` does to transaction logs.

#ifndef PADDOCK_CLI_REPAIR_H_
#define PADDOCK_CLI_REPAIR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/log_check.h"

namespace paddock::cli {

// Cuts torn ends off, as a start would; with `cut_damage` also the log where it
// stops being a history, and moves the files behind that out of the way.  What
// is cut off is kept beside the log, as cut-<offset>-of-<name>.  Returns what
// was done, for people.  Errors: those of file.h.
// REQUIRES: this process holds the folder
absl::StatusOr<std::vector<std::string>> RepairLogs(const LogReport& logs,
                                                    bool cut_damage);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_REPAIR_H_
