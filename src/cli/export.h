// `paddock export`: writes the state of a data folder as a snapshot on which
// a Java server starts.

#ifndef PADDOCK_CLI_EXPORT_H_
#define PADDOCK_CLI_EXPORT_H_

#include "paddock/exit_code.h"

namespace paddock::cli {

ExitCode RunExport(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_EXPORT_H_
