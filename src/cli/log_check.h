// The transaction logs of a folder, each record verified, and what a start
// would make of them (storage/replay.h).  Changes nothing.

#ifndef PADDOCK_CLI_LOG_CHECK_H_
#define PADDOCK_CLI_LOG_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "zab/zxid.h"

namespace paddock::cli {

struct LogFacts {
  enum class End {
    kClean,
    kTorn,      // A start cuts it off: nobody was promised anything of it
    kPassedBy,  // The same, and the next file goes on without a gap
    kDamaged,
    kForeign,  // It is no transaction log
  };

  std::string path;
  int64_t txns = 0;
  zab::Zxid first;  // {0, 0} without transactions
  zab::Zxid last;
  int64_t used_bytes = 0;  // Where the last record ends
  int64_t file_bytes = 0;
  End end = End::kClean;
  std::string what;  // What is wrong there
};

// Where the logs stop making a history.
struct LogTrouble {
  size_t file = 0;     // Index of the file in which that is
  int64_t offset = 0;  // From there on it would have to be cut; 0: all of it
  std::string what;
  // What a cut gives up: the transactions behind it that are intact.
  int64_t lost_txns = 0;
  zab::Zxid lost_first;
  zab::Zxid lost_last;
};

struct LogReport {
  std::vector<LogFacts> files;  // By zxid
  zab::Zxid last;               // Up to which they are a history
  std::optional<LogTrouble> trouble;
};

// Reads the logs in `dir` for a start from the state after `base`.  What is
// wrong with transactions up to `base` is no trouble.  Errors: those of file.h.
absl::StatusOr<LogReport> CheckLogs(const std::string& dir, zab::Zxid base);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_LOG_CHECK_H_
