// `paddock snapshot`: says what a snapshot or a checkpoint holds.

#ifndef PADDOCK_CLI_SNAPSHOT_H_
#define PADDOCK_CLI_SNAPSHOT_H_

#include "paddock/exit_code.h"

namespace paddock::cli {

ExitCode RunSnapshot(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_SNAPSHOT_H_
