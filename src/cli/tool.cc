#include "cli/tool.h"

#include <array>
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

}  // namespace

std::optional<ExitCode> RunTool(int argc, char** argv) {
  for (const Tool& tool : kTools) {
    if (argc > 1 && tool.name == argv[1]) {
      return tool.run(argc - 1, argv + 1);
    }
  }
  return std::nullopt;
}

}  // namespace paddock::cli
