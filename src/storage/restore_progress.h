// Says how far the restore of a file has got, when it takes long.

#ifndef PADDOCK_STORAGE_RESTORE_PROGRESS_H_
#define PADDOCK_STORAGE_RESTORE_PROGRESS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"

namespace paddock::storage {

class RestoreProgress {
 public:
  RestoreProgress(std::string path, int64_t total)
      : path_(std::move(path)), total_(total) {}

  // `done` of the total.  Logs a line each second.
  void Note(int64_t done) {
    const absl::Duration now = MonotonicNow();
    if (now - told_ >= kPeriod) {
      told_ = now;
      log::Info("restoring {}: {} %", path_,
                100 * done / std::max<int64_t>(total_, 1));
    }
  }

 private:
  static constexpr absl::Duration kPeriod = absl::Seconds(1);

  const std::string path_;
  const int64_t total_;
  absl::Duration told_ = MonotonicNow();
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_RESTORE_PROGRESS_H_
