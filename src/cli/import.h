// `paddock import`: makes a data folder with the state of another one.

#ifndef PADDOCK_CLI_IMPORT_H_
#define PADDOCK_CLI_IMPORT_H_

#include "paddock/exit_code.h"

namespace paddock::cli {

ExitCode RunImport(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_IMPORT_H_
