// The disk of one simulated member: writes become durable in order, batch by
// batch, after a while.  A crash keeps what was confirmed, and of the rest a
// random part of its beginning; where that ends among transactions, it may be
// what the server's own code recovers from a torn log (torn_log.h).

#ifndef PADDOCK_TESTS_SIM_DISK_H_
#define PADDOCK_TESTS_SIM_DISK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "sim/event_queue.h"
#include "zab/write.h"

namespace paddock::sim {

class Disk {
 public:
  struct Options {
    Micros latency_min = 50;
    Micros latency_max = 2000;
  };
  struct Contents {
    zab::Snapshot state;
    bool state_is_committed = true;
    std::vector<zab::Txn> log;
    int64_t accepted_epoch = 0;
    int64_t current_epoch = 0;

    zab::Zxid last_zxid() const {
      return log.empty() ? state.zxid : log.back().zxid;
    }
    // What a state is made of is not known any more: all up to it.
    bool Has(zab::Zxid zxid) const;
  };

  Disk(EventQueue& queue, Random& random, const Options& options)
      : queue_(queue), random_(random), options_(options) {}

  // `persisted` is called with the id of the last write that became durable;
  // `failed` when a write fails, after which none does.
  void Open(std::function<void(uint64_t)> persisted,
            std::function<void()> failed) {
    persisted_ = std::move(persisted);
    failed_ = std::move(failed);
  }
  void Submit(std::vector<zab::Write> writes);

  // What a member that has applied everything up to `state.zxid` keeps instead
  // of its log up to there.  REQUIRES: that is durable
  void Checkpoint(zab::Snapshot state);

  // Nothing becomes durable before `until`.
  void Stall(Micros until) { stalled_until_ = until; }
  Micros stalled_until() const { return stalled_until_; }

  // Whether the next write fails.
  void FailNext(bool fails) { fails_ = fails; }

  // Fails if the log cannot be recovered.
  absl::Status Crash();

  const Contents& durable() const { return durable_; }

 private:
  void StartBatch();
  void Apply(const zab::Write& write);
  absl::Status ApplyTorn(const std::vector<zab::Txn>& txns);

  EventQueue& queue_;
  Random& random_;
  const Options options_;
  Contents durable_;
  std::deque<zab::Write> waiting_;
  std::vector<zab::Write> batch_;
  Micros stalled_until_ = 0;
  bool fails_ = false;
  uint64_t life_ = 0;
  std::function<void(uint64_t)> persisted_;
  std::function<void()> failed_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_DISK_H_
