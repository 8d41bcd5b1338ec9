// The command line of a tool, read with a table of its options.

#ifndef PADDOCK_CLI_ARGUMENTS_H_
#define PADDOCK_CLI_ARGUMENTS_H_

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "paddock/exit_code.h"

namespace paddock::cli {

// Takes the value of an option; false when it is wrong.
using TakeValue = std::function<bool(const std::string& value)>;

struct Option {
  const char* name;
  // What it sets to true, or what becomes of its value.
  std::variant<bool*, std::string*, TakeValue> to;
  const char* wants = "";  // Said of a value that is wrong
};

// Takes the options of the tool argv[0], of which --help is always one, and
// adds all that is none to `words`.  Returns the exit code when the tool is to
// end with that: help was printed to stdout, or what is wrong to stderr.
std::optional<ExitCode> TakeArguments(int argc, char** argv, const char* help,
                                      const std::vector<Option>& options,
                                      std::vector<std::string>* words);

// Tells on stderr what is wrong with the command line of the tool argv[0].
ExitCode Misused(char** argv, const std::string& what);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_ARGUMENTS_H_
