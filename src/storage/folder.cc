#include "storage/folder.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/checkpoint.h"
#include "storage/log_format.h"
#include "storage/snapshot_file.h"

namespace paddock::storage {
namespace {

constexpr char kLockFile[] = "/paddock.lock";
constexpr char kLogPrefix[] = "log.";

// Says of `error` which folder it concerns and what to do about it.
absl::Status Explain(const absl::Status& error, const std::string& dir) {
  const std::string_view why(error.message().data(), error.message().size());
  switch (error.code()) {
    case absl::StatusCode::kNotFound:
      return absl::NotFoundError(
          fmt::format("data folder {} does not exist ({}); create it, or allow "
                      "it with datadir.autocreate=true",
                      dir, why));
    case absl::StatusCode::kPermissionDenied:
      return absl::PermissionDeniedError(fmt::format(
          "data folder {} cannot be written by this user ({}); change its "
          "owner or its mode",
          dir, why));
    case absl::StatusCode::kFailedPrecondition:
      return absl::FailedPreconditionError(
          fmt::format("{} cannot be a data folder ({}); move away the file "
                      "that is in its place, or name another folder",
                      dir, why));
    default:
      return absl::Status(error.code(),
                          fmt::format("data folder {}: {}", dir, why));
  }
}

absl::Status TakeLock(File* lock, const std::string& dir) {
  const absl::Status locked = lock->Lock();
  if (!absl::IsUnavailable(locked)) {
    return locked.ok() ? locked : Explain(locked, dir);
  }
  std::string holder(32, '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   lock->ReadAt(0, holder.data(), holder.size()));
  holder.resize(got);
  return absl::UnavailableError(fmt::format(
      "data folder {} is in use by another process (pid {}); stop it, or give "
      "each server a folder of its own",
      dir, holder.empty() ? "unknown" : holder));
}

bool IsLog(std::string_view name) {
  return ZxidOfName(kLogPrefix, name).has_value();
}

bool IsSnapshot(std::string_view name) {
  return ParseSnapshotName(name).has_value();
}

// Whether `name` is that of a file with a whole state.
bool IsState(std::string_view name) {
  return IsSnapshot(name) ||
         name == std::string_view(kCheckpointName).substr(1);
}

int64_t BytesOf(const std::string& path, bool (*is_one)(std::string_view)) {
  const auto names = ListDir(path);
  int64_t bytes = 0;
  if (names.ok()) {
    for (const std::string& name : *names) {
      if (!is_one(name)) {
        continue;
      }
      const auto file = File::OpenForRead(path + "/" + name);
      const auto size = file.ok() ? file->Size() : file.status();
      bytes += size.ok() ? *size : 0;
    }
  }
  return bytes;
}

}  // namespace

Folder::Folder(std::string path, File lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

absl::StatusOr<Folder> Folder::Open(const std::string& dir, bool create) {
  const std::string path = dir + kVersionDir;
  if (create) {
    if (const absl::Status made = CreateDirs(path); !made.ok()) {
      return Explain(made, dir);
    }
  }
  absl::StatusOr<File> lock = File::OpenForWrite(path + kLockFile);
  if (!lock.ok()) {
    return Explain(lock.status(), dir);
  }
  RETURN_IF_ERROR(TakeLock(&*lock, dir));
  absl::Status written = lock->Truncate(0);
  written.Update(lock->WriteAt(0, std::to_string(getpid())));
  if (!written.ok()) {
    return Explain(written, dir);
  }
  return Folder(path, *std::move(lock));
}

absl::StatusOr<std::optional<File>> LockForRead(const std::string& dir) {
  absl::StatusOr<File> lock = File::OpenForRead(dir + kVersionDir + kLockFile);
  if (absl::IsNotFound(lock.status()) && Exists(dir + kVersionDir)) {
    return std::nullopt;
  }
  if (!lock.ok()) {
    return absl::Status(lock.status().code(),
                        fmt::format("{} is not a data folder ({})", dir,
                                    std::string(lock.status().message())));
  }
  RETURN_IF_ERROR(TakeLock(&*lock, dir));
  return std::optional<File>(*std::move(lock));
}

bool IsHistoryFile(const std::string& name) {
  return IsLog(name) || IsState(name);
}

absl::Status CheckFinished(const std::string& path) {
  return Exists(path + kUnfinishedName)
             ? absl::FailedPreconditionError(fmt::format(
                   "{} was not finished by the paddock import or export that "
                   "made it; remove it, and run that again",
                   path))
             : absl::OkStatus();
}

absl::Status CheckContents(const std::string& data_path,
                           const std::string& log_path) {
  RETURN_IF_ERROR(CheckFinished(data_path));
  RETURN_IF_ERROR(CheckFinished(log_path));
  if (SameDir(data_path, log_path)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto in_data, ListDir(data_path));
  if (std::any_of(in_data.begin(), in_data.end(), IsLog)) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds transaction logs, but dataLogDir says that they are in {}; "
        "move them there",
        data_path, log_path));
  }
  ASSIGN_OR_RETURN(const auto in_log, ListDir(log_path));
  if (std::any_of(in_log.begin(), in_log.end(), IsState)) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds snapshots or a checkpoint, but dataDir says that they are in "
        "{}; move them there",
        log_path, data_path));
  }
  return absl::OkStatus();
}

int64_t SnapshotBytes(const std::string& path) {
  return BytesOf(path, IsSnapshot);
}

int64_t LogBytes(const std::string& path) { return BytesOf(path, IsLog); }

}  // namespace paddock::storage
