// The epochs that a member of an ensemble must remember, in the files
// currentEpoch and acceptedEpoch of version-2 (zab-and-disk.md 1.2).
//
// A file holds a decimal number, nothing else, as a Java server writes it and
// reads it.

#ifndef PADDOCK_STORAGE_EPOCH_FILE_H_
#define PADDOCK_STORAGE_EPOCH_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "zab/zxid.h"

namespace paddock::storage {

inline constexpr char kCurrentEpochName[] = "/currentEpoch";
inline constexpr char kAcceptedEpochName[] = "/acceptedEpoch";

// Each is absent where its file is, or where it holds -1: so a Java server says
// that it has no history.
struct Epochs {
  // The last epoch whose history was adopted, and the last one promised.
  std::optional<uint32_t> current;
  std::optional<uint32_t> accepted;
  // A value of `current` that was written, but may not be in its place yet.
  std::optional<uint32_t> next_current;

  friend bool operator==(const Epochs&, const Epochs&) = default;
};

// Reads the files in `dir`.  Errors, which name the file and what is allowed:
// kDataLoss for another content; those of file.h.
absl::StatusOr<Epochs> ReadEpochs(const std::string& dir);

// Puts `epoch` into one of the files, durably: after a power cut, or an error,
// the file holds what it held, or `epoch`.  Errors: those of file.h.
absl::Status WriteEpoch(const std::string& dir, const char* name,
                        uint32_t epoch);

// What a member whose last transaction is `last` resumes from: both are there,
// and `next_current` is not any more.  Errors: kDataLoss when it may not, for
// the files are older than its history, or contradict each other.
absl::StatusOr<Epochs> EpochsToResume(Epochs found, zab::Zxid last);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_EPOCH_FILE_H_
