// How many processor cores this process may use.

#ifndef PADDOCK_SERVER_CORES_H_
#define PADDOCK_SERVER_CORES_H_

#include <filesystem>

#include "absl/time/time.h"

namespace paddock::server {

// As many as its affinity names, or less where a control group (version 1 or 2)
// has a quota for it: 0.5 is half of the time of one.  Another `root` is for
// tests: there lie proc/ and sys/.
double CoresGranted(const std::filesystem::path& root = "/");

// How long who waits asks over and over before it sleeps (see base::Spinner):
// the owner for clients and for the disk, the log thread for writes.
struct SpinTimes {
  absl::Duration clients;
  absl::Duration disk;
  absl::Duration log;
};

// One client with one set outstanding gets its answer after 114 us instead of
// 178, and with one get after 25 instead of 68.  Zero with less than two cores.
SpinTimes SpinTimesFor(double cores);

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_CORES_H_
