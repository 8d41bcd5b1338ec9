// The few things that storage asks of the file system.  Everything that
// reaches the disk goes through here, so that a test can put a model of a disk
// that loses power underneath.
//
// Errors carry the call, the path and the reason; their codes are those of
// absl::ErrnoToStatus(): kResourceExhausted for a full disk, kPermissionDenied,
// kNotFound, and so on.

#ifndef PADDOCK_STORAGE_FILE_H_
#define PADDOCK_STORAGE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace paddock::storage {

// An open file, closed when destroyed.  Movable.  Not thread-safe.
class File {
 public:
  // Creates `path`, which must not exist, for reading and writing.
  static absl::StatusOr<File> Create(const std::string& path);
  static absl::StatusOr<File> OpenForRead(const std::string& path);
  static absl::StatusOr<File> OpenForWrite(const std::string& path);

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  // Reads up to `size` bytes at `offset` to `to`; fewer only where the file
  // ends.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* to, size_t size) const;

  // Writes all of `bytes`, going on after a short write.  After an error the
  // file may hold any part of them.
  absl::Status WriteAt(int64_t offset, std::string_view bytes);

  // Reserves room on the disk, and extends the file with zeros.
  absl::Status Allocate(int64_t offset, int64_t size);

  absl::Status Truncate(int64_t size);

  // fdatasync: the bytes, and of the metadata what finding them takes.
  absl::Status SyncData();

  // The first `size` bytes were synced, and are unlikely to be read soon: the
  // system need not keep them in memory.  It keeps a page that holds others as
  // well, or several that it keeps as one.
  void DropFromCache(int64_t size) const;

  absl::StatusOr<int64_t> Size() const;

  // Errors: kNotFound when the file has no name any more, so that what is
  // written to it goes away with the File.
  absl::Status CheckNotRemoved() const;

  // Takes the exclusive lock of the file, which ends with the File.  Errors:
  // kUnavailable when another process holds it.
  absl::Status Lock();

  const std::string& path() const { return path_; }

 private:
  File(std::string path, int fd);

  std::string path_;
  int fd_;
};

// Creates `dir` and the parents that are missing, durably.
absl::Status CreateDirs(const std::string& dir);

// Makes the names in `dir` durable, after a file was created or removed there.
absl::Status SyncDir(const std::string& dir);

// The names in `dir`, in no particular order.
absl::StatusOr<std::vector<std::string>> ListDir(const std::string& dir);

absl::Status RemoveFile(const std::string& path);

// Gives the file another name in the same folder, in place of what has it.
absl::Status RenameFile(const std::string& from, const std::string& to);

// What a user may still write on the file system of `path`, and that and all
// that is written there, in bytes.
struct Room {
  int64_t free = 0;
  int64_t total = 0;
};
absl::StatusOr<Room> RoomAt(const std::string& path);

// Whether there is anything of that name.
bool Exists(const std::string& path);

// Whether both name one folder that exists.
bool SameDir(const std::string& a, const std::string& b);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_FILE_H_
