#include "cli/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/arguments.h"
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
  Arguments arguments;
  const auto take_top = [&arguments](const std::string& value) {
    const auto top = ParseCount(value);
    arguments.top = top.value_or(0);
    return top.has_value();
  };
  std::vector<std::string> words;
  if (const auto end = TakeArguments(
          argc, argv, kHelp,
          {{"top", take_top, "a number"}, {"json", &arguments.json}}, &words)) {
    return *end;
  }
  if (words.size() != 1) {
    return Misused(argv, "name one file");
  }
  arguments.path = words[0];
  return Show(arguments);
}

}  // namespace paddock::cli
