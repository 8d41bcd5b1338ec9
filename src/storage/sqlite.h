// What we use of SQLite, with Status errors and owners.

#ifndef PADDOCK_STORAGE_SQLITE_H_
#define PADDOCK_STORAGE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;
struct sqlite3_value;

namespace paddock::storage {

// A prepared statement.  Parameters and columns are numbered as in SQLite: from
// 1 and from 0.  Not thread-safe.
class SqliteStatement {
 public:
  SqliteStatement() = default;

  // Text and blobs are not copied: they must live until Run() or Reset().
  void Bind(int parameter, int64_t value);
  void BindText(int parameter, std::string_view text);
  void BindBlob(int parameter, std::string_view blob);  // NULL for null data

  // Executes a statement without rows; ready for the next Bind() then.
  absl::Status Run();

  // Goes to the next row; false at the end.
  absl::StatusOr<bool> Step();
  void Reset();

  // Of the row that Step() went to; views are valid until it goes on.
  int64_t Integer(int column) const;
  std::string_view Bytes(int column) const;  // Of a NULL: null data
  bool IsNull(int column) const;

 private:
  friend class Sqlite;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// A row that Scan() goes through; views are valid as long as its visit.
class SqliteRow {
 public:
  int64_t Integer(int column) const;
  std::string_view Bytes(int column) const;  // Of a NULL: null data

 private:
  friend class Sqlite;
  explicit SqliteRow(sqlite3_value** values) : values_(values) {}

  sqlite3_value** values_;
};

// An open database.  Movable.  Errors carry the file and SQLite's words:
// kResourceExhausted (full disk), kDataLoss (damaged, or no database),
// kUnavailable (in use), kNotFound, kInternal.
class Sqlite {
 public:
  // Creates it if it is not there.  Writes to it by way of sqlite_vfs.h, and
  // not where that would leave less than `leave_free` bytes on the disk.
  static absl::StatusOr<Sqlite> OpenForWrite(const std::string& path,
                                             int64_t leave_free);
  // Changes nothing, and makes no files beside one that was closed in order;
  // but one whose creation was interrupted is put in order.
  static absl::StatusOr<Sqlite> OpenForRead(const std::string& path);

  // Executes statements without parameters or rows of interest.
  absl::Status Execute(const char* sql);

  absl::StatusOr<SqliteStatement> Prepare(const char* sql);

  // Visits all rows of `table` in the order of their `id`, with these
  // `columns` ("a, b"), so many, until a visit returns an error, which is
  // returned.  A fifth quicker than to step and ask for each column.
  absl::Status Scan(std::string_view table, std::string_view columns, int count,
                    absl::FunctionRef<absl::Status(const SqliteRow&)> visit);

  int64_t last_insert_rowid() const;
  bool in_transaction() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  // `parameter`: of an URI, or "".  `vfs`: null for SQLite's own.
  static absl::StatusOr<Sqlite> Open(const std::string& path, int flags,
                                     std::string_view parameter = "",
                                     const char* vfs = nullptr);

  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_SQLITE_H_
