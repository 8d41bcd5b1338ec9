// Learner: a follower or observer of one leader, from the first packet to the
// loss of it (zab-and-disk.md 3.3, 3.7, 3.8).
//
// What the leader sends is logged at once and in order, but counts as committed
// only from UPTODATE on.  ACK(NEWLEADER) waits until the history and then the
// epoch are durable; then each proposal is acknowledged when it is durable.
//
// Whatever the leader says out of place, or should not say at all, ends the
// link: nothing that comes over it fails a CHECK.

#ifndef PADDOCK_ZAB_LEARNER_H_
#define PADDOCK_ZAB_LEARNER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/ids.h"
#include "zab/core.h"
#include "zab/message.h"

namespace paddock::zab {

class Learner {
 public:
  // Asks `leader` after `delay`, and gives up if no answer comes within
  // `patience` after that.  `core` outlives it.
  Learner(Core& core, ServerId leader, absl::Duration delay,
          absl::Duration patience);

  // REQUIRES: the message is the leader's
  void Step(Message& message);
  void LinkLost();
  void OnTick();

  ServerId leader() const { return leader_; }
  bool is_observer() const { return is_observer_; }
  Phase phase() const { return phase_; }
  int64_t epoch() const { return epoch_; }

  // Why it follows no longer.
  const std::optional<std::string>& gave_up() const { return gave_up_; }

  absl::Duration deadline() const;

 private:
  void Connect();
  void On(const LeaderInfo& info);
  void On(const Diff& diff);
  void On(const Trunc& trunc);
  void On(Snap& snap);
  void On(Proposal& proposal);
  void On(Inform& inform);
  void On(const Commit& commit);
  void On(InformAndActivate& inform);
  void On(const CommitAndActivate& commit);
  void On(const NewLeader& leader);
  void On(const UpToDate& up_to_date);
  void On(const Ping& ping);
  void GiveUp(std::string reason);
  void OnCommitted(Zxid zxid);
  void OnActivated(Message notice);
  // Whether `zxid` may be that of the next transaction.
  bool IsNext(Zxid zxid) const;
  // Whether the leader proposes an error, which needs no place in the log.
  bool IsRepeated(Zxid zxid) const;
  void AckOnceDurable(Zxid zxid);
  void BeginSync(Zxid committed);
  void Install(Snapshot snapshot);
  void SendOnceAllDurable(Message message);

  Core& core_;
  const ServerId leader_;
  bool is_observer_ = false;
  Phase phase_ = Phase::kDiscovery;
  bool is_connecting_ = true;  // No answer yet
  bool sync_began_ = false;    // DIFF, TRUNC or SNAP came
  bool has_history_ = false;   // NEWLEADER came
  int64_t epoch_ = 0;          // Once LEADERINFO came
  Zxid committed_;             // The leader says so; ours from UPTODATE on
  std::deque<Zxid> unacknowledged_;  // Proposals that came before UPTODATE
  Timer silence_;
  Timer reconnect_;
  std::optional<std::string> gave_up_;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_LEARNER_H_
