// What members of an ensemble say to each other: one struct for each packet
// type of ZooKeeper's protocol, with the fields that its packet carries
// (zab-and-disk.md 2.3, 3.2).  A message travels on one of two FIFO links
// between two members: notifications on the election link, all others on the
// quorum link, which the learner opens.

#ifndef PADDOCK_ZAB_MESSAGE_H_
#define PADDOCK_ZAB_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "zab/zxid.h"

namespace paddock::zab {

// What a member does, as notifications tell it; the values are the wire's.
enum class Role { kLooking = 0, kFollowing = 1, kLeading = 2, kObserving = 3 };

// Who should lead, by what its history promises.  `zxid` and `peer_epoch` are
// those of the proposed leader: its last logged transaction and its current
// epoch.  `election_epoch` is the round, or logical clock, of the vote.
struct Vote {
  ServerId leader{0};
  Zxid zxid;
  int64_t election_epoch = 0;
  int64_t peer_epoch = 0;

  friend bool operator==(const Vote&, const Vote&) = default;
};

// The vote of a member that may not be elected: below every other.
inline constexpr ServerId kNobody{INT64_MIN};

struct Notification {
  Role role = Role::kLooking;
  Vote vote;
  std::string config;  // Text of the sender's committed configuration
};

// Learner to leader: who I am, and the last epoch that I promised.
struct FollowerInfo {
  int64_t accepted_epoch = 0;
  bool is_observer = false;    // OBSERVERINFO on the wire
  int64_t config_version = 0;  // Of its committed configuration
};

// Leader to learner: the epoch that begins.
struct LeaderInfo {
  int64_t epoch = 0;
};

// Learner to leader: I promise to follow no older epoch; this is my history.
// No epoch (-1 on the wire) when that promise was given before.
struct AckEpoch {
  Zxid last_zxid;
  std::optional<int64_t> current_epoch;
};

// Leader to learner, one of three: how your history becomes mine.
struct Diff {
  Zxid zxid;  // Of the last transaction that follows
};
struct Trunc {
  Zxid zxid;  // The last one to keep
};
struct Snap {
  Zxid zxid;  // Of the state
  std::string state;
};

struct Proposal {
  Zxid zxid;
  std::string txn;
};
// A proposal that is committed already, for observers.
struct Inform {
  Zxid zxid;
  std::string txn;
};
struct Ack {
  Zxid zxid;  // Counter 0: of NEWLEADER or UPTODATE
};
struct Commit {
  Zxid zxid;
};
// The same two for a transaction of a Java leader that changes the
// configuration, and who is to lead then (zab-and-disk.md 7.4).
struct InformAndActivate {
  Zxid zxid;
  ServerId leader{0};
  std::string txn;
};
struct CommitAndActivate {
  Zxid zxid;
  ServerId leader{0};
};

// Leader to learner: all of the initial history of this epoch is sent.
struct NewLeader {
  int64_t epoch = 0;
  std::string config;
};
// Leader to learner: a quorum has that history; serve.
struct UpToDate {};

// Sessions whose clients were heard, with their time-outs.
struct Touch {
  SessionId session{0};
  int32_t timeout_ms = 0;
};
// Leader to learner without sessions, and its answer with them.
struct Ping {
  Zxid zxid;  // The leader's last proposal, echoed
  std::vector<Touch> sessions;
};

// Learner to leader: may this session move to me?  And the answer.
struct Revalidate {
  SessionId session{0};
  int32_t timeout_ms = 0;
};
struct Revalidated {
  SessionId session{0};
  bool valid = false;
};

// Learner to leader: a client's request, which is Zab's business only where it
// is a sync.  `body` and `identities` are opaque.
struct Request {
  SessionId session{0};
  int32_t cxid = 0;
  int32_t op = 0;
  std::string body;
  std::string identities;
};
// Leader to learner: answers the oldest sync that it forwarded.
struct Sync {};

using Message =
    std::variant<Notification, FollowerInfo, LeaderInfo, AckEpoch, Diff, Trunc,
                 Snap, Proposal, Inform, Ack, Commit, InformAndActivate,
                 CommitAndActivate, NewLeader, UpToDate, Ping, Revalidate,
                 Revalidated, Request, Sync>;

struct Envelope {
  ServerId to{0};
  Message message;
};

// What a trace and a complaint call it: "PROPOSAL 5:1".
std::string Describe(const Message& message);

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_MESSAGE_H_
