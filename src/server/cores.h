// How many processor cores this process may use.

#ifndef PADDOCK_SERVER_CORES_H_
#define PADDOCK_SERVER_CORES_H_

#include <filesystem>

namespace paddock::server {

// As many as its affinity names, or less where a control group (version 1 or 2)
// has a quota for it: 0.5 is half of the time of one.  Another `root` is for
// tests: there lie proc/ and sys/.
double CoresGranted(const std::filesystem::path& root = "/");

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_CORES_H_
