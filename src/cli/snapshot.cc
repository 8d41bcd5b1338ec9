#include "cli/snapshot.h"

#include <fmt/format.h>
#include <getopt.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/offline_state.h"
#include "cli/subtrees.h"
#include "cli/text.h"

namespace paddock::cli {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock snapshot [--top N] [--json] FILE

Reads FILE, a snapshot of ZooKeeper or Paddock (snapshot.<zxid>, perhaps with
.gz or .snappy) or a checkpoint of Paddock (tree.db), verifies it, and says what
it holds, and which subtrees are the biggest.

  --top N   how many subtrees to list, by znodes and by bytes of data (10)
  --json    print one JSON object
  --help    print this, and end

A snapshot that a running server took may hold a part of later transactions; a
start makes it exact with the log after it.  This tool shows it as it is.

Exit codes:
  0  done
  1  any other error
  2  wrong command line
  3  the file is missing, cannot be read, or has another name
  7  the file is damaged
)";

struct Arguments {
  std::string path;
  size_t top = 10;
  bool json = false;
};

std::string SubtreesJson(const std::vector<Subtree>& subtrees) {
  std::vector<std::string> objects;
  for (const Subtree& subtree : subtrees) {
    objects.push_back(JsonObject()
                          .Text("path", subtree.path)
                          .Number("znodes", subtree.znodes)
                          .Number("data_bytes", subtree.data_bytes)
                          .Json());
  }
  return JsonArray(objects);
}

std::string StateJson(const std::string& path, const OfflineState& state,
                      const Subtrees& subtrees) {
  const tree::DataTree& tree = state.tree();
  std::vector<std::string> findings;
  for (const std::string& finding : state.Findings()) {
    findings.push_back(Quoted(finding));
  }
  return JsonObject()
      .Text("file", path)
      .Text("zxid", Hex(state.zxid().ToWire()))
      .Text("digest", Hex(static_cast<int64_t>(tree.digest())))
      .Number("znodes", subtrees.whole.znodes)
      .Number("ephemerals", tree.ephemeral_count())
      .Number("containers", static_cast<int64_t>(tree.containers().size()))
      .Number("ttl_nodes", static_cast<int64_t>(tree.ttl_nodes().size()))
      .Number("sessions", static_cast<int64_t>(state.sessions().size()))
      .Number("data_bytes", subtrees.whole.data_bytes)
      .Number("acl_lists", static_cast<int64_t>(tree.acl_count()))
      .Raw("by_znodes", SubtreesJson(subtrees.by_znodes))
      .Raw("by_data_bytes", SubtreesJson(subtrees.by_data_bytes))
      .Raw("findings", JsonArray(findings))
      .Json();
}

void PrintSubtrees(const char* title, const std::vector<Subtree>& subtrees) {
  if (subtrees.empty()) {
    return;
  }
  fmt::print("\n{}\n{:>12} {:>14}  path\n", title, "znodes", "data bytes");
  for (const Subtree& subtree : subtrees) {
    fmt::print("{:>12} {:>14}  {}\n", subtree.znodes, subtree.data_bytes,
               PathText(subtree.path));
  }
}

void PrintState(const std::string& path, const OfflineState& state,
                const Subtrees& subtrees) {
  const tree::DataTree& tree = state.tree();
  fmt::print(
      "{}\nzxid        {}\ndigest      {}\nznodes      {}\nephemerals  {}\n"
      "containers  {}\nTTL nodes   {}\nsessions    {}\ndata bytes  {}\n"
      "ACL lists   {}\n",
      path, Hex(state.zxid().ToWire()),
      Hex(static_cast<int64_t>(tree.digest())), subtrees.whole.znodes,
      tree.ephemeral_count(), tree.containers().size(), tree.ttl_nodes().size(),
      state.sessions().size(), subtrees.whole.data_bytes, tree.acl_count());
  PrintSubtrees("Biggest subtrees by znodes", subtrees.by_znodes);
  PrintSubtrees("Biggest subtrees by bytes of data", subtrees.by_data_bytes);
}

ExitCode Show(const Arguments& arguments) {
  OfflineState state({.extended_types = true});  // To tell TTL nodes apart
  if (const absl::Status loaded = state.LoadFile(arguments.path);
      !loaded.ok()) {
    return Report("snapshot", loaded);
  }
  const Subtrees subtrees = MeasureSubtrees(state.tree(), arguments.top);
  if (arguments.json) {
    fmt::print("{}\n", StateJson(arguments.path, state, subtrees));
    return ExitCode::kOk;
  }
  PrintState(arguments.path, state, subtrees);
  for (const std::string& finding : state.Findings()) {
    fmt::print(stderr, "paddock snapshot: warning: {}\n", finding);
  }
  return ExitCode::kOk;
}

}  // namespace

ExitCode RunSnapshot(int argc, char** argv) {
  enum Choice { kTop = 1, kJson, kHelpWanted };
  static constexpr option kOptions[] = {
      {"top", required_argument, nullptr, kTop},
      {"json", no_argument, nullptr, kJson},
      {"help", no_argument, nullptr, kHelpWanted},
      {nullptr, 0, nullptr, 0}};
  Arguments arguments;
  int chosen = 0;
  while ((chosen = getopt_long(argc, argv, "", kOptions, nullptr)) != -1) {
    if (chosen == kHelpWanted) {
      fmt::print("{}", kHelp);
      return ExitCode::kOk;
    }
    if (chosen == kJson) {
      arguments.json = true;
    } else if (chosen == kTop) {
      const auto top = ParseCount(optarg);
      if (!top) {
        fmt::print(stderr, "paddock snapshot: --top wants a number\n");
        return ExitCode::kUsage;
      }
      arguments.top = *top;
    } else {
      return ExitCode::kUsage;  // getopt_long has said why
    }
  }
  if (argc - optind != 1) {
    fmt::print(stderr, "paddock snapshot: name one file; see --help\n");
    return ExitCode::kUsage;
  }
  arguments.path = argv[optind];
  return Show(arguments);
}

}  // namespace paddock::cli
