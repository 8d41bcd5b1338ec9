// `paddock check`: verifies a data folder, and repairs it on request.

#ifndef PADDOCK_CLI_CHECK_H_
#define PADDOCK_CLI_CHECK_H_

#include "paddock/exit_code.h"

namespace paddock::cli {

ExitCode RunCheck(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_CHECK_H_
