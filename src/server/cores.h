// How many processor cores this process may use.

#ifndef PADDOCK_SERVER_CORES_H_
#define PADDOCK_SERVER_CORES_H_

#include <cstdint>
#include <filesystem>

#include "absl/time/time.h"

namespace paddock::server {

// As many as its affinity names, or less where a control group (version 1 or 2)
// has a quota for it: 0.5 is half of the time of one.  Another `root` is for
// tests: there lie proc/ and sys/.
double CoresGranted(const std::filesystem::path& root = "/");

// How long who waits asks over and over before it sleeps (see Spinner).
struct SpinTimes {
  // The owner's, while so many writes wait for the disk.
  absl::Duration ForOwner(uint64_t writes) const;

  absl::Duration clients;  // The owner for clients
  absl::Duration disk;     // The owner for the disk
  absl::Duration log;      // The log thread for writes
};

// Zero with less than two cores.  What it gains and costs: README, "What a
// request costs".
SpinTimes SpinTimesFor(double cores);

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_CORES_H_
