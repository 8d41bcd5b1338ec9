// Checkpoints: the state after one zxid, in an SQLite database DIR/tree.db that
// anyone can ask questions with `sqlite3`.
//
// Tables:
//   znode    one row for each znode: its id (jute/persistence.h), path, data,
//            the fields of its Stat as they are persisted, owner (0, a session,
//            or the mark of a container or a TTL node), and the id of its
//            access control list
//   acl      the lists: as text to read, and as Jute bytes
//   session  id and time-out of each
//   state    zxid: the transaction after which all this was true
//            digest: the tree's then; absent when none was kept
//
// PRAGMA user_version tells this layout from others.
//
// A checkpoint changes only the rows that differ from those of the last one,
// in one SQLite transaction with the zxid, so a reader and a crash see a whole
// one always.  The database is in WAL mode: others may read while it is
// written.

#ifndef PADDOCK_STORAGE_CHECKPOINT_H_
#define PADDOCK_STORAGE_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/sqlite.h"
#include "zab/zxid.h"

namespace paddock::storage {

inline constexpr char kCheckpointName[] = "/tree.db";

struct CheckpointSession {
  int64_t id = 0;
  int32_t timeout_ms = 0;
};

// A checkpoint but for its znodes.
struct CheckpointHead {
  zab::Zxid zxid;
  std::optional<uint64_t> digest;
  // Whether the znodes that follow, and the sessions, are all there are, and
  // not a difference to the last checkpoint.
  bool has_all_nodes = false;
  bool has_all_sessions = false;
  std::shared_ptr<const std::vector<int64_t>> deleted_ids;  // Null: none
  std::vector<int64_t> closed_sessions;
  std::vector<CheckpointSession> sessions;
};

// Writes checkpoints: Begin(), Add() as often as needed, Commit().  Not
// thread-safe.  Errors: kResourceExhausted for a full disk, kDataLoss for a
// damaged file, kUnavailable when another process writes to it, kInternal;
// after one Begin() starts anew.
class CheckpointWriter {
 public:
  // Opens or creates DIR/tree.db.  Errors: kResourceExhausted also where less
  // than `leave_free` bytes would be left on the disk.
  static absl::StatusOr<std::unique_ptr<CheckpointWriter>> Open(
      const std::string& dir, int64_t leave_free = 0);

  absl::Status Begin(const CheckpointHead& head);
  // `nodes` are jute::CheckpointNode records, in any order.
  absl::Status Add(std::string_view nodes);
  // Makes it durable.
  absl::Status Commit();

 private:
  explicit CheckpointWriter(Sqlite db);

  absl::Status Prepare();
  absl::StatusOr<int64_t> AclId(std::string_view encoded);

  Sqlite db_;
  SqliteStatement put_node_;
  SqliteStatement delete_node_;
  SqliteStatement put_acl_;
  SqliteStatement put_session_;
  SqliteStatement delete_session_;
  SqliteStatement put_state_;
  std::map<std::string, int64_t, std::less<>> acl_ids_;  // In the table acl
};

// Returns the next jute::CheckpointNode records, in the order of their ids; ""
// at the end.
using CheckpointSource = absl::FunctionRef<absl::StatusOr<std::string>()>;

// Takes a state.  `head` has all nodes and sessions.  Errors: kDataLoss when
// what it is given is no whole state.
using RestoreCheckpoint = absl::FunctionRef<absl::Status(
    const CheckpointHead& head, CheckpointSource source)>;

// The zxid of the checkpoint in DIR; nullopt when there is none.  Errors:
// kDataLoss for a file that is not one, kFailedPrecondition for one of another
// layout, both of which say what to do; kInternal.
absl::StatusOr<std::optional<zab::Zxid>> CheckpointZxid(const std::string& dir);

// The size of the files that hold it; 0 if they cannot be looked at.
int64_t CheckpointBytes(const std::string& dir);

// Passes the checkpoint in DIR to `restore`.  Errors: kDataLoss, which says
// what to do; kInternal; those of `restore`.
absl::Status ReadCheckpoint(const std::string& dir, RestoreCheckpoint restore);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_CHECKPOINT_H_
