// How our databases are written and read: SQLite's own VFS, with differences
// that let a writer share a disk with the transaction log.
//
// Writes that follow one another are joined, for SQLite writes page by page.
// After some hundred KB they are synced, so that no sync of the log has to wait
// behind all of a checkpoint.  Both may be done at any time: what SQLite has
// not synced it does not rely on.
//
// A file does not grow where that would leave less free room than the
// parameter kLeaveFreeParameter of the database's URI says: SQLITE_FULL.
//
// Of a file that is opened as immutable, more is read at a time than is asked
// for, while it is read from one end to the other: a start is 5 % shorter.

#ifndef PADDOCK_STORAGE_SQLITE_VFS_H_
#define PADDOCK_STORAGE_SQLITE_VFS_H_

namespace paddock::storage {

inline constexpr char kLeaveFreeParameter[] = "leave_free";

// The name of that VFS, which is registered at the first call.  Any thread.
const char* PacedVfs();

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_SQLITE_VFS_H_
