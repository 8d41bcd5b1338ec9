// What the end of a log file that is not clean means (replay.h says why).

#ifndef PADDOCK_STORAGE_LOG_TAIL_H_
#define PADDOCK_STORAGE_LOG_TAIL_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "storage/file.h"
#include "storage/log_reader.h"
#include "zab/zxid.h"

namespace paddock::storage {

struct LogTail {
  // What a power cut leaves of a batch that nobody was promised; else damage.
  bool is_torn = false;
  std::optional<IntactRecord> next;  // The first one behind it, if any
};

// Judges the bytes from `offset`, where no record begins, to the end of a log
// after which no other has records.  `last` is the transaction before it.
// Errors: those of file.h.
absl::StatusOr<LogTail> JudgeTail(const File& file, int64_t offset,
                                  zab::Zxid last);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_LOG_TAIL_H_
