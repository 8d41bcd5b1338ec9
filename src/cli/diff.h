// `paddock diff`: compares two states, znode by znode.

#ifndef PADDOCK_CLI_DIFF_H_
#define PADDOCK_CLI_DIFF_H_

#include "paddock/exit_code.h"

namespace paddock::cli {

ExitCode RunDiff(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_DIFF_H_
