#include "storage/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "jute/persistence.h"
#include "storage/file.h"
#include "storage/restore_progress.h"

namespace paddock::storage {
namespace {

// Small pages: of a large tree each changed znode is on another one, and of a
// page all is written.  The WAL is copied to the main file after 8 MB.
// FULL: a commit is durable when it returns, for the log behind it may be
// purged then.
constexpr char kPragmas[] = R"(
  PRAGMA page_size = 2048;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 8192;
  PRAGMA journal_size_limit = 16777216;
  PRAGMA cache_size = -4096;
)";

// What user_version says of a file with the tables below.  To be raised when
// they change in any way that a reader must know.
constexpr int64_t kLayout = 2;

// The rows of znode lie in the order of their creation, so that new ones are
// written densely whatever their names are.  There is no index of the paths:
// it would more than double what a new znode costs, and only people ask for it.
constexpr char kSchema[] = R"(
  BEGIN IMMEDIATE;
  PRAGMA application_id = 0x5061646b;
  PRAGMA user_version = 2;
  CREATE TABLE acl (
    id INTEGER PRIMARY KEY,
    entries TEXT NOT NULL,
    jute BLOB NOT NULL UNIQUE
  );
  CREATE TABLE znode (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    data BLOB,
    czxid INTEGER NOT NULL,
    mzxid INTEGER NOT NULL,
    pzxid INTEGER NOT NULL,
    ctime INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    version INTEGER NOT NULL,
    cversion INTEGER NOT NULL,
    aversion INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    acl INTEGER NOT NULL REFERENCES acl (id)
  );
  CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    timeout_ms INTEGER NOT NULL
  );
  CREATE TABLE state (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  );
  COMMIT;
)";

constexpr size_t kBatchBytes = 256 << 10;
constexpr size_t kBatchesMax = 8;

std::string PathOf(const std::string& dir) { return dir + kCheckpointName; }

// Writes what the file holds once more, if there is one.  A sync of it may have
// failed before; then it may be read from memory only, and no later sync would
// bring it to the disk.
absl::Status RewriteFile(const std::string& path) {
  if (!Exists(path)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(File file, File::OpenForWrite(path));
  ASSIGN_OR_RETURN(const int64_t size, file.Size());
  std::string bytes(kBatchBytes, '\0');
  for (int64_t offset = 0; offset < size;) {
    ASSIGN_OR_RETURN(const size_t got,
                     file.ReadAt(offset, bytes.data(), bytes.size()));
    RETURN_IF_ERROR(
        file.WriteAt(offset, std::string_view(bytes).substr(0, got)));
    offset += static_cast<int64_t>(got);
  }
  return file.SyncData();
}

absl::StatusOr<std::vector<jute::ACL>> DecodeAcls(std::string_view encoded) {
  jute::InputArchive in(encoded);
  std::vector<jute::ACL> acls(in.ReadCount(12));
  for (jute::ACL& acl : acls) {
    jute::Read(in, &acl);
  }
  if (!in.ok() || in.remaining() > 0) {
    return absl::DataLossError("an access control list cannot be decoded");
  }
  return acls;
}

// "world:anyone:cdrwa, digest:...": for people.
std::string Readable(absl::Span<const jute::ACL> acls) {
  constexpr std::string_view kLetters = "rwcda";
  std::string text;
  for (const jute::ACL& acl : acls) {
    text += fmt::format("{}{}:{}:", text.empty() ? "" : ", ", acl.id.scheme,
                        acl.id.id);
    for (size_t bit = 0; bit < kLetters.size(); ++bit) {
      if ((acl.perms & (1 << bit)) != 0) {
        text += kLetters[bit];
      }
    }
  }
  return text;
}

// What to say of a checkpoint that cannot be used.
absl::Status Explain(const std::string& dir, const absl::Status& why) {
  const std::string_view message(why.message().data(), why.message().size());
  if (absl::IsFailedPrecondition(why)) {
    return absl::FailedPreconditionError(fmt::format(
        "another version of Paddock wrote {}: {}.  Nothing was changed.  Start "
        "that version, or let its \"paddock export\" write a snapshot, and "
        "then move this file away with its -wal and -shm files",
        PathOf(dir), message));
  }
  if (!absl::IsDataLoss(why)) {
    return why;
  }
  return absl::DataLossError(fmt::format(
      "the checkpoint {} is damaged: {}.  Restore the folder from a copy; if "
      "the snapshots and logs beside it reach back to the beginning, move it "
      "away with its -wal and -shm files to start without",
      PathOf(dir), message));
}

// Reads the rows of znode on a thread of its own, so that decoding them and
// building the tree take turns with nobody.
class RowReader {
 public:
  RowReader(Sqlite* db, const std::vector<std::string>& acls)
      : acls_(acls), thread_([this, db] { Run(db); }) {}

  ~RowReader() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  // The next records; "" at the end.
  absl::StatusOr<std::string> Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !batches_.empty() || done_; });
    if (batches_.empty()) {
      RETURN_IF_ERROR(status_);
      return "";
    }
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    last_id_ = batch.last_id;
    return std::move(batch.records);
  }

  // The id of the last one that Next() returned.
  int64_t last_id() const { return last_id_; }

 private:
  struct Batch {
    std::string records;
    int64_t last_id = 0;
  };

  void Run(Sqlite* db) {
    absl::Status status = ReadAll(db);
    std::lock_guard lock(mutex_);
    status_ = std::move(status);
    done_ = true;
    changed_.notify_all();
  }

  absl::Status ReadAll(Sqlite* db) {
    Batch batch;
    RETURN_IF_ERROR(
        db->Scan("znode",
                 "path, data, czxid, mzxid, pzxid, ctime, mtime, version, "
                 "cversion, aversion, owner, acl, id",
                 13, [&](const SqliteRow& row) { return Add(row, &batch); }));
    return batch.records.empty() || Put(std::move(batch))
               ? absl::OkStatus()
               : absl::CancelledError();
  }

  absl::Status Add(const SqliteRow& row, Batch* batch) {
    if (batch->records.size() >= kBatchBytes) {
      if (!Put(std::exchange(*batch, {}))) {
        return absl::CancelledError();
      }
      batch->records.reserve(kBatchBytes + (kBatchBytes / 4));
    }
    const auto acl = static_cast<size_t>(row.Integer(11));
    if (acl >= acls_.size() || acls_[acl].empty()) {
      return absl::DataLossError(
          fmt::format("a znode has the unknown acl {}", acl));
    }
    const int64_t id = row.Integer(12);
    if (id <= last_read_ || id > jute::kZnodeIdMax / 2) {  // Others need some
      return absl::DataLossError(
          fmt::format("a znode has the id {} after {}", id, last_read_));
    }
    last_read_ = id;
    const auto small = [&row](int column) {
      return static_cast<int32_t>(row.Integer(column));
    };
    jute::Write(jute::CheckpointNode{.path = row.Bytes(0),
                                     .data = row.Bytes(1),
                                     .acl = acls_[acl],
                                     .stat = {.czxid = row.Integer(2),
                                              .mzxid = row.Integer(3),
                                              .ctime = row.Integer(5),
                                              .mtime = row.Integer(6),
                                              .version = small(7),
                                              .cversion = small(8),
                                              .aversion = small(9),
                                              .ephemeralOwner = row.Integer(10),
                                              .pzxid = row.Integer(4)},
                                     .id = id},
                &batch->records);
    batch->last_id = id;
    return absl::OkStatus();
  }

  bool Put(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(
        lock, [this] { return stopping_ || batches_.size() < kBatchesMax; });
    batches_.push_back(std::move(batch));
    changed_.notify_all();
    return !stopping_;
  }

  const std::vector<std::string>& acls_;  // By id; some are ""
  int64_t last_id_ = 0;                   // Of who calls Next()
  int64_t last_read_ = 0;                 // Of the thread
  std::mutex mutex_;                      // Guards all below
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  absl::Status status_;
  bool done_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

// The first column of the first row; 0 if there is none.
absl::StatusOr<int64_t> ReadNumber(Sqlite* db, const char* sql) {
  ASSIGN_OR_RETURN(SqliteStatement row, db->Prepare(sql));
  ASSIGN_OR_RETURN(const bool found, row.Step());
  return found ? row.Integer(0) : 0;
}

// Whether the tables are there.  Errors: kFailedPrecondition when they are not
// those that we know.
absl::StatusOr<bool> HasTables(Sqlite* db) {
  ASSIGN_OR_RETURN(const int64_t layout, ReadNumber(db, "PRAGMA user_version"));
  ASSIGN_OR_RETURN(const int64_t tables,
                   ReadNumber(db, "SELECT count(*) FROM sqlite_master"));
  if (layout != kLayout && (layout != 0 || tables > 0)) {
    return absl::FailedPreconditionError(fmt::format(
        "its layout is {}, and this one knows {}", layout, kLayout));
  }
  return layout == kLayout;
}

absl::StatusOr<std::optional<CheckpointHead>> ReadHead(Sqlite* db) {
  CheckpointHead head;
  head.has_all_nodes = head.has_all_sessions = true;
  bool found = false;
  ASSIGN_OR_RETURN(const bool has_tables, HasTables(db));
  if (!has_tables) {
    return std::nullopt;  // Created, and nothing more
  }
  ASSIGN_OR_RETURN(SqliteStatement rows,
                   db->Prepare("SELECT name, value FROM state"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) {
      break;
    }
    if (rows.Bytes(0) == "zxid") {
      head.zxid = zab::Zxid::FromWire(rows.Integer(1));
      found = true;
    } else if (rows.Bytes(0) == "digest") {
      head.digest = static_cast<uint64_t>(rows.Integer(1));
    }
  }
  if (!found) {
    ASSIGN_OR_RETURN(const int64_t has_znodes,
                     ReadNumber(db, "SELECT EXISTS (SELECT 1 FROM znode)"));
    if (has_znodes != 0) {
      return absl::DataLossError("it has znodes, but no zxid");
    }
    return std::nullopt;
  }
  return head;
}

absl::Status ReadSessions(Sqlite* db, CheckpointHead* head) {
  ASSIGN_OR_RETURN(SqliteStatement rows,
                   db->Prepare("SELECT id, timeout_ms FROM session"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) {
      return absl::OkStatus();
    }
    head->sessions.push_back(
        {rows.Integer(0), static_cast<int32_t>(rows.Integer(1))});
  }
}

absl::StatusOr<std::vector<std::string>> ReadAcls(Sqlite* db) {
  std::vector<std::string> acls;
  ASSIGN_OR_RETURN(SqliteStatement rows,
                   db->Prepare("SELECT id, jute FROM acl ORDER BY id"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) {
      return acls;
    }
    RETURN_IF_ERROR(DecodeAcls(rows.Bytes(1)).status());
    const auto id = static_cast<size_t>(rows.Integer(0));
    constexpr size_t kIdMax = size_t{1} << 28;
    if (id > kIdMax) {
      return absl::DataLossError(fmt::format("the acl id {}", id));
    }
    acls.resize(id + 1);
    acls[id] = rows.Bytes(1);
  }
}

absl::Status ReadAll(Sqlite* db, const std::string& path,
                     RestoreCheckpoint restore) {
  ASSIGN_OR_RETURN(std::optional<CheckpointHead> head, ReadHead(db));
  if (!head) {
    return absl::DataLossError("it holds no checkpoint");
  }
  RETURN_IF_ERROR(ReadSessions(db, &*head));
  ASSIGN_OR_RETURN(const std::vector<std::string> acls, ReadAcls(db));
  ASSIGN_OR_RETURN(const int64_t rows_total,
                   ReadNumber(db, "SELECT max(id) FROM znode"));
  RestoreProgress progress(path, rows_total);
  RowReader rows(db, acls);
  return restore(*head, [&] {
    progress.Note(rows.last_id());
    return rows.Next();
  });
}

}  // namespace

// --- Writing ---

CheckpointWriter::CheckpointWriter(Sqlite db) : db_(std::move(db)) {}

absl::StatusOr<std::unique_ptr<CheckpointWriter>> CheckpointWriter::Open(
    const std::string& dir, int64_t leave_free) {
  RETURN_IF_ERROR(RewriteFile(PathOf(dir) + "-wal"));
  ASSIGN_OR_RETURN(Sqlite db, Sqlite::OpenForWrite(PathOf(dir), leave_free));
  RETURN_IF_ERROR(db.Execute(kPragmas));
  ASSIGN_OR_RETURN(const bool has_tables, HasTables(&db));
  if (!has_tables) {
    RETURN_IF_ERROR(db.Execute(kSchema));
  }
  std::unique_ptr<CheckpointWriter> writer(new CheckpointWriter(std::move(db)));
  RETURN_IF_ERROR(writer->Prepare());
  return writer;
}

absl::Status CheckpointWriter::Prepare() {
  ASSIGN_OR_RETURN(
      put_node_,
      db_.Prepare("INSERT OR REPLACE INTO znode (path, data, czxid, mzxid, "
                  "pzxid, ctime, mtime, version, cversion, aversion, owner, "
                  "acl, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  ASSIGN_OR_RETURN(delete_node_, db_.Prepare("DELETE FROM znode WHERE id = ?"));
  ASSIGN_OR_RETURN(
      put_acl_, db_.Prepare("INSERT INTO acl (entries, jute) VALUES (?, ?)"));
  ASSIGN_OR_RETURN(put_session_,
                   db_.Prepare("INSERT OR REPLACE INTO session VALUES (?, ?)"));
  ASSIGN_OR_RETURN(delete_session_,
                   db_.Prepare("DELETE FROM session WHERE id = ?"));
  ASSIGN_OR_RETURN(put_state_,
                   db_.Prepare("INSERT OR REPLACE INTO state VALUES (?, ?)"));
  return absl::OkStatus();
}

absl::Status CheckpointWriter::Begin(const CheckpointHead& head) {
  if (db_.in_transaction()) {  // The last one failed
    RETURN_IF_ERROR(db_.Execute("ROLLBACK"));
  }
  RETURN_IF_ERROR(db_.Execute("BEGIN IMMEDIATE"));
  acl_ids_.clear();  // Perhaps those of the one that failed
  if (head.has_all_nodes) {
    RETURN_IF_ERROR(db_.Execute("DELETE FROM znode; DELETE FROM acl"));
  }
  if (head.has_all_sessions) {
    RETURN_IF_ERROR(db_.Execute("DELETE FROM session"));
  }
  ASSIGN_OR_RETURN(SqliteStatement acls,
                   db_.Prepare("SELECT id, jute FROM acl"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, acls.Step());
    if (!more) {
      break;
    }
    acl_ids_.emplace(acls.Bytes(1), acls.Integer(0));
  }
  if (head.deleted_ids != nullptr) {
    std::vector<int64_t> ids = *head.deleted_ids;
    std::sort(ids.begin(), ids.end());  // As their pages lie
    for (const int64_t id : ids) {
      delete_node_.Bind(1, id);
      RETURN_IF_ERROR(delete_node_.Run());
    }
  }
  for (const int64_t id : head.closed_sessions) {
    delete_session_.Bind(1, id);
    RETURN_IF_ERROR(delete_session_.Run());
  }
  for (const CheckpointSession& session : head.sessions) {
    put_session_.Bind(1, session.id);
    put_session_.Bind(2, session.timeout_ms);
    RETURN_IF_ERROR(put_session_.Run());
  }
  put_state_.BindText(1, "zxid");
  put_state_.Bind(2, head.zxid.ToWire());
  RETURN_IF_ERROR(put_state_.Run());
  if (!head.digest) {
    return db_.Execute("DELETE FROM state WHERE name = 'digest'");
  }
  put_state_.BindText(1, "digest");
  put_state_.Bind(2, static_cast<int64_t>(*head.digest));
  return put_state_.Run();
}

absl::Status CheckpointWriter::Add(std::string_view nodes) {
  jute::InputArchive in(nodes);
  while (in.remaining() > 0) {
    jute::CheckpointNode node;
    CHECK(jute::Read(in, &node)) << "a record of ours";
    ASSIGN_OR_RETURN(const int64_t acl, AclId(node.acl));
    put_node_.BindText(1, node.path);
    put_node_.BindBlob(2, node.data);
    put_node_.Bind(3, node.stat.czxid);
    put_node_.Bind(4, node.stat.mzxid);
    put_node_.Bind(5, node.stat.pzxid);
    put_node_.Bind(6, node.stat.ctime);
    put_node_.Bind(7, node.stat.mtime);
    put_node_.Bind(8, node.stat.version);
    put_node_.Bind(9, node.stat.cversion);
    put_node_.Bind(10, node.stat.aversion);
    put_node_.Bind(11, node.stat.ephemeralOwner);
    put_node_.Bind(12, acl);
    put_node_.Bind(13, node.id);
    RETURN_IF_ERROR(put_node_.Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CheckpointWriter::AclId(std::string_view encoded) {
  const auto known = acl_ids_.find(encoded);
  if (known != acl_ids_.end()) {
    return known->second;
  }
  ASSIGN_OR_RETURN(const std::vector<jute::ACL> acls, DecodeAcls(encoded));
  const std::string entries = Readable(acls);
  put_acl_.BindText(1, entries);
  put_acl_.BindBlob(2, encoded);
  RETURN_IF_ERROR(put_acl_.Run());
  const int64_t id = db_.last_insert_rowid();
  acl_ids_.emplace(encoded, id);
  return id;
}

absl::Status CheckpointWriter::Commit() { return db_.Execute("COMMIT"); }

// --- Reading ---

absl::StatusOr<std::optional<zab::Zxid>> CheckpointZxid(
    const std::string& dir) {
  if (!Exists(PathOf(dir))) {
    return std::nullopt;
  }
  const auto read = [&]() -> absl::StatusOr<std::optional<CheckpointHead>> {
    ASSIGN_OR_RETURN(Sqlite db, Sqlite::OpenForRead(PathOf(dir)));
    return ReadHead(&db);
  };
  const absl::StatusOr<std::optional<CheckpointHead>> head = read();
  if (!head.ok()) {
    return Explain(dir, head.status());
  }
  if (!*head) {
    return std::nullopt;
  }
  return (*head)->zxid;
}

int64_t CheckpointBytes(const std::string& dir) {
  int64_t bytes = 0;
  for (const char* const suffix : {"", "-wal"}) {
    std::error_code error;
    const uintmax_t size =
        std::filesystem::file_size(PathOf(dir) + suffix, error);
    bytes += error ? 0 : static_cast<int64_t>(size);
  }
  return bytes;
}

absl::Status ReadCheckpoint(const std::string& dir, RestoreCheckpoint restore) {
  absl::StatusOr<Sqlite> db = Sqlite::OpenForRead(PathOf(dir));
  if (!db.ok()) {
    return Explain(dir, db.status());
  }
  return Explain(dir, ReadAll(&*db, PathOf(dir), restore));
}

}  // namespace paddock::storage
