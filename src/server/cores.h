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

// How long who waits asks over and over before it sleeps (see Spinner):
// the owner for clients and for the disk, the log thread for writes.
struct SpinTimes {
  absl::Duration clients;
  absl::Duration disk;
  absl::Duration log;
};

// Zero with less than two cores.  What it gains and costs: README, "What a
// request costs".
SpinTimes SpinTimesFor(double cores);

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_CORES_H_
