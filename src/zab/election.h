// Election: one run of fast leader election, from the moment this member looks
// for a leader until a quorum agrees (zab-and-disk.md 2.4 to 2.6).
//
// Every member proposes the best vote that it has heard of, its own at first,
// and says so to all voters whenever it changes its mind.  Once a quorum
// proposes the same in the same round, and nothing better comes for a while,
// the election is over.  Members that have a leader already say so, and a
// quorum of them, the leader included, decides too.
//
// A member that loses its leader begins two rounds later, not one: a leader
// that can be heard but hears nobody goes on with the next round, and is left
// behind there, for votes of older rounds do not count.

#ifndef PADDOCK_ZAB_ELECTION_H_
#define PADDOCK_ZAB_ELECTION_H_

#include <cstdint>
#include <optional>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "zab/core.h"
#include "zab/message.h"

namespace paddock::zab {

class Election {
 public:
  // Begins `round`.  `core` outlives it.
  Election(Core& core, int64_t round);

  // REQUIRES: not decided
  void Step(ServerId from, const Notification& notification);
  void OnTick();

  const std::optional<Vote>& decided() const { return decided_; }

  int64_t round() const { return round_; }
  const Vote& proposal() const { return proposal_; }
  absl::Duration deadline() const;

 private:
  // No election gets that far, nor is anybody believed who says so.
  static constexpr int64_t kRoundMax = INT64_MAX / 2;

  struct Heard {
    Role role;
    Vote vote;
  };
  using HeardFrom = absl::btree_map<ServerId, Heard>;

  Vote OwnVote() const;
  bool Beats(const Vote& a, const Vote& b) const;
  void Propose(const Vote& vote);
  void Send(ServerId to);
  void SendAll();
  void StepLooking(ServerId from, const Vote& vote);
  void StepEstablished(ServerId from, const Notification& notification);
  void CountProposal();
  // Whether a quorum of `heard` follows `vote`, and its leader says it leads.
  bool IsEstablished(const HeardFrom& heard, const Vote& vote) const;

  Core& core_;
  int64_t round_;
  Vote proposal_;
  HeardFrom round_votes_;  // Of this round
  HeardFrom established_;  // What those say that have a leader, of any round
  std::optional<Vote> decided_;
  Timer finalize_;
  Timer notify_;
  absl::Duration notify_interval_;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_ELECTION_H_
