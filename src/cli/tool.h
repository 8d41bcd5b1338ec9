// The offline tools of the program paddock: its first word names one.

#ifndef PADDOCK_CLI_TOOL_H_
#define PADDOCK_CLI_TOOL_H_

#include <optional>

#include "paddock/exit_code.h"

namespace paddock::cli {

// Runs the tool that argv[1] names, with the arguments behind it; nullopt when
// it names none.
std::optional<ExitCode> RunTool(int argc, char** argv);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_TOOL_H_
