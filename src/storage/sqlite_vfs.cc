#include "storage/sqlite_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "storage/file.h"

namespace paddock::storage {
namespace {

constexpr char kName[] = "paddock-paced";

constexpr size_t kJoinedBytesMax = 64 << 10;
constexpr sqlite3_int64 kAheadBytes = 256 << 10;
constexpr sqlite3_int64 kSkippedBytesMax = 64 << 10;
constexpr size_t kUnsyncedBytesMax = 128 << 10;

sqlite3_vfs* RealVfs() { return sqlite3_vfs_find(nullptr); }

// What SQLite allocates for us: this, and behind it the file of the real VFS.
struct PacedFile {
  sqlite3_file base;
  const char* name;
  sqlite3_int64 leave_free;  // 0: all may be used
  std::string* joined;       // Owned; not written yet
  sqlite3_int64 offset;      // Of `joined`
  size_t unsynced;           // Written since the last sync
  std::string* ahead;        // Owned; null unless the file never changes
  sqlite3_int64 ahead_at;    // Offset of `ahead`
  int failed_sync;           // The error of one, which is final; or SQLITE_OK
};

PacedFile* Of(sqlite3_file* file) { return reinterpret_cast<PacedFile*>(file); }

sqlite3_file* Real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(Of(file) + 1);
}

const sqlite3_io_methods* RealMethods(sqlite3_file* file) {
  return Real(file)->pMethods;
}

int Sync(sqlite3_file* file, int flags) {
  Of(file)->unsynced = 0;
  return Of(file)->failed_sync = RealMethods(file)->xSync(Real(file), flags);
}

// Whether writing what was joined would take room that is to be left free.
bool HasNoRoom(sqlite3_file* file) {
  const PacedFile* const paced = Of(file);
  if (paced->leave_free == 0) {
    return false;
  }
  const auto end =
      paced->offset + static_cast<sqlite3_int64>(paced->joined->size());
  sqlite3_int64 size = 0;
  if (RealMethods(file)->xFileSize(Real(file), &size) != SQLITE_OK ||
      end <= size) {
    return false;
  }
  const absl::StatusOr<Room> room = RoomAt(paced->name);
  return room.ok() && room->free - (end - size) < paced->leave_free;
}

// Writes what was joined.  After an error that is still to be done, for SQLite
// does not look at the errors of all its calls.
int Flush(sqlite3_file* file) {
  PacedFile* const paced = Of(file);
  if (paced->failed_sync != SQLITE_OK) {
    return paced->failed_sync;
  }
  const size_t size = paced->joined->size();
  if (size == 0) {
    return SQLITE_OK;
  }
  if (HasNoRoom(file)) {
    return SQLITE_FULL;
  }
  const int result = RealMethods(file)->xWrite(
      Real(file), paced->joined->data(), static_cast<int>(size), paced->offset);
  if (result != SQLITE_OK) {
    return result;
  }
  paced->joined->clear();
  paced->unsynced += size;
  if (paced->unsynced < kUnsyncedBytesMax) {
    return SQLITE_OK;
  }
  return Sync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

// Does `then` once the file is as SQLite takes it to be.
template <class Then>
int AfterFlush(sqlite3_file* file, Then then) {
  const int result = Flush(file);
  return result == SQLITE_OK ? then() : result;
}

// Takes what follows `offset` in, if reading goes on there.
bool FillAhead(sqlite3_file* file, int size, sqlite3_int64 offset) {
  PacedFile* const paced = Of(file);
  std::string& ahead = *paced->ahead;
  const auto end = paced->ahead_at + static_cast<sqlite3_int64>(ahead.size());
  sqlite3_int64 file_size = 0;
  if (offset < paced->ahead_at || offset - end >= kSkippedBytesMax ||
      RealMethods(file)->xFileSize(Real(file), &file_size) != SQLITE_OK ||
      offset + size > file_size) {
    return false;
  }
  ahead.resize(static_cast<size_t>(std::min(file_size - offset, kAheadBytes)));
  paced->ahead_at = offset;
  return RealMethods(file)->xRead(Real(file), ahead.data(),
                                  static_cast<int>(ahead.size()),
                                  offset) == SQLITE_OK;
}

// A scan reads one page after the other, and mostly in the order of the file.
int ReadAhead(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  PacedFile* const paced = Of(file);
  std::string& ahead = *paced->ahead;
  const auto end = paced->ahead_at + static_cast<sqlite3_int64>(ahead.size());
  const bool is_there = offset >= paced->ahead_at && offset + size <= end;
  if (!is_there && !FillAhead(file, size, offset)) {
    ahead.clear();
    paced->ahead_at = offset + size;
    return RealMethods(file)->xRead(Real(file), to, size, offset);
  }
  std::memcpy(to, ahead.data() + (offset - paced->ahead_at),
              static_cast<size_t>(size));
  return SQLITE_OK;
}

int Write(sqlite3_file* file, const void* bytes, int size,
          sqlite3_int64 offset) {
  PacedFile* const paced = Of(file);
  std::string& joined = *paced->joined;
  const auto end = paced->offset + static_cast<sqlite3_int64>(joined.size());
  if (offset != end || joined.size() >= kJoinedBytesMax) {
    if (const int result = Flush(file); result != SQLITE_OK) {
      return result;
    }
    paced->offset = offset;
  }
  joined.append(static_cast<const char*>(bytes), static_cast<size_t>(size));
  return SQLITE_OK;
}

int Close(sqlite3_file* file) {
  const int flushed = Flush(file);
  const int closed = RealMethods(file)->xClose(Real(file));
  delete Of(file)->joined;
  delete Of(file)->ahead;
  return flushed == SQLITE_OK ? closed : flushed;
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,  // Without memory mapping
    .xClose = Close,
    .xRead =
        [](sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
          return AfterFlush(file, [&] {
            return Of(file)->ahead != nullptr
                       ? ReadAhead(file, to, size, offset)
                       : RealMethods(file)->xRead(Real(file), to, size, offset);
          });
        },
    .xWrite = Write,
    .xTruncate =
        [](sqlite3_file* file, sqlite3_int64 size) {
          return AfterFlush(file, [&] {
            return RealMethods(file)->xTruncate(Real(file), size);
          });
        },
    .xSync =
        [](sqlite3_file* file, int flags) {
          return AfterFlush(file, [&] { return Sync(file, flags); });
        },
    .xFileSize =
        [](sqlite3_file* file, sqlite3_int64* size) {
          return AfterFlush(file, [&] {
            return RealMethods(file)->xFileSize(Real(file), size);
          });
        },
    .xLock =
        [](sqlite3_file* file, int level) {
          return RealMethods(file)->xLock(Real(file), level);
        },
    .xUnlock =
        [](sqlite3_file* file, int level) {
          return AfterFlush(file, [&] {
            return RealMethods(file)->xUnlock(Real(file), level);
          });
        },
    .xCheckReservedLock =
        [](sqlite3_file* file, int* is_reserved) {
          return RealMethods(file)->xCheckReservedLock(Real(file), is_reserved);
        },
    .xFileControl =
        [](sqlite3_file* file, int op, void* argument) {
          return RealMethods(file)->xFileControl(Real(file), op, argument);
        },
    .xSectorSize =
        [](sqlite3_file* file) {
          return RealMethods(file)->xSectorSize(Real(file));
        },
    .xDeviceCharacteristics =
        [](sqlite3_file* file) {
          return RealMethods(file)->xDeviceCharacteristics(Real(file));
        },
    .xShmMap =
        [](sqlite3_file* file, int page, int size, int extend,
           void volatile** to) {
          return RealMethods(file)->xShmMap(Real(file), page, size, extend, to);
        },
    .xShmLock =
        [](sqlite3_file* file, int offset, int count, int flags) {
          return RealMethods(file)->xShmLock(Real(file), offset, count, flags);
        },
    .xShmBarrier =
        [](sqlite3_file* file) { RealMethods(file)->xShmBarrier(Real(file)); },
    .xShmUnmap =
        [](sqlite3_file* file, int remove) {
          return RealMethods(file)->xShmUnmap(Real(file), remove);
        },
};

int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
         int* out_flags) {
  *Of(file) = {};
  sqlite3_vfs* const real = RealVfs();
  const int result = real->xOpen(real, name, Real(file), flags, out_flags);
  if (RealMethods(file) != nullptr) {  // Close() is called then, even on errors
    Of(file)->joined = new std::string;
    if (name != nullptr) {  // Else it is a temporary file
      Of(file)->name = name;
      Of(file)->leave_free = sqlite3_uri_int64(name, kLeaveFreeParameter, 0);
      if (sqlite3_uri_boolean(name, "immutable", 0) != 0) {
        Of(file)->ahead = new std::string;
      }
    }
    file->pMethods = &kMethods;
  }
  return result;
}

}  // namespace

const char* PacedVfs() {
  static sqlite3_vfs* const vfs = [] {
    auto* const paced = new sqlite3_vfs(*RealVfs());
    paced->zName = kName;
    paced->szOsFile += static_cast<int>(sizeof(PacedFile));
    paced->xOpen = Open;
    CHECK_EQ(sqlite3_vfs_register(paced, /*makeDflt=*/0), SQLITE_OK);
    return paced;
  }();
  return vfs->zName;
}

}  // namespace paddock::storage
