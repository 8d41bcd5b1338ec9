// What must hold in every ensemble at every moment: the invariants of the TLA+
// models (invariants.h) and what these do not cover (zab-and-disk.md 11.4).  A
// checker that finds a violation remembers the first one.

#ifndef PADDOCK_TESTS_SIM_CHECKERS_H_
#define PADDOCK_TESTS_SIM_CHECKERS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "sim/cluster.h"
#include "sim/disk.h"
#include "sim/invariants.h"
#include "sim/streams.h"
#include "zab/message.h"
#include "zab/peer.h"

namespace paddock::sim {

class Checkers {
 public:
  explicit Checkers(const zab::Config& config) : config_(config) {}

  // Of a member; `disk` outlives this.
  void AddDisk(ServerId id, const Disk& disk) { disks_[id] = &disk; }

  // `applied` of a member are all transactions it has applied, the new ones
  // from `first_new` on.
  void Applied(ServerId id, const std::vector<zab::Txn>& applied,
               size_t first_new);
  // A promise leaves the member.
  void Sent(ServerId id, const zab::Envelope& envelope, const zab::Peer& peer);
  void Proposed(ServerId id, const zab::Peer& peer, const zab::Txn& txn);
  void Crashed(ServerId id);
  // It closes its link to the sender of what it just heard.
  void HungUp(ServerId id, const zab::Received& because, const zab::Peer& peer);
  // After each event at a member.
  void Look(ServerId id, const zab::Peer& peer);
  // A sync begins at the member that has the client, and is answered there in
  // turn: with the `committed` ones that there were anywhere when its client
  // began it or, at the leader, all that is proposed.
  void SyncBegan(ServerId id, const zab::Peer& peer, size_t committed);
  void SyncEnded(ServerId id, size_t applied, zab::Zxid last);
  // The member answers none of those that wait.
  void SyncsLost(ServerId id) { syncs_.erase(id); }
  bool AreSyncsWaiting() const;
  void Fail(std::string what);

  const std::optional<std::string>& violation() const { return violation_; }
  // All that was ever committed anywhere, in order.
  const std::vector<zab::Txn>& committed() const { return committed_; }
  size_t epochs() const { return established_.size(); }

 private:
  struct Epochs {
    int64_t accepted = 0;
    int64_t current = 0;
  };

  // What an epoch begins with.
  struct Beginning {
    ServerId leader{0};
    zab::Zxid last;  // Of the leader's history
  };
  struct Waiting {
    size_t committed = 0;  // When it began
    zab::Zxid proposed;
  };

  void Promised(ServerId id, ServerId to, const zab::AckEpoch& promise,
                const zab::Peer& peer);
  void Note(Finding finding);
  void LookAtModel(ServerId id, const zab::Peer& peer);
  void LookAtEpochs(ServerId id);
  void LookAtLeader(ServerId id, const zab::Peer& peer);

  const zab::Config config_;
  std::map<ServerId, const Disk*> disks_;
  std::vector<zab::Txn> committed_;
  Model model_;
  std::set<int64_t> established_;            // Epochs
  std::map<int64_t, Beginning> beginnings_;  // Of epochs
  std::map<ServerId, Epochs> epochs_;
  // To whom an epoch was promised, by ACKEPOCH with an epoch.
  std::map<std::pair<ServerId, int64_t>, ServerId> promises_;
  // What members said of themselves in elections, when it was so.
  std::set<std::tuple<ServerId, zab::Zxid, int64_t>> voted_;
  Streams streams_;
  std::map<ServerId, std::deque<Waiting>> syncs_;
  uint64_t looks_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_CHECKERS_H_
