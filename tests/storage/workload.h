// A history that storage is asked to keep, and the server that asks it, for
// the tests that cut its power or make its disk fail.

#ifndef PADDOCK_TESTS_STORAGE_WORKLOAD_H_
#define PADDOCK_TESTS_STORAGE_WORKLOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/disk_model.h"
#include "storage/storage.h"
#include "zab/write.h"

namespace paddock::storage {

// Whether PADDOCK_TEST_FULL asks for the long tests.
bool IsFullRun();

// PADDOCK_TEST_SEED, or else one that is new each time.  A test prints it.
uint64_t TestSeed();

// What was submitted, and how many of these, from the first on, were promised.
struct History {
  std::vector<zab::Txn> txns;
  size_t promised = 0;
  int32_t generation = 0;  // Of the next transactions, which no other made
};

// Small files, so that a workload has all that happens to large ones.
Options WorkloadOptions(const std::string& root);

// Loads what the disk holds and compares: everything promised is there, and
// after it nothing but a prefix of what was submitted besides.
// Errors: what Storage says, and kInternal when the comparison fails.
absl::Status CheckHistory(const Options& options, const History& history,
                          size_t promised);

// A server's use of Storage, from start to stop.
class ServerRun {
 public:
  // Opens and loads, and compares as CheckHistory() does; what was loaded is
  // promised from then on.  `disk`, if not null, is told of all promises.
  ServerRun(const Options& options, History* history, DiskModel* disk);
  ~ServerRun();  // Stops

  // Of the start, or the failure that was reported.
  absl::Status status() const;

  // Submits the next transactions at once.
  void Submit(size_t count, size_t body_bytes);
  // Waits until all are promised; false when the log failed.
  bool Await();
  bool Write(size_t count, size_t body_bytes) {
    Submit(count, body_bytes);
    return Await();
  }

  // Writes a checkpoint of all that was submitted, and purges what it makes
  // unnecessary.  REQUIRES: all of that is promised
  absl::Status Checkpoint();

  // Of the transactions submitted, how many are promised.
  uint64_t promised() const;

  // Ends it; the error if there was a failure, and kInternal when it was
  // reported wrongly.
  absl::Status Stop();

 private:
  struct Reports;

  History* const history_;
  DiskModel* const disk_;
  std::unique_ptr<Reports> reports_;
  std::unique_ptr<Storage> storage_;
  absl::Status start_status_;
  uint64_t last_id_ = 0;
  size_t first_index_ = 0;                 // Of the transaction with write id 1
  size_t checkpoints_ = 0;                 // Begun
  std::optional<size_t> last_checkpoint_;  // Transactions in it
  std::vector<int64_t> failed_marks_;  // Ids of it, and of failed ones since
};

// Starts, writes batches of many sizes, rotates and stops, `runs` times, until
// something fails; with `checkpoints`, writes some of these in between, whose
// failures do not count.  Returns the failure.
absl::Status RunWorkload(const Options& options, History* history,
                         DiskModel* disk, int runs = 2,
                         bool checkpoints = false);

}  // namespace paddock::storage

#endif  // PADDOCK_TESTS_STORAGE_WORKLOAD_H_
