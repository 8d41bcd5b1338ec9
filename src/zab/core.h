// What the roles of a Peer share: all that outlives a change of role.

#ifndef PADDOCK_ZAB_CORE_H_
#define PADDOCK_ZAB_CORE_H_

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"
#include "zab/config.h"
#include "zab/history.h"
#include "zab/outbox.h"
#include "zab/quorum.h"
#include "zab/write.h"

namespace paddock::zab {

// The phases of Zab.  A leader or learner begins with discovery; broadcast
// begins when its epoch is established, or with UPTODATE.
enum class Phase { kElection, kDiscovery, kSynchronization, kBroadcast };

struct Core {
  Core(const Config& c, const DurableState& state)
      : config(c),
        quorum(config.members),
        history(state, config.history_count_min, config.history_bytes_max),
        accepted_epoch(state.accepted_epoch),
        current_epoch(state.current_epoch) {}

  const Config config;
  const Quorum quorum;
  History history;
  Outbox out;
  // As they will be once all writes that were issued are durable.
  int64_t accepted_epoch;
  int64_t current_epoch;
  uint64_t epoch_write = 0;  // Makes both durable
  absl::Duration now;        // Of the last Tick
  // A leader wants less of this history than a snapshot left of it: the next
  // one is asked for everything.
  bool needs_state = false;
  // A leader activated another configuration than `config` (see peer.h).
  bool is_outdated = false;

  void SetAcceptedEpoch(int64_t epoch) {
    CHECK_GT(epoch, accepted_epoch);
    accepted_epoch = epoch;
    epoch_write = out.Store(zab::SetAcceptedEpoch{epoch});
  }
  void SetCurrentEpoch(int64_t epoch) {
    CHECK_GT(epoch, current_epoch);
    CHECK_LE(epoch, accepted_epoch);
    current_epoch = epoch;
    epoch_write = out.Store(zab::SetCurrentEpoch{epoch});
  }
  void Append(Txn txn) {
    const uint64_t id = out.Store(txn);
    history.Append(std::move(txn), id);
  }
  // Makes what is committed part of the output.
  void Commit(Zxid zxid) {
    history.Commit(zxid, &out.ready().install, &out.ready().committed);
  }
};

// When something is due.  These are all time-outs of a member, with their names
// in Config; limits are counted in ticks:
//
//   Election  finalize_     finalize_wait after a quorum agreed
//             notify_       notification_min, doubled up to notification_max
//   Leader    phase_timer_  init_limit for each of its first two phases, and
//                           again for the quorum that has its history
//             ping_timer_   half a tick; with it are looked at:
//             disk_timer_   disk_stall_max for the oldest write under way
//             heard_by      sync_limit and one for each learner to say
//                           something, and init_limit more before UPTODATE
//             ack_due       sync_limit for a follower to acknowledge
//   Learner   silence_      first_answer_min, doubled with each failure; then
//                           init_limit, and sync_limit from NEWLEADER on
//             reconnect_    reconnect_delay
class Timer {
 public:
  void Start(absl::Duration deadline) { deadline_ = deadline; }
  void Stop() { deadline_ = absl::InfiniteDuration(); }
  bool IsDue(absl::Duration now) const { return now >= deadline_; }
  absl::Duration deadline() const { return deadline_; }

 private:
  absl::Duration deadline_ = absl::InfiniteDuration();
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_CORE_H_
