// `paddock log`: prints the transactions of log files.

#ifndef PADDOCK_CLI_LOG_H_
#define PADDOCK_CLI_LOG_H_

#include "paddock/exit_code.h"

namespace paddock::cli {

ExitCode RunLog(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_LOG_H_
