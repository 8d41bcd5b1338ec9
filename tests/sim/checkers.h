// What must hold in every ensemble at every moment (zab-and-disk.md 11.2 and
// 11.4).  A checker that finds a violation remembers the first one.

#ifndef PADDOCK_TESTS_SIM_CHECKERS_H_
#define PADDOCK_TESTS_SIM_CHECKERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "sim/disk.h"
#include "zab/message.h"
#include "zab/peer.h"

namespace paddock::sim {

class Checkers {
 public:
  explicit Checkers(const zab::Config& config)
      : config_(config), quorum_(config.members) {}

  // `applied` of a member are all transactions it has applied, the new ones
  // from `first_new` on.  `disks` are those of all members.
  void Applied(ServerId id, const std::vector<zab::Txn>& applied,
               size_t first_new, const std::map<ServerId, const Disk*>& disks);
  // A promise leaves the member.
  void Sent(ServerId id, const zab::Envelope& envelope, const Disk& disk);
  void Proposed(const zab::Txn& txn);
  // After each event at a member.
  void Look(ServerId id, const zab::Peer& peer, const Disk& disk);
  // A leader takes a sync, which a client began when so many were committed.
  void SyncBegan(ServerId id, size_t committed);
  void SyncEnded(ServerId id, size_t applied);
  void Restarted(ServerId id) { syncs_.erase(id); }
  void Fail(std::string what);

  const std::optional<std::string>& violation() const { return violation_; }
  // All that was ever committed anywhere, in order.
  const std::vector<zab::Txn>& committed() const { return committed_; }
  size_t epochs() const { return leaders_.size(); }

 private:
  struct Epochs {
    int64_t accepted = 0;
    int64_t current = 0;
  };

  const zab::Config config_;
  const zab::Quorum quorum_;
  std::vector<zab::Txn> committed_;
  std::map<int64_t, ServerId> leaders_;  // That established an epoch
  std::map<ServerId, Epochs> epochs_;
  std::set<std::pair<ServerId, int64_t>> promises_;  // ACKEPOCH with an epoch
  std::set<std::string> proposed_;
  std::map<ServerId, std::vector<size_t>> syncs_;  // Committed when they began
  uint64_t looks_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_CHECKERS_H_
