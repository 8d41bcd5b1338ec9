#include "server/disk_watch.h"

#include "base/check.h"
#include "base/log.h"

namespace paddock::server {

void DiskWatch::Submitted(uint64_t write_id, absl::Duration now) {
  CHECK_GT(write_id, submitted_);
  if (waiting() == 0) {
    since_ = now;
  }
  submitted_ = write_id;
}

void DiskWatch::Persisted(uint64_t write_id, absl::Duration now) {
  CHECK_LE(write_id, submitted_);
  persisted_ = write_id;
  if (told_) {
    log::Warning("the disk goes on; it confirmed no write for {} ms",
                 absl::ToInt64Milliseconds(now - since_));
    told_ = false;
  }
  since_ = now;
}

absl::Duration DiskWatch::NextDeadline() const {
  return waiting() > 0 && !told_ ? since_ + limit_ : absl::InfiniteDuration();
}

void DiskWatch::RunTimers(absl::Duration now) {
  if (now >= NextDeadline()) {
    log::Warning(
        "the disk of the transaction log has confirmed no write for {} ms; "
        "writes wait for it, reads and heartbeats do not",
        absl::ToInt64Milliseconds(now - since_));
    told_ = true;
  }
}

}  // namespace paddock::server
