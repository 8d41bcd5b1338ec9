#include "sim/faults.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace paddock::sim {

std::vector<zab::Member> DrawMembers(Random& random) {
  static constexpr int kVoters[] = {1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7};
  const int voters = kVoters[random.Below(std::size(kVoters))];
  const int observers =
      random.Chance(1, 4) ? 1 + static_cast<int>(random.Below(2)) : 0;
  std::vector<zab::Member> members = Members(voters, observers);
  if (voters >= 6 && random.Chance(1, 2)) {
    for (int i = 0; i < voters; ++i) {
      members[static_cast<size_t>(i)].group = 1 + i % 3;
      members[static_cast<size_t>(i)].weight =
          static_cast<int64_t>(random.Below(3)) + (i < 3 ? 1 : 0);
    }
  }
  return members;
}

Faults::Faults(Cluster& cluster, Random& random)
    : cluster_(cluster), random_(random) {
  // Each run has faults of some kinds only, so that each kind has its day.
  for (int& weight : weights_) {
    weight = random_.Chance(1, 2) ? 1 + static_cast<int>(random_.Below(4)) : 0;
  }
  interval_ = kSecond / 20 << random_.Below(7);
}

ServerId Faults::Any() {
  return cluster_.ids()[random_.Below(cluster_.ids().size())];
}

void Faults::Later(Micros longest, std::function<void()> action) {
  cluster_.queue().In(1 + Below(longest), [this, action = std::move(action)] {
    if (is_on_) {
      action();
    }
  });
}

void Faults::Next() {
  if (!is_on_) {
    return;
  }
  int total = 0;
  for (const int weight : weights_) {
    total += weight;
  }
  if (total > 0) {
    int drawn = static_cast<int>(random_.Below(static_cast<uint64_t>(total)));
    size_t kind = 0;
    while (drawn >= weights_[kind]) {
      drawn -= weights_[kind++];
    }
    Inject(kind);
  }
  cluster_.queue().In(1 + Below(2 * interval_), [this] { Next(); });
}

void Faults::Inject(size_t kind) {
  const ServerId id = Any();
  const ServerId other = Any();
  switch (kind) {
    case 0:
      cluster_.Crash(id);
      Later(10 * kSecond, [this, id] { cluster_.Restart(id); });
      return;
    case 1:
      PowerCut();
      return;
    case 2:
      Break(id, other);
      return;
    case 3:
    case 4:
    case 5:
      Cut(kind, id);
      Later(10 * kSecond, [this] { cluster_.network().HealAll(); });
      return;
    case 6:
      cluster_.Pause(id, Below(8 * kSecond));
      return;
    case 7:
      cluster_.StallDisk(id, Below(6 * kSecond));
      return;
    case 8:
      Stall(id, other);
      return;
    case 9:
      cluster_.Checkpoint(id);
      return;
    case 10:
      cluster_.FailDisk(id);
      return;
    default:
      Stop(id);
      return;
  }
}

// All at once.
void Faults::PowerCut() {
  if (!random_.Chance(1, 4)) {
    return;
  }
  for (const ServerId each : cluster_.ids()) {
    cluster_.Crash(each);
    Later(3 * kSecond, [this, each] { cluster_.Restart(each); });
  }
}

// One link, or all of a member.
void Faults::Break(ServerId id, ServerId other) {
  if (random_.Chance(1, 2)) {
    cluster_.network().Break(id, other);
    return;
  }
  for (const ServerId each : cluster_.ids()) {
    cluster_.network().Break(id, each);
  }
}

void Faults::Cut(size_t kind, ServerId id) {
  Network& network = cluster_.network();
  if (kind == 3) {  // One way
    for (const ServerId each : cluster_.ids()) {
      if (each != id && random_.Chance(2, 3)) {
        network.Cut(each, id);
      }
    }
    return;
  }
  if (kind == 4) {
    cluster_.Isolate(id);
    return;
  }
  for (const ServerId a : cluster_.ids()) {  // Halves
    for (const ServerId b : cluster_.ids()) {
      if ((a <= id) != (b <= id)) {
        network.Cut(a, b);
      }
    }
  }
}

void Faults::Stall(ServerId id, ServerId other) {
  Network& network = cluster_.network();
  const Micros until = cluster_.queue().now() + Below(3 * kSecond);
  if (random_.Chance(1, 2)) {
    network.Stall(id, other, until);
    return;
  }
  for (const ServerId each : cluster_.ids()) {
    network.Stall(id, each, until);
    network.Stall(each, id, until);
  }
}

void Faults::Stop(ServerId id) {
  cluster_.Stop(id);
  stopping_.insert(id);
  Later(3 * kSecond, [this, id] {
    cluster_.Crash(id);
    cluster_.Restart(id);
  });
}

void Faults::HealQuorum() {
  Heal();
  std::vector<ServerId> candidates;
  for (const ServerId id : cluster_.ids()) {
    candidates.insert(
        cluster_.Leads(id) ? candidates.begin() : candidates.end(), id);
  }
  for (const ServerId id : candidates) {
    if (random_.Chance(1, 3)) {
      continue;
    }
    lost_.insert(id);
    if (!IsQuorum(cluster_.members(),
                  [this](ServerId other) { return !lost_.contains(other); })) {
      lost_.erase(id);
    }
  }
  for (const ServerId id : lost_) {
    const uint64_t way = random_.Below(4);
    if ((way == 1 || way == 2) && random_.Chance(1, 2)) {
      idle_.insert(id);
    }
    switch (way) {
      case 0:
        cluster_.Crash(id);
        break;
      case 1:
        cluster_.Isolate(id);
        break;
      case 2:  // Deaf, but heard
        for (const ServerId other : cluster_.ids()) {
          cluster_.network().Cut(other, id);
        }
        break;
      default:
        cluster_.StallDisk(id, 60 * kSecond);
        break;
    }
  }
}

void Faults::Heal() {
  lost_.clear();
  idle_.clear();
  cluster_.network().HealAll();
  for (const ServerId id : cluster_.ids()) {
    if (stopping_.contains(id)) {
      cluster_.Crash(id);  // It may not be through with it yet
    }
    cluster_.Restart(id);
    cluster_.MendDisk(id);
  }
}

}  // namespace paddock::sim
