// Reads the history back from the logs of a folder, and decides what an end
// that is not clean means (zab-and-disk.md 6.1).
//
// At most one batch is ever written and not yet synced, and it lies where
// there were zeros before.  So a power cut leaves the synced history, and
// after it, within kBatchBytesMax, the sectors of one batch of which any may
// be missing.  In the newest file, an end is
//
// - torn, when no intact record follows, or when those that follow can belong
//   to that one batch: they are near, and a sector in front of them is missing.
//   Nobody was promised anything of it, and it is cut off.
// - damage, otherwise: intact records follow that were written after it was
//   synced.  Replay refuses, for somebody may have been promised it.
//
// In an older file any end is accepted when the next file goes on without a
// gap, as a Java server starts a new file after the torn tail of the last one.

#ifndef PADDOCK_STORAGE_REPLAY_H_
#define PADDOCK_STORAGE_REPLAY_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "zab/write.h"

namespace paddock::storage {

// Takes one transaction; what it returns ends the replay.
using RestoreTxn = absl::FunctionRef<absl::Status(const zab::Txn&)>;

// Passes every transaction after `start` in the logs of `dir` to `restore`, in
// zxid order, each once.  Logs that can hold none are not looked at.  Then cuts
// a torn tail and the padding off the newest file, removes newer files without
// a record, and makes all of it durable, for what was replayed counts as
// promised from now on.  Returns `start` where there is nothing after it.
//
// Errors: kDataLoss for damage and for gaps, with file and offset, after which
// nothing was changed; what `restore` returns; those of file.h.
absl::StatusOr<zab::DurableState> ReplayLogs(const std::string& dir,
                                             zab::Zxid start,
                                             RestoreTxn restore);

// The same, but changes nothing.
absl::StatusOr<zab::DurableState> ReadLogs(const std::string& dir,
                                           zab::Zxid start, RestoreTxn restore);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_REPLAY_H_
