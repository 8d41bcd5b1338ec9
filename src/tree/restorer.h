// A Restorer rebuilds a state: from a snapshot if there is one, then from the
// transactions after it, in the order of their zxids.
//
// A snapshot may be fuzzy (snapshot.h).  Transactions that it holds in part
// are applied once more, to the same end: DataTree::Apply() says of the ones
// that do not fit what still happens.
//
// It compares digests where they are exact: the snapshot's own at its zxid,
// and from there on those in the transactions (zab-and-disk.md 5.5).  A
// difference is told and nothing more, as the Java server does.
//
// Pure; not thread-safe.

#ifndef PADDOCK_TREE_RESTORER_H_
#define PADDOCK_TREE_RESTORER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_stream.h"
#include "tree/data_tree.h"
#include "tree/operation.h"
#include "tree/snapshot.h"

namespace paddock::tree {

class Restorer {
 public:
  // Fills *tree and *sessions, which begin as those of an empty history and
  // must outlive it.  `digest`: whether *tree keeps its digest.
  Restorer(bool digest, DataTree* tree, SessionTimeouts* sessions);

  // Replaces what was restored so far.  Errors: those of ReadSnapshot(), after
  // which the state is that of an empty history.
  absl::Status RestoreSnapshot(int64_t zxid, ByteSource source);

  // The same for a checkpoint: the state after `zxid` with that digest, if one
  // was kept.  `source` returns jute::CheckpointNode records, parents before
  // their children, and "" at the end.  Errors: those of `source`; kDataLoss
  // when it is no whole state, or has another digest.
  absl::Status RestoreCheckpoint(
      int64_t zxid, std::optional<uint64_t> digest, SessionTimeouts sessions,
      absl::FunctionRef<absl::StatusOr<std::string>()> source);

  // False when `txn`, a header with its record and perhaps a digest, cannot be
  // decoded.
  [[nodiscard]] bool RestoreTxn(std::string_view txn);

  // What is wrong with the state restored though it was complete, one text for
  // each thing that an operator should hear of.
  std::vector<std::string> Findings() const;

 private:
  void CompareSnapshot(const ZxidDigest& expected);
  void Compare(int64_t zxid, uint64_t expected);

  const bool digest_;
  DataTree& tree_;
  SessionTimeouts& sessions_;
  SnapshotFacts facts_;
  // Of the snapshot, when the replay has not got there yet.
  std::optional<ZxidDigest> awaited_;

  int64_t mismatches_ = 0;
  // The digest of the snapshot differs.  A Java server notes what it has
  // applied after it has: when the next transaction is right, the snapshot had
  // a part of it, and nothing is wrong.
  bool is_in_doubt_ = false;
  std::string first_mismatch_;
  std::vector<OpResult> results_;  // Kept for its memory
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_RESTORER_H_
