#include "cli/diff.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "cli/arguments.h"
#include "cli/offline_state.h"
#include "cli/state_diff.h"

namespace paddock::cli {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock diff [OPTION...] A B

Compares two states, znode by znode.  Each of A and B is a dataDir that no
server uses, a snapshot (snapshot.<zxid>, perhaps with .gz or .snappy), or a
checkpoint (tree.db).  Nothing is changed.

Prints a line for each difference:
  - PATH            only A has it
  + PATH            only B has it
  ~ PATH: ...       both have it: what differs, as "field A | B"
and the same for sessions; then what A and B hold.  That their zxids differ is
no difference.

  --ignore-times    ctime and mtime may differ
  --data            print the first 64 bytes of data that differ
  --log-dir-a DIR   where the transaction logs of A are, if not in A
  --log-dir-b DIR   the same for B
  --help            print this, and end

Exit codes:
  0  no difference
  1  A and B differ, or this could not be printed
  2  wrong command line
  3  A or B is missing, or cannot be read
  4  a server uses A or B
  7  a transaction log, a snapshot or a checkpoint is damaged
)";

constexpr auto kDiffer = static_cast<ExitCode>(1);
constexpr size_t kDataBytesMax = 64;

struct Side {
  std::string path;
  std::string log_dir;  // Empty: the same
};

struct Arguments {
  Side a;
  Side b;
  DiffOptions options;
};

ExitCode Load(const Side& side, OfflineState* state) {
  std::error_code error;
  const absl::Status loaded =
      std::filesystem::is_directory(side.path, error)
          ? state->LoadFolder(side.path,
                              side.log_dir.empty() ? side.path : side.log_dir)
          : state->LoadFile(side.path);
  if (!loaded.ok()) {
    const ExitCode code = Report("diff", loaded);
    return code == kDiffer ? ExitCode::kDataFolder : code;
  }
  for (const std::string& finding : state->Findings()) {
    fmt::print(stderr, "paddock diff: warning: {}: {}\n", side.path, finding);
  }
  return ExitCode::kOk;
}

ExitCode Diff(const Arguments& arguments) {
  OfflineState a;
  OfflineState b;
  ExitCode code = Load(arguments.a, &a);
  if (code == ExitCode::kOk) {
    code = Load(arguments.b, &b);
  }
  if (code != ExitCode::kOk) {
    return code;
  }
  const StateDiff diff = Compare(a.tree(), a.sessions(), b.tree(), b.sessions(),
                                 arguments.options);
  for (const std::string& line : diff.lines) {
    fmt::print("{}\n", line);
  }
  fmt::print("A: {}\nB: {}\n", a.Summary(), b.Summary());
  if (diff.lines.empty()) {
    fmt::print("no difference\n");
    return ExitCode::kOk;
  }
  fmt::print("{} only in A, {} only in B, {} changed\n", diff.only_in_a,
             diff.only_in_b, diff.changed);
  return kDiffer;
}

}  // namespace

ExitCode RunDiff(int argc, char** argv) {
  Arguments arguments;
  bool data = false;
  std::vector<std::string> words;
  if (const auto end =
          TakeArguments(argc, argv, kHelp,
                        {{"ignore-times", &arguments.options.ignore_times},
                         {"data", &data},
                         {"log-dir-a", &arguments.a.log_dir},
                         {"log-dir-b", &arguments.b.log_dir}},
                        &words)) {
    return *end;
  }
  if (words.size() != 2) {
    return Misused(argv, "name what to compare");
  }
  arguments.a.path = words[0];
  arguments.b.path = words[1];
  if (data) {
    arguments.options.data_bytes_max = kDataBytesMax;
  }
  return Diff(arguments);
}

}  // namespace paddock::cli
