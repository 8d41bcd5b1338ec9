// What happens to a cluster in a run of the simulator: faults of some kinds,
// drawn from a seed, until it is healed.

#ifndef PADDOCK_TESTS_SIM_FAULTS_H_
#define PADDOCK_TESTS_SIM_FAULTS_H_

#include <functional>
#include <set>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "sim/cluster.h"

namespace paddock::sim {

inline constexpr Micros kSecond = 1'000'000;

// Mostly three to five voters, sometimes observers, sometimes groups.
std::vector<zab::Member> DrawMembers(Random& random);

class Faults {
 public:
  // Both outlive it.
  Faults(Cluster& cluster, Random& random);

  // Goes on by itself until it is healed.
  void Begin() { Next(); }
  // No more of them, but what is lost stays so.
  void End() { is_on_ = false; }

  // A quorum gets well; each of the others stays lost in its way, those that
  // lead first.
  void HealQuorum();
  void Heal();
  bool IsLost(ServerId id) const { return lost_.contains(id); }
  // Whether it is cut off with nothing to do.
  bool IsIdle(ServerId id) const { return idle_.contains(id); }

 private:
  void Next();
  void Later(Micros longest, std::function<void()> action);
  void Inject(size_t kind);
  void Break(ServerId id, ServerId other);
  void Stall(ServerId id, ServerId other);
  void Cut(size_t kind, ServerId id);
  void PowerCut();
  void Stop(ServerId id);
  ServerId Any();
  Micros Below(Micros longest) {
    return static_cast<Micros>(random_.Below(static_cast<uint64_t>(longest)));
  }

  Cluster& cluster_;
  Random& random_;
  int weights_[12] = {};
  Micros interval_ = kSecond;
  bool is_on_ = true;
  std::set<ServerId> stopping_;
  std::set<ServerId> lost_;  // When only a quorum is healed
  std::set<ServerId> idle_;  // Of those that are cut off
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_FAULTS_H_
