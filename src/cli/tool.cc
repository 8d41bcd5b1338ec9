#include "cli/tool.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "cli/check.h"
#include "cli/diff.h"
#include "cli/export.h"
#include "cli/import.h"
#include "cli/log.h"
#include "cli/snapshot.h"

namespace paddock::cli {
namespace {

struct Tool {
  std::string_view name;
  ExitCode (*run)(int argc, char** argv);  // argv[0] is the name
};

constexpr std::array kTools = {
    Tool{"check", RunCheck},   Tool{"diff", RunDiff},
    Tool{"export", RunExport}, Tool{"import", RunImport},
    Tool{"log", RunLog},       Tool{"snapshot", RunSnapshot},
};

// What was printed may wait to be written until now.
ExitCode FinishOutput(std::string_view tool, ExitCode code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return code;
  }
  fmt::print(stderr, "paddock {}: not all of the output could be written\n",
             tool);
  return code == ExitCode::kOk ? ExitCode::kUnexpected : code;
}

}  // namespace

std::optional<ExitCode> RunTool(int argc, char** argv) {
  for (const Tool& tool : kTools) {
    if (argc > 1 && tool.name == argv[1]) {
      return FinishOutput(tool.name, tool.run(argc - 1, argv + 1));
    }
  }
  return std::nullopt;
}

}  // namespace paddock::cli
