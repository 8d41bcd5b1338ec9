// The state that a data folder holds, for tools that work while no server
// does.

#ifndef PADDOCK_CLI_OFFLINE_STATE_H_
#define PADDOCK_CLI_OFFLINE_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "paddock/exit_code.h"
#include "storage/history.h"
#include "tree/data_tree.h"
#include "tree/restorer.h"
#include "tree/snapshot.h"
#include "zab/zxid.h"

namespace paddock::cli {

class OfflineState {
 public:
  explicit OfflineState(const tree::TreeOptions& options = {});

  OfflineState(const OfflineState&) = delete;
  OfflineState& operator=(const OfflineState&) = delete;

  // Takes the state up: `load` passes it what a history holds.  Called once.
  // Errors: those of `load`.
  absl::Status Load(absl::FunctionRef<
                    absl::StatusOr<zab::DurableState>(const storage::Restore&)>
                        load);

  // The same from one file, a snapshot or a checkpoint, as its name says.
  // Errors: kFailedPrecondition for another name, kDataLoss, those of file.h.
  absl::Status LoadFile(const std::string& path);

  // The same from a dataDir with its logs, which is not changed.  Errors:
  // kUnavailable when a server uses it; those of ReadHistory().
  absl::Status LoadFolder(const std::string& dir, const std::string& log_dir);

  const tree::DataTree& tree() const { return tree_; }
  const tree::SessionTimeouts& sessions() const { return sessions_; }
  zab::Zxid zxid() const { return zxid_; }

  // Writes it as a snapshot into `version_dir`; returns the path.
  absl::StatusOr<std::string> WriteTo(const std::string& version_dir) const;

  // Makes DIR/version-2 with it and the epochs that `from_dir` has promised;
  // returns the path of the snapshot.  No server starts on it before it is
  // finished (kUnfinishedName).  Errors: those of CheckIsFree(), ReadEpochs()
  // and file.h.
  absl::StatusOr<std::string> WriteToNew(const std::string& dir,
                                         const std::string& from_dir) const;

  // What is wrong with it (tree::Restorer::Findings()).
  std::vector<std::string> Findings() const { return restorer_.Findings(); }

  // For people: the snapshot or checkpoint, and how much of the log.
  std::string Origin() const;

  // For people: zxid, digest, numbers of znodes and sessions.
  std::string Summary() const;

 private:
  tree::DataTree tree_;
  tree::SessionTimeouts sessions_;
  tree::Restorer restorer_;
  zab::Zxid zxid_;
  std::string base_ = "an empty state";
  int64_t txn_count_ = 0;  // After it
};

// Checks that DIR/version-2 exists and holds a snapshot, a checkpoint or
// a log, the latter in `log_dir`.  Errors, which say what to do: kNotFound.
absl::Status CheckHasHistory(const std::string& dir,
                             const std::string& log_dir);

// Checks that a state may be written to `dir`, which need not exist.  Errors:
// kAlreadyExists when it holds a history, those of
// CheckFinished().
absl::Status CheckIsFree(const std::string& dir);

// Prints to stderr what went wrong, and returns the exit code for it.
ExitCode Report(const char* tool, const absl::Status& status);

// Prints the findings, and where the state went.  `log_dir` is where logs were
// looked for.
void Tell(const char* tool, const OfflineState& state,
          const std::string& log_dir, const std::string& path);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_OFFLINE_STATE_H_
