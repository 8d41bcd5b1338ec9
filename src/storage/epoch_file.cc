#include "storage/epoch_file.h"

#include <fmt/core.h>

#include <charconv>
#include <limits>
#include <string_view>

#include "base/status_macros.h"
#include "storage/file.h"

namespace paddock::storage {
namespace {

constexpr char kTemporarySuffix[] = ".tmp";
constexpr size_t kBytesMax = 32;
// A zxid with a larger one would be negative in Java.
constexpr int64_t kEpochMax = std::numeric_limits<int32_t>::max();
constexpr int64_t kNone = -1;

// The number that the first line of `text` is, which may have an end of line
// when a person wrote it.
std::optional<int64_t> Parse(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const bool is_right = error == std::errc() && stop == end &&
                        number >= kNone && number <= kEpochMax;
  return is_right ? std::optional(number) : std::nullopt;
}

absl::StatusOr<std::optional<uint32_t>> ReadEpoch(const std::string& path) {
  const absl::StatusOr<File> file = File::OpenForRead(path);
  if (absl::IsNotFound(file.status())) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(file.status());
  std::string text(kBytesMax, '\0');
  ASSIGN_OR_RETURN(const size_t size,
                   file->ReadAt(0, text.data(), text.size()));
  text.resize(size);
  const std::optional<int64_t> number = Parse(text);
  if (!number) {
    return absl::DataLossError(fmt::format(
        "{} holds no epoch: allowed is a number from 0 to {}.  Restore the "
        "file from a copy; a server without an ensemble can do without it",
        path, kEpochMax));
  }
  return *number == kNone ? std::nullopt
                          : std::optional(static_cast<uint32_t>(*number));
}

}  // namespace

absl::StatusOr<Epochs> ReadEpochs(const std::string& dir) {
  Epochs epochs;
  const std::string current = dir + kCurrentEpochName;
  ASSIGN_OR_RETURN(epochs.current, ReadEpoch(current));
  ASSIGN_OR_RETURN(epochs.accepted, ReadEpoch(dir + kAcceptedEpochName));
  const auto next = ReadEpoch(current + kTemporarySuffix);
  if (next.ok()) {
    epochs.next_current = *next;
  } else if (!absl::IsDataLoss(next.status())) {  // A power cut left a part
    return next.status();
  }
  return epochs;
}

absl::Status WriteEpoch(const std::string& dir, const char* name,
                        uint32_t epoch) {
  const std::string path = dir + name;
  ASSIGN_OR_RETURN(File file, File::OpenForWrite(path + kTemporarySuffix));
  RETURN_IF_ERROR(file.Truncate(0));
  RETURN_IF_ERROR(file.WriteAt(0, std::to_string(epoch)));
  RETURN_IF_ERROR(file.SyncData());
  RETURN_IF_ERROR(RenameFile(file.path(), path));
  return SyncDir(dir);
}

absl::StatusOr<Epochs> EpochsToResume(Epochs found, zab::Zxid last) {
  uint32_t current = found.current.value_or(last.epoch);
  if (current < last.epoch && found.next_current) {
    current = *found.next_current;  // Its rename was lost
  }
  if (current < last.epoch) {
    return absl::DataLossError(fmt::format(
        "currentEpoch is {}, but the last transaction, 0x{:x}, is of epoch {}",
        current, last.ToWire(), last.epoch));
  }
  const uint32_t accepted = found.accepted.value_or(last.epoch);
  if (accepted < current) {
    return absl::DataLossError(
        fmt::format("acceptedEpoch is {}, which is below currentEpoch {}",
                    accepted, current));
  }
  return Epochs{current, accepted, std::nullopt};
}

}  // namespace paddock::storage
