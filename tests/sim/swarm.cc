#include "sim/swarm.h"

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "base/random.h"
#include "sim/ensemble.h"

namespace paddock::sim {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kHealedMax = 60 * kSecond;  // Until it works again

class Swarm {
 public:
  Swarm(uint64_t seed, bool keeps_trace)
      : random_(seed ^ 0x5eed), ensemble_(Draw(seed, keeps_trace)) {
    // Each run has faults of some kinds only, so that each kind has its day.
    for (int& weight : weights_) {
      weight =
          random_.Chance(1, 2) ? 1 + static_cast<int>(random_.Below(4)) : 0;
    }
    fault_interval_ = kSecond / 20 << random_.Below(7);
    work_interval_ = kSecond / 100 << random_.Below(6);
    reads_per_write_ = random_.Chance(1, 2) ? 1 : 1 << random_.Below(7);
  }

  SwarmResult Run() {
    Work();
    Fault();
    ensemble_.RunFor((20 + static_cast<Micros>(random_.Below(100))) * kSecond);
    faults_on_ = false;
    reads_per_write_ = 1;
    if (random_.Chance(1, 2)) {
      HealQuorum();
      Bounded("Liveness: a quorum is healed, but does not work alone",
              kHealedMax, [this] {
                return HasCommitted() &&
                       std::none_of(lost_.begin(), lost_.end(),
                                    [this](ServerId id) { return Leads(id); });
              });
    }
    Heal();
    Bounded("Liveness: healed, but nothing is committed", kHealedMax,
            [this] { return HasCommitted(); });
    work_on_ = false;
    // A disk may have to come to its end of a stall first.
    Bounded("Liveness: healed, but no agreement", 2 * kHealedMax,
            [this] { return ensemble_.IsConverged(); });
    SwarmResult result{.violation = ensemble_.checkers().violation(),
                       .trace_hash = ensemble_.trace_hash(),
                       .events = ensemble_.queue().count(),
                       .virtual_us = ensemble_.queue().now(),
                       .committed = ensemble_.checkers().committed().size(),
                       .epochs = ensemble_.checkers().epochs()};
    if (result.violation.has_value()) {
      for (const ServerId id : ensemble_.ids()) {
        result.trace += ensemble_.Describe(id) + "\n";
      }
      for (const std::string& line : ensemble_.trace()) {
        result.trace += line + "\n";
      }
    }
    return result;
  }

 private:
  EnsembleOptions Draw(uint64_t seed, bool keeps_trace) {
    EnsembleOptions options{.seed = seed, .keeps_trace = keeps_trace};
    static constexpr int kVoters[] = {1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7};
    const int voters = kVoters[random_.Below(std::size(kVoters))];
    const int observers =
        random_.Chance(1, 4) ? 1 + static_cast<int>(random_.Below(2)) : 0;
    options.members = Members(voters, observers);
    if (voters >= 6 && random_.Chance(1, 2)) {
      for (int i = 0; i < voters; ++i) {
        options.members[static_cast<size_t>(i)].group = 1 + i % 3;
        options.members[static_cast<size_t>(i)].weight =
            static_cast<int64_t>(random_.Below(3)) + (i < 3 ? 1 : 0);
      }
    }
    options.config.tick_time =
        absl::Milliseconds(random_.Chance(1, 2) ? 2000 : 200);
    options.config.history_count_min = 1 + random_.Below(1 << random_.Below(8));
    options.config.history_bytes_max = 20 << random_.Below(8);
    options.config.truncates_learners = random_.Chance(2, 3);
    if (random_.Chance(1, 10)) {
      options.config.counter_max =
          20 + static_cast<uint32_t>(random_.Below(50));
    }
    options.network.latency_max = 200 << random_.Below(7);
    options.network.break_notice_max = kSecond / 5 << random_.Below(6);
    options.disk.latency_max = 200 << random_.Below(7);
    options.clock_skew_per_mille = random_.Chance(1, 3) ? 50 : 0;
    return options;
  }

  void Bounded(const char* what, Micros limit,
               const std::function<bool()>& condition) {
    committed_before_ = ensemble_.checkers().committed().size();
    if (!violated() && !ensemble_.RunUntil(condition, limit) && !violated()) {
      ensemble_.checkers().Fail(what);
    }
  }
  bool HasCommitted() {
    return ensemble_.checkers().committed().size() > committed_before_;
  }
  bool Leads(ServerId id) const {
    return ensemble_.IsRunning(id) && ensemble_.peer(id).CanPropose();
  }

  bool violated() const {
    return const_cast<Swarm*>(this)
        ->ensemble_.checkers()
        .violation()
        .has_value();
  }

  ServerId Any() {
    return ensemble_.ids()[random_.Below(ensemble_.ids().size())];
  }

  void Work() {
    if (!work_on_) {
      return;
    }
    for (const ServerId id : ensemble_.ids()) {
      if (random_.Chance(1, 8)) {
        ensemble_.Sync(id);
      }
      if (!random_.Chance(1, reads_per_write_) || idle_.contains(id)) {
        continue;  // A leader with nothing to commit
      }
      const uint64_t burst = 1 + random_.Below(4);
      for (uint64_t i = 0; i < burst && ensemble_.Propose(id); ++i) {
      }
    }
    ensemble_.queue().In(1 + static_cast<Micros>(random_.Below(
                                 static_cast<uint64_t>(2 * work_interval_))),
                         [this] { Work(); });
  }

  void Later(Micros longest, std::function<void()> action) {
    ensemble_.queue().In(
        1 + static_cast<Micros>(random_.Below(static_cast<uint64_t>(longest))),
        [this, action = std::move(action)] {
          if (faults_on_) {
            action();
          }
        });
  }

  void Fault() {
    if (!faults_on_) {
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
    ensemble_.queue().In(1 + static_cast<Micros>(random_.Below(
                                 static_cast<uint64_t>(2 * fault_interval_))),
                         [this] { Fault(); });
  }

  // One link, or all of a member.
  void BreakSome(ServerId id, ServerId other) {
    if (random_.Chance(1, 2)) {
      ensemble_.network().Break(id, other);
      return;
    }
    for (const ServerId each : ensemble_.ids()) {
      ensemble_.network().Break(id, each);
    }
  }

  void StallSome(ServerId id, ServerId other) {
    Network& network = ensemble_.network();
    const Micros until = ensemble_.queue().now() +
                         static_cast<Micros>(random_.Below(3 * kSecond));
    if (random_.Chance(1, 2)) {
      network.Stall(id, other, until);
      return;
    }
    for (const ServerId each : ensemble_.ids()) {
      network.Stall(id, each, until);
      network.Stall(each, id, until);
    }
  }

  void Inject(size_t kind) {
    const ServerId id = Any();
    const ServerId other = Any();
    Network& network = ensemble_.network();
    switch (kind) {
      case 0:
        ensemble_.Crash(id);
        Later(10 * kSecond, [this, id] { ensemble_.Restart(id); });
        return;
      case 1:  // All at once, as in a power cut
        if (random_.Chance(1, 4)) {
          for (const ServerId each : ensemble_.ids()) {
            ensemble_.Crash(each);
            Later(3 * kSecond, [this, each] { ensemble_.Restart(each); });
          }
        }
        return;
      case 2:
        BreakSome(id, other);
        return;
      case 3:  // One way
        for (const ServerId each : ensemble_.ids()) {
          if (each != id && random_.Chance(2, 3)) {
            network.Cut(each, id);
          }
        }
        Later(10 * kSecond, [this] { ensemble_.network().HealAll(); });
        return;
      case 4:
        ensemble_.Isolate(id);
        Later(10 * kSecond, [this] { ensemble_.network().HealAll(); });
        return;
      case 5:  // Halves
        for (const ServerId a : ensemble_.ids()) {
          for (const ServerId b : ensemble_.ids()) {
            if ((a <= id) != (b <= id)) {
              network.Cut(a, b);
            }
          }
        }
        Later(10 * kSecond, [this] { ensemble_.network().HealAll(); });
        return;
      case 6:
        ensemble_.Pause(id, static_cast<Micros>(random_.Below(8 * kSecond)));
        return;
      case 7:
        ensemble_.StallDisk(id,
                            static_cast<Micros>(random_.Below(6 * kSecond)));
        return;
      case 8:
        StallSome(id, other);
        return;
      case 9:
        ensemble_.Checkpoint(id);
        return;
      case 10:
        ensemble_.Stop(id);
        stopping_.insert(id);
        Later(3 * kSecond, [this, id] {
          ensemble_.Crash(id);
          ensemble_.Restart(id);
        });
        return;
      default:
        return;
    }
  }

  // A quorum gets well; each of the others stays lost in its way, those that
  // lead first.
  void HealQuorum() {
    Heal();
    std::vector<ServerId> candidates;
    for (const ServerId id : ensemble_.ids()) {
      candidates.insert(Leads(id) ? candidates.begin() : candidates.end(), id);
    }
    for (const ServerId id : candidates) {
      if (random_.Chance(1, 3)) {
        continue;
      }
      lost_.insert(id);
      if (!ensemble_.checkers().IsQuorum(
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
          ensemble_.Crash(id);
          break;
        case 1:
          ensemble_.Isolate(id);
          break;
        case 2:  // Deaf, but heard
          for (const ServerId other : ensemble_.ids()) {
            ensemble_.network().Cut(other, id);
          }
          break;
        default:
          ensemble_.StallDisk(id, kHealedMax);
          break;
      }
    }
  }

  void Heal() {
    lost_.clear();
    idle_.clear();
    ensemble_.network().HealAll();
    for (const ServerId id : ensemble_.ids()) {
      if (stopping_.contains(id)) {
        ensemble_.Crash(id);  // It may not be through with it yet
      }
      ensemble_.Restart(id);
    }
  }

  Random random_;
  Ensemble ensemble_;
  int weights_[11] = {};
  Micros fault_interval_ = kSecond;
  Micros work_interval_ = 1000;
  uint64_t reads_per_write_ = 1;
  bool faults_on_ = true;
  bool work_on_ = true;
  std::set<ServerId> stopping_;
  std::set<ServerId> lost_;  // When only a quorum is healed
  std::set<ServerId> idle_;  // Of those that are cut off
  size_t committed_before_ = 0;
};

}  // namespace

SwarmResult RunSwarm(uint64_t seed) {
  SwarmResult result = Swarm(seed, /*keeps_trace=*/false).Run();
  return result.violation.has_value() ? Swarm(seed, /*keeps_trace=*/true).Run()
                                      : result;
}

}  // namespace paddock::sim
