#include "sim/swarm.h"

#include <algorithm>
#include <functional>

#include "base/random.h"
#include "sim/ensemble.h"
#include "sim/faults.h"

namespace paddock::sim {
namespace {

constexpr Micros kHealedMax = 60 * kSecond;  // Until it works again

class Swarm {
 public:
  Swarm(uint64_t seed, bool keeps_trace)
      : random_(seed ^ 0x5eed),
        ensemble_(Draw(seed, keeps_trace)),
        faults_(ensemble_, random_) {
    work_interval_ = kSecond / 100 << random_.Below(6);
    reads_per_write_ = random_.Chance(1, 2) ? 1 : 1 << random_.Below(7);
  }

  SwarmResult Run() {
    Work();
    faults_.Begin();
    ensemble_.RunFor((20 + static_cast<Micros>(random_.Below(100))) * kSecond);
    faults_.End();
    reads_per_write_ = 1;
    if (random_.Chance(1, 2)) {
      faults_.HealQuorum();
      Bounded("Liveness: a quorum is healed, but does not work alone",
              kHealedMax, [this] {
                return HasCommitted() &&
                       std::none_of(ensemble_.ids().begin(),
                                    ensemble_.ids().end(), [this](ServerId id) {
                                      return faults_.IsLost(id) &&
                                             ensemble_.Leads(id);
                                    });
              });
    }
    faults_.Heal();
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
    options.members = DrawMembers(random_);
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
    if (!ensemble_.HasFailed() && !ensemble_.RunUntil(condition, limit) &&
        !ensemble_.HasFailed()) {
      ensemble_.Fail(what);
    }
  }
  bool HasCommitted() {
    return ensemble_.checkers().committed().size() > committed_before_;
  }
  void Work() {
    if (!work_on_) {
      return;
    }
    for (const ServerId id : ensemble_.ids()) {
      if (random_.Chance(1, 8)) {
        ensemble_.Sync(id);
      }
      if (!random_.Chance(1, reads_per_write_) || faults_.IsIdle(id)) {
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

  Random random_;
  Ensemble ensemble_;
  Faults faults_;
  Micros work_interval_ = 1000;
  uint64_t reads_per_write_ = 1;
  bool work_on_ = true;
  size_t committed_before_ = 0;
};

}  // namespace

SwarmResult RunSwarm(uint64_t seed) {
  SwarmResult result = Swarm(seed, /*keeps_trace=*/false).Run();
  return result.violation.has_value() ? Swarm(seed, /*keeps_trace=*/true).Run()
                                      : result;
}

}  // namespace paddock::sim
