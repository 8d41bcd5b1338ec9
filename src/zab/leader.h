// Leader: a member that an election chose, from the choice of its epoch to the
// day it gives up (zab-and-disk.md 3.3, 3.4, 3.8, 3.9).
//
// Discovery: a quorum of learners tells the last epoch it promised; the new
// one is higher than all.  They promise it.  Synchronization: each learner's
// history is made equal to the leader's, and says so with ACK(NEWLEADER).
// Once a quorum has, this history is committed and the epoch established.
// Broadcast: proposals go to all learners, are acknowledged when durable, and
// are committed in order once a quorum has.
//
// A COMMIT reaches a learner only when its UPTODATE has, for some Java
// releases stumble over one between NEWLEADER and UPTODATE (3.5, 10.4).

#ifndef PADDOCK_ZAB_LEADER_H_
#define PADDOCK_ZAB_LEADER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "zab/core.h"
#include "zab/message.h"

namespace paddock::zab {

class Leader {
 public:
  // `core` outlives it.
  explicit Leader(Core& core);

  // Of an ensemble of one that knows nothing of epochs.
  struct Standalone {};
  Leader(Core& core, Standalone);

  // Events.  Those of a learner that is not (or no longer) known are ignored.
  void Step(ServerId from, Message& message);
  void LinkLost(ServerId from);
  void OnPersisted();
  void OnTick();

  // Before it is destroyed; GiveUp has done it already.
  void HangUpAll();

  // See Peer.
  void Propose(Txn txn);
  void Sync(ServerId origin);
  Zxid NextZxid() const { return Next(core_.history.last_logged()); }

  Phase phase() const { return phase_; }
  int64_t epoch() const { return epoch_; }

  // Why it leads no longer.
  const std::optional<std::string>& gave_up() const { return gave_up_; }

  absl::Duration deadline() const;
  void CheckInvariants() const;

 private:
  struct Learner {
    enum class State {
      kConnected,  // Has sent FOLLOWERINFO
      kPromised,   // Has sent ACKEPOCH
      kSyncing,    // NEWLEADER is sent
      kActive      // Has acknowledged it; UPTODATE is sent if established
    };
    State state = State::kConnected;
    bool is_observer = false;
    Zxid last_zxid;               // As ACKEPOCH told it
    bool promised_first = false;  // This epoch, with this leader
    bool is_up_to_date = false;   // UPTODATE is sent
    Zxid told_committed;          // COMMIT or INFORM is sent up to here
    Zxid acked;                   // All up to here is durable there
    Zxid acked_by;                // Must be acknowledged at `ack_due`
    Timer ack_due;
    Timer heard_by;                // Must be heard of until then
    std::deque<uint64_t> pings;    // The sync rounds of those not answered
    uint64_t confirmed_round = 0;  // It followed after this one had begun
  };

  // A sync that waits until what was proposed before it is committed and a
  // quorum has shown that it still follows.
  struct WaitingSync {
    ServerId origin;
    Zxid through;
    uint64_t round;
  };

  void OnFollowerInfo(ServerId from, const FollowerInfo& info);
  void OnAckEpoch(ServerId from, Learner& learner, const AckEpoch& ack);
  void OnAck(ServerId from, Learner& learner, Zxid zxid);
  void OnPing(ServerId from, Learner& learner, Ping& ping);
  void ChooseEpoch();
  void TrySynchronize();
  void TryEstablish();
  void TryCommit();
  void Synchronize(ServerId id, Learner& learner);
  void Activate(ServerId id, Learner& learner);
  void TellCommitted(ServerId id, Learner& learner, Zxid committed);
  void PingAll();
  void CheckLearners();
  void CheckDisk();
  void BeginSyncRound();
  void ReleaseSyncs();
  void Handle(ServerId from, Message& message);
  // Hangs up on those who were dropped during the event.
  void Finish();
  void Forget(ServerId id);
  void GiveUp(std::string reason);
  // What follows `zxid` in this epoch.
  Zxid Next(Zxid zxid) const;
  // Whether the members of which `holds` is true, and this one if `with_self`,
  // are a quorum.
  template <class Predicate>
  bool HasQuorum(bool with_self, Predicate holds) const;

  Core& core_;
  const bool is_standalone_ = false;
  Phase phase_ = Phase::kDiscovery;
  int64_t epoch_ = 0;            // Once chosen
  const int64_t old_epoch_;      // current_epoch before this one
  int64_t highest_promise_ = 0;  // Of the learners
  absl::btree_map<ServerId, Learner> learners_;
  std::vector<ServerId> dropped_;  // Until the end of the event
  std::deque<WaitingSync> syncs_;
  uint64_t sync_round_ = 0;  // Begun with pings to all
  Timer phase_timer_;
  Timer ping_timer_;
  Timer disk_timer_;
  uint64_t disk_awaited_ = 0;  // The write that disk_timer_ is about
  std::optional<std::string> gave_up_;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_LEADER_H_
