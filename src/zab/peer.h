// A Peer is one member of a Zab ensemble, written as a deterministic state
// machine.  It decides who leads, in what order transactions are proposed and
// when they are committed; what they say is none of its business.  Start here.
//
// The owner passes events to Step() one at a time and carries out what
// TakeReady() returns.  A Peer does no I/O, reads no clock and draws no random
// numbers, so equal events give equal results on every machine.
//
// Between two members are two kinds of FIFO links.  The election link, over
// which notifications travel, may lose any of them unseen.  The quorum link is
// opened by the learner's owner when there is something to send, by the first
// message of each run; when it breaks, or cannot be opened, the owner says
// LinkLost.  After a hang-up nothing more of that link is passed on.
//
// A member keeps the configuration that it was started with.  What a Java
// leader of an ensemble with reconfigEnabled=true commits to change it, is an
// ordinary transaction here, as it is for a Java member without that.  But one
// that learned of another configuration has no say in an election any more, for
// its quorums may contradict those of the others: it goes on following its
// leader, and stops when it loses that.  Its owner is told by a delivery.
//
// Invariants, checked by CheckInvariants():
//
// (1) Ready::committed continues the state at the start, or Ready::install:
//     zxids grow, and none is skipped or repeated.
// (2) current_epoch <= accepted_epoch, and neither ever decreases.
// (3) No message in Ready::messages promises something about stable storage
//     that a Persisted event has not yet confirmed.
//
// Not thread-safe.

#ifndef PADDOCK_ZAB_PEER_H_
#define PADDOCK_ZAB_PEER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "base/ids.h"
#include "zab/config.h"
#include "zab/core.h"
#include "zab/election.h"
#include "zab/leader.h"
#include "zab/learner.h"
#include "zab/message.h"
#include "zab/outbox.h"
#include "zab/write.h"
#include "zab/zxid.h"

namespace paddock::zab {

// Time passes: monotonic, from an origin of the owner's choice.  The other
// events take place at the time of the Tick before them, so the owner passes
// one in front of what it has gathered.
struct Tick {
  absl::Duration now;
};
struct Received {
  ServerId from{0};
  Message message;
};
// The quorum link is gone, and whatever was sent on it may be too.
struct LinkLost {
  ServerId from{0};
};
// This write and all before it are durable.
struct Persisted {
  uint64_t write_id = 0;
};
// This member will stop: a leader hands over what it has first.
struct Stop {};

// The id of a standalone server.
inline constexpr ServerId kStandalone{1};

class Peer {
 public:
  // A member of an ensemble, which resumes from `state`; it begins to look for
  // a leader with the first Tick.  REQUIRES: ValidateConfig(config).ok()
  Peer(const Config& config, const DurableState& state);

  // A standalone server, which is its own quorum: it proposes at once, and goes
  // on in the epoch of its last transaction, as a standalone Java server does
  // (zab-and-disk.md 1.1).  Ticks are of no use to it.
  explicit Peer(Zxid last_zxid);

  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Events.  A message that does not fit the current role or epoch is late, and
  // is ignored or ends its link.  An event that only a bug in the owner can
  // produce, such as a Persisted for a write never issued, fails a CHECK.
  void Step(const Tick& event);
  void Step(Received event);
  void Step(const LinkLost& event);
  void Step(const Persisted& event);
  void Step(const Stop& event);

  // Whether it leads an established epoch and takes proposals.
  bool CanPropose() const;

  // The zxid that the next proposal gets.  REQUIRES: CanPropose()
  Zxid NextZxid() const;

  // Orders `txn` after all earlier proposals.
  // REQUIRES: CanPropose(), txn.zxid == NextZxid()
  void Propose(Txn txn);

  // Asks for the moment when all that was proposed before is committed, and a
  // quorum has shown that it still follows this leader: then a SYNC goes to
  // `origin`, or Ready::syncs tells it if that is this member.
  // REQUIRES: CanPropose()
  void Sync(ServerId origin);

  // Answers a question of a learner about a session.  REQUIRES: CanPropose()
  void SendToLearner(ServerId learner, Message message);

  // Sends a request, or a question about a session, to the leader.
  // REQUIRES: IsServing() as a learner
  void SendToLeader(Message message);

  // Returns the work that has accumulated since the last call.
  Ready TakeReady();

  // When a Tick is due even if nothing else happens.
  absl::Duration NextDeadline() const;

  Role role() const;
  Phase phase() const;
  // Whether it has what a quorum agrees on, and may answer clients.
  bool IsServing() const { return phase() == Phase::kBroadcast; }
  bool IsStopped() const { return is_stopped_; }
  // Of the last election that was decided, if not looking.
  std::optional<ServerId> leader() const;
  int64_t accepted_epoch() const { return core_.accepted_epoch; }
  int64_t current_epoch() const { return core_.current_epoch; }
  Zxid last_logged() const { return core_.history.last_logged(); }
  Zxid last_committed() const { return core_.history.last_committed(); }
  const History& history() const { return core_.history; }
  // Why it last left a leader, or gave up leading; for people.
  const std::string& last_trouble() const { return last_trouble_; }

  // Fails a CHECK when an invariant does not hold.  Slow; for tests.
  void CheckInvariants() const;

 private:
  void Look(int64_t round);
  void Settle();
  void Decide(Vote vote);
  void OnNotification(ServerId from, const Notification& notification);
  Vote CurrentVote() const;

  Core core_;
  // Nothing before the first Tick and after the stop.
  std::variant<std::monostate, Election, Leader, Learner> part_;
  Vote vote_;         // That decided the last election
  int failures_ = 0;  // To join a leader, in turn
  bool is_stopping_ = false;
  bool is_stopped_ = false;
  std::string last_trouble_;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_PEER_H_
