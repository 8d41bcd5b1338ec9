// Tells when the disk keeps writes waiting, while it does and after.

#ifndef PADDOCK_SERVER_DISK_WATCH_H_
#define PADDOCK_SERVER_DISK_WATCH_H_

#include <cstdint>

#include "absl/time/time.h"

namespace paddock::server {

// Logs one warning when the disk has had writes for `limit` and confirmed none
// of them, and one line when it goes on.  Pure but for that: the owner passes
// the time, which is monotonic.
class DiskWatch {
 public:
  explicit DiskWatch(absl::Duration limit) : limit_(limit) {}

  // Writes up to `write_id` were handed to the disk, or are durable.
  void Submitted(uint64_t write_id, absl::Duration now);
  void Persisted(uint64_t write_id, absl::Duration now);

  // When RunTimers() is due.
  absl::Duration NextDeadline() const;
  void RunTimers(absl::Duration now);

  // How many writes wait for the disk.
  uint64_t waiting() const { return submitted_ - persisted_; }

 private:
  const absl::Duration limit_;
  uint64_t submitted_ = 0;
  uint64_t persisted_ = 0;
  absl::Duration since_;  // While waiting: the last that the disk did
  bool told_ = false;     // Of this wait
};

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_DISK_WATCH_H_
