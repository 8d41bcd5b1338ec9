// What a power cut leaves of transactions that were being appended to a log:
// written and read back by the server's own code (storage/txn_log.h, replay.h).

#ifndef PADDOCK_TESTS_SIM_TORN_LOG_H_
#define PADDOCK_TESTS_SIM_TORN_LOG_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "zab/write.h"

namespace paddock::sim {

// `synced` is in the log and durable, behind a history that ends with `start`;
// of the sectors that `batch` changes, a random part has arrived.  Returns what
// a restart finds after `start`, or why it refuses to go on.
// REQUIRES: the batch is not larger than the log appends at once
absl::StatusOr<std::vector<zab::Txn>> TearLog(zab::Zxid start,
                                              absl::Span<const zab::Txn> synced,
                                              absl::Span<const zab::Txn> batch,
                                              Random& random);

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_TORN_LOG_H_
