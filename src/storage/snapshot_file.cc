#include "storage/snapshot_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "storage/file.h"
#include "storage/log_format.h"
#include "storage/restore_progress.h"

namespace paddock::storage {
namespace {

constexpr char kPrefix[] = "snapshot.";
// Not one that a Java server takes for a snapshot, as snapshot.1.tmp is.
constexpr char kTemporaryPrefix[] = "new-snapshot.";
// The path "/", with which every whole snapshot ends.
constexpr std::string_view kEnd("\0\0\0\1/", 5);

struct Suffix {
  std::string_view text;
  Compression compression;
};
constexpr std::array<Suffix, 2> kSuffixes = {
    {{".gz", Compression::kGzip}, {".snappy", Compression::kSnappy}}};

// A snapshot may be large: looks first whether it was written to its end.
absl::Status CheckEnd(const File& file) {
  ASSIGN_OR_RETURN(const int64_t bytes, file.Size());
  std::array<char, kEnd.size()> end{};
  const auto size = static_cast<int64_t>(end.size());
  ASSIGN_OR_RETURN(
      const size_t got,
      file.ReadAt(std::max(bytes - size, int64_t{0}), end.data(), end.size()));
  return std::string_view(end.data(), got) == kEnd
             ? absl::OkStatus()
             : absl::DataLossError("was not written to its end");
}

absl::Status RestoreFile(const SnapshotFile& snapshot,
                         RestoreSnapshot restore) {
  ASSIGN_OR_RETURN(const File file, File::OpenForRead(snapshot.path));
  if (snapshot.name.compression == Compression::kNone) {
    RETURN_IF_ERROR(CheckEnd(file));
  }
  ASSIGN_OR_RETURN(const int64_t bytes, file.Size());
  RestoreProgress progress(snapshot.path, bytes);
  SnapshotSource source(&file, snapshot.name.compression);
  return restore(snapshot.name.zxid, [&](char* to, size_t size) {
    progress.Note(source.bytes_read());
    return source.Read(to, size);
  });
}

std::string FileName(const char* prefix, zab::Zxid zxid) {
  return fmt::format("{}{:x}", prefix, static_cast<uint64_t>(zxid.ToWire()));
}

}  // namespace

std::optional<SnapshotName> ParseSnapshotName(std::string_view name) {
  SnapshotName parsed;
  for (const Suffix& suffix : kSuffixes) {
    if (name.size() > suffix.text.size() &&
        name.substr(name.size() - suffix.text.size()) == suffix.text) {
      name.remove_suffix(suffix.text.size());
      parsed.compression = suffix.compression;
      break;
    }
  }
  const auto zxid = ZxidOfName(kPrefix, name);
  if (!zxid) {
    return std::nullopt;
  }
  parsed.zxid = *zxid;
  return parsed;
}

absl::StatusOr<std::vector<SnapshotFile>> ListSnapshots(
    const std::string& dir) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir));
  std::vector<SnapshotFile> snapshots;
  for (const std::string& name : names) {
    if (const auto parsed = ParseSnapshotName(name)) {
      snapshots.push_back({dir + "/" + name, *parsed});
    }
  }
  std::sort(snapshots.begin(), snapshots.end(),
            [](const SnapshotFile& a, const SnapshotFile& b) {
              return std::pair(b.name.zxid, b.path) <
                     std::pair(a.name.zxid, a.path);
            });
  return snapshots;
}

absl::StatusOr<SnapshotRestored> RestoreNewestSnapshot(
    const std::string& dir, std::optional<zab::Zxid> known,
    RestoreSnapshot restore) {
  ASSIGN_OR_RETURN(const std::vector<SnapshotFile> snapshots,
                   ListSnapshots(dir));
  SnapshotRestored restored;
  for (const SnapshotFile& snapshot : snapshots) {
    if (known && snapshot.name.zxid <= *known) {
      break;
    }
    const absl::Status status = RestoreFile(snapshot, restore);
    if (status.ok()) {
      log::Info("restored {}", snapshot.path);
      restored.zxid = snapshot.name.zxid;
      break;
    }
    if (!absl::IsDataLoss(status)) {
      return status;
    }
    log::Warning(
        "{} is damaged ({}); looking for an older one", snapshot.path,
        std::string_view(status.message().data(), status.message().size()));
    if (!restored.damaged) {
      restored.damaged = snapshot;
    }
  }
  return restored;
}

absl::StatusOr<std::string> WriteSnapshotFile(
    const std::string& dir, zab::Zxid zxid,
    absl::FunctionRef<absl::Status(ByteSink)> write) {
  const std::string temporary = dir + "/" + FileName(kTemporaryPrefix, zxid);
  const std::string path = dir + "/" + FileName(kPrefix, zxid);
  ASSIGN_OR_RETURN(File file, File::OpenForWrite(temporary));
  RETURN_IF_ERROR(file.Truncate(0));
  int64_t end = 0;
  RETURN_IF_ERROR(write([&](std::string_view bytes) -> absl::Status {
    RETURN_IF_ERROR(file.WriteAt(end, bytes));
    end += static_cast<int64_t>(bytes.size());
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(file.SyncData());
  RETURN_IF_ERROR(RenameFile(temporary, path));
  RETURN_IF_ERROR(SyncDir(dir));
  return path;
}

}  // namespace paddock::storage
