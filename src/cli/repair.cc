#include "cli/repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/status_macros.h"
#include "storage/file.h"
#include "storage/log_format.h"

namespace paddock::cli {
namespace {

constexpr size_t kCopyBytes = 1 << 20;

std::string DirOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// Neither server takes a file of that name for a log.
std::string KeptName(const std::string& path, int64_t offset) {
  return fmt::format("{}/cut-{}-of-{}", DirOf(path), offset,
                     path.substr(path.rfind('/') + 1));
}

// Copies the bytes of `from` behind `offset`, but for zeros at their end.
absl::Status CopyTail(const storage::File& from, int64_t offset,
                      storage::File* to) {
  std::string bytes(kCopyBytes, '\0');
  for (int64_t done = 0;; done += static_cast<int64_t>(bytes.size())) {
    ASSIGN_OR_RETURN(const size_t got,
                     from.ReadAt(offset + done, bytes.data(), bytes.size()));
    const std::string_view read = std::string_view(bytes).substr(0, got);
    const size_t last = read.find_last_not_of('\0');
    if (last != read.npos) {
      RETURN_IF_ERROR(to->WriteAt(done, read.substr(0, last + 1)));
    }
    if (got < bytes.size()) {
      return to->SyncData();
    }
  }
}

absl::StatusOr<std::string> SetAside(const std::string& path) {
  const std::string kept = KeptName(path, 0);
  if (storage::Exists(kept)) {
    return absl::AlreadyExistsError(
        fmt::format("{} is there already; move it away", kept));
  }
  RETURN_IF_ERROR(storage::RenameFile(path, kept));
  RETURN_IF_ERROR(storage::SyncDir(DirOf(path)));
  return fmt::format("{} was renamed to {}", path, kept);
}

// Keeps of the log what is in front of `offset`.
absl::StatusOr<std::string> Cut(const std::string& path, int64_t offset) {
  if (offset <= static_cast<int64_t>(storage::kFileHeaderBytes)) {
    return SetAside(path);
  }
  const std::string kept = KeptName(path, offset);
  ASSIGN_OR_RETURN(storage::File log, storage::File::OpenForWrite(path));
  ASSIGN_OR_RETURN(storage::File copy, storage::File::Create(kept));
  RETURN_IF_ERROR(CopyTail(log, offset, &copy));
  RETURN_IF_ERROR(storage::SyncDir(DirOf(path)));
  RETURN_IF_ERROR(log.Truncate(offset));
  RETURN_IF_ERROR(log.SyncData());
  return fmt::format("{} was cut at offset {}; what was behind it is in {}",
                     path, offset, kept);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RepairLogs(const LogReport& logs,
                                                    bool cut_damage) {
  std::vector<std::string> done;
  if (!logs.trouble) {
    for (const LogFacts& log : logs.files) {
      if (log.end == LogFacts::End::kTorn) {
        ASSIGN_OR_RETURN(std::string text, Cut(log.path, log.used_bytes));
        done.push_back(std::move(text));
      }
    }
    return done;
  }
  if (!cut_damage) {
    return done;
  }
  // The last ones first: whenever this is interrupted, what is left has the
  // same trouble.
  for (size_t i = logs.files.size(); --i > logs.trouble->file;) {
    ASSIGN_OR_RETURN(std::string text, SetAside(logs.files[i].path));
    done.push_back(std::move(text));
  }
  ASSIGN_OR_RETURN(std::string text, Cut(logs.files[logs.trouble->file].path,
                                         logs.trouble->offset));
  done.push_back(std::move(text));
  return done;
}

}  // namespace paddock::cli
