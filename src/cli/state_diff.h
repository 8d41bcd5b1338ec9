// The differences between two states.  Pure.

#ifndef PADDOCK_CLI_STATE_DIFF_H_
#define PADDOCK_CLI_STATE_DIFF_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tree/data_tree.h"
#include "tree/snapshot.h"

namespace paddock::cli {

struct DiffOptions {
  bool ignore_times = false;  // ctime and mtime
  // Of data that differ, print at most so many bytes; nullopt: sizes only.
  std::optional<size_t> data_bytes_max;
};

struct StateDiff {
  // For people: "- PATH" for what only A has, "+ PATH" for what only B has,
  // "~ PATH: field A | B, ..." for what both have; by path.  After them the
  // sessions, as "session ID".
  std::vector<std::string> lines;
  int64_t only_in_a = 0;
  int64_t only_in_b = 0;
  int64_t changed = 0;
};

StateDiff Compare(const tree::DataTree& a,
                  const tree::SessionTimeouts& sessions_a,
                  const tree::DataTree& b,
                  const tree::SessionTimeouts& sessions_b,
                  const DiffOptions& options);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_STATE_DIFF_H_
