#include "storage/folder.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/log_format.h"

namespace paddock::storage {
namespace {

constexpr char kLockFile[] = "/paddock.lock";
constexpr char kLogPrefix[] = "log.";
constexpr char kSnapshotPrefix[] = "snapshot.";

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

// The compressed snapshots of a Java server have a suffix.
std::string_view WithoutSuffix(std::string_view name) {
  for (const std::string_view suffix : {".gz", ".snappy"}) {
    if (name.size() > suffix.size() &&
        name.substr(name.size() - suffix.size()) == suffix) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return name;
}

// The zxids in the names of files in `path` that start with `prefix`.
absl::StatusOr<std::vector<zab::Zxid>> ZxidsOf(const std::string& path,
                                               std::string_view prefix) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(path));
  std::vector<zab::Zxid> zxids;
  for (const std::string& name : names) {
    if (const auto zxid = ZxidOfName(prefix, WithoutSuffix(name))) {
      zxids.push_back(*zxid);
    }
  }
  return zxids;
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
  const absl::Status locked = lock->Lock();
  if (absl::IsUnavailable(locked)) {
    std::string holder(32, '\0');
    ASSIGN_OR_RETURN(const size_t got,
                     lock->ReadAt(0, holder.data(), holder.size()));
    holder.resize(got);
    return absl::UnavailableError(fmt::format(
        "data folder {} is in use by another process (pid {}); stop it, or "
        "give each server a folder of its own",
        dir, holder.empty() ? "unknown" : holder));
  }
  if (!locked.ok()) {
    return Explain(locked, dir);
  }
  absl::Status written = lock->Truncate(0);
  written.Update(lock->WriteAt(0, std::to_string(getpid())));
  if (!written.ok()) {
    return Explain(written, dir);
  }
  return Folder(path, *std::move(lock));
}

absl::Status CheckContents(const std::string& data_path,
                           const std::string& log_path) {
  ASSIGN_OR_RETURN(const auto snapshots, ZxidsOf(data_path, kSnapshotPrefix));
  for (const zab::Zxid zxid : snapshots) {
    if (zxid != zab::Zxid{}) {
      return absl::UnimplementedError(fmt::format(
          "{} holds snapshots of a ZooKeeper server; importing them is not "
          "supported yet",
          data_path));
    }
  }
  if (SameDir(data_path, log_path)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto strays, ZxidsOf(data_path, kLogPrefix));
  if (!strays.empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds transaction logs, but dataLogDir says that they are in {}; "
        "move them there",
        data_path, log_path));
  }
  ASSIGN_OR_RETURN(const auto misplaced, ZxidsOf(log_path, kSnapshotPrefix));
  if (!misplaced.empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds snapshots, but dataDir says that they are in {}; move them "
        "there",
        log_path, data_path));
  }
  return absl::OkStatus();
}

int64_t FileBytes(const std::string& path, const std::string& prefix) {
  const auto names = ListDir(path);
  int64_t bytes = 0;
  if (names.ok()) {
    for (const std::string& name : *names) {
      if (!ZxidOfName(prefix, WithoutSuffix(name))) {
        continue;
      }
      const auto file = File::OpenForRead(path + "/" + name);
      const auto size = file.ok() ? file->Size() : file.status();
      bytes += size.ok() ? *size : 0;
    }
  }
  return bytes;
}

}  // namespace paddock::storage
