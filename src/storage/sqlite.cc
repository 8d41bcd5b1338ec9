#include "storage/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/check.h"
#include "base/status_macros.h"
#include "jute/archive.h"
#include "storage/file.h"
#include "storage/sqlite_vfs.h"

namespace paddock::storage {
namespace {

constexpr int kBusyTimeoutMs = 5000;

absl::Status Error(sqlite3* db, const std::string& path) {
  const std::string message = fmt::format("{}: {}", path, sqlite3_errmsg(db));
  switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // No such table, for example
      return absl::DataLossError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(message);
    case SQLITE_CANTOPEN:
      return absl::NotFoundError(
          Exists(path + "-wal")
              ? message +
                    "; with a -wal file, SQLite must write a -shm file "
                    "beside it: copy all of them to where it can"
              : message);
    default:
      return absl::InternalError(message);
  }
}

std::string Uri(const std::string& path, std::string_view parameter) {
  std::string uri = "file:";
  for (const char c : path) {
    // Two slashes at the beginning would be those of a host.
    if (c == '?' || c == '#' || c == '%' || (c == '/' && uri.back() == ':')) {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return fmt::format("{}?{}", uri, parameter);
}

// An empty blob has no address.
std::string_view View(const void* bytes, int size) {
  return bytes == nullptr ? std::string_view("")
                          : std::string_view(static_cast<const char*>(bytes),
                                             static_cast<size_t>(size));
}

// Of a database that is open.
absl::Status Error(sqlite3* db) {
  return Error(db, sqlite3_db_filename(db, "main"));
}

}  // namespace

// --- Statements ---

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void SqliteStatement::Bind(int parameter, int64_t value) {
  CHECK_EQ(sqlite3_bind_int64(statement_.get(), parameter, value), SQLITE_OK);
}

void SqliteStatement::BindText(int parameter, std::string_view text) {
  CHECK_EQ(sqlite3_bind_text64(statement_.get(), parameter, text.data(),
                               text.size(), SQLITE_STATIC, SQLITE_UTF8),
           SQLITE_OK);
}

void SqliteStatement::BindBlob(int parameter, std::string_view blob) {
  if (jute::IsNull(blob)) {
    CHECK_EQ(sqlite3_bind_null(statement_.get(), parameter), SQLITE_OK);
    return;
  }
  // A null pointer would bind NULL.
  CHECK_EQ(sqlite3_bind_blob64(statement_.get(), parameter,
                               blob.empty() ? "" : blob.data(), blob.size(),
                               SQLITE_STATIC),
           SQLITE_OK);
}

absl::Status SqliteStatement::Run() {
  const absl::StatusOr<bool> row = Step();
  Reset();
  return row.status();
}

absl::StatusOr<bool> SqliteStatement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW || result == SQLITE_DONE) {
    return result == SQLITE_ROW;
  }
  return Error(sqlite3_db_handle(statement_.get()));
}

void SqliteStatement::Reset() { sqlite3_reset(statement_.get()); }

int64_t SqliteStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view SqliteStatement::Bytes(int column) const {
  return IsNull(column) ? jute::kNull
                        : View(sqlite3_column_blob(statement_.get(), column),
                               sqlite3_column_bytes(statement_.get(), column));
}

bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

// --- The database ---

void Sqlite::Close::operator()(sqlite3* db) const {
  // Statements that still live are finalized by their owners.
  sqlite3_close_v2(db);
}

absl::StatusOr<Sqlite> Sqlite::OpenForWrite(const std::string& path,
                                            int64_t leave_free) {
  return Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
              fmt::format("{}={}", kLeaveFreeParameter, leave_free),
              PacedVfs());
}

absl::StatusOr<Sqlite> Sqlite::OpenForRead(const std::string& path) {
  if (Exists(path + "-journal")) {
    return Open(path, SQLITE_OPEN_READWRITE);  // It must be rolled back
  }
  if (Exists(path + "-wal")) {
    return Open(path, SQLITE_OPEN_READONLY);
  }
  // Nobody has changes for it.  SQLite would yet make files beside it, and
  // leave them there to whoever reads: perhaps not to the owner of the folder.
  return Open(path, SQLITE_OPEN_READONLY, "immutable=1", PacedVfs());
}

absl::StatusOr<Sqlite> Sqlite::Open(const std::string& path, int flags,
                                    std::string_view parameter,
                                    const char* vfs) {
  sqlite3* db = nullptr;
  const int result =
      sqlite3_open_v2(Uri(path, parameter).c_str(), &db,
                      flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, vfs);
  CHECK(db != nullptr) << "no memory";
  Sqlite opened;
  opened.db_.reset(db);
  if (result != SQLITE_OK) {
    return Error(db, path);
  }
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  return opened;
}

absl::Status Sqlite::Execute(const char* sql) {
  return sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK
             ? absl::OkStatus()
             : Error(db_.get());
}

absl::StatusOr<SqliteStatement> Sqlite::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK) {
    return Error(db_.get());
  }
  SqliteStatement prepared;
  prepared.statement_.reset(statement);
  return prepared;
}

int64_t SqliteRow::Integer(int column) const {
  return sqlite3_value_int64(values_[column]);
}

std::string_view SqliteRow::Bytes(int column) const {
  sqlite3_value* const value = values_[column];
  return sqlite3_value_type(value) == SQLITE_NULL
             ? jute::kNull
             : View(sqlite3_value_blob(value), sqlite3_value_bytes(value));
}

// The condition of the query is a function of ours: it gets the values of all
// columns at once, without a way out of SQLite and back for each.
absl::Status Sqlite::Scan(
    std::string_view table, std::string_view columns, int count,
    absl::FunctionRef<absl::Status(const SqliteRow&)> visit) {
  struct Visit {
    absl::FunctionRef<absl::Status(const SqliteRow&)> row;
    absl::Status status;
  } state{visit, absl::OkStatus()};
  const auto function = [](sqlite3_context* context, int /*count*/,
                           sqlite3_value** values) {
    auto* const to = static_cast<Visit*>(sqlite3_user_data(context));
    to->status = to->row(SqliteRow(values));
    if (!to->status.ok()) {
      sqlite3_result_error(context, "stopped", -1);
    }
  };
  CHECK_EQ(sqlite3_create_function(db_.get(), "visit", count, SQLITE_UTF8,
                                   &state, function, nullptr, nullptr),
           SQLITE_OK);
  ASSIGN_OR_RETURN(SqliteStatement rows,
                   Prepare(fmt::format("SELECT 1 FROM {} WHERE visit({}) "
                                       "ORDER BY id",
                                       table, columns)
                               .c_str()));
  const absl::Status status = rows.Run();
  return state.status.ok() ? status : state.status;
}

int64_t Sqlite::last_insert_rowid() const {
  return sqlite3_last_insert_rowid(db_.get());
}

bool Sqlite::in_transaction() const {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

}  // namespace paddock::storage
