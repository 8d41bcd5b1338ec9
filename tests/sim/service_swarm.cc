#include "sim/service_swarm.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "sim/client.h"
#include "sim/faults.h"
#include "sim/service.h"

namespace paddock::sim {
namespace {

constexpr Micros kHealedMax = 60 * kSecond;  // Until it works again

class ServiceSwarm {
 public:
  ServiceSwarm(uint64_t seed, bool keeps_trace)
      : random_(~seed),
        service_(Draw(seed, keeps_trace)),
        faults_(service_, random_),
        interval_(kSecond / 4 << random_.Below(5)) {}

  ServiceResult Run() {
    faults_.Begin();
    ServiceFault();
    service_.RunFor((5 + static_cast<Micros>(random_.Below(25))) * kSecond);
    faults_.End();
    faults_on_ = false;
    if (random_.Chance(1, 2)) {
      faults_.HealQuorum();
      Acknowledges("a quorum is healed, but acknowledges nothing");
    }
    faults_.Heal();
    Acknowledges("healed, but nothing is acknowledged");
    Calm();
    service_.SetWork(false);
    Bounded("a request is not answered", [this] { return AllIdle(); });
    Bounded("no agreement", [this] { return service_.IsConverged(); });
    for (const ServerId id : service_.ids()) {
      if (!service_.HasFailed()) {
        service_.CheckState(id);
      }
    }
    ServiceResult result{service_.violation(), service_.trace_hash(),
                         service_.queue().count(), service_.queue().now(),
                         service_.acknowledged()};
    if (result.violation.has_value()) {
      for (const ServerId id : service_.ids()) {
        result.trace += service_.Describe(id) + "\n";
      }
      for (const std::string& line : service_.trace()) {
        result.trace += line + "\n";
      }
    }
    return result;
  }

 private:
  ServiceOptions Draw(uint64_t seed, bool keeps_trace) {
    ServiceOptions options{
        .cluster = {.seed = seed, .keeps_trace = keeps_trace}};
    Cluster::Options& cluster = options.cluster;
    cluster.members = DrawMembers(random_);
    cluster.config.tick_time =
        absl::Milliseconds(random_.Chance(1, 2) ? 500 : 200);
    cluster.config.history_count_min = 1 + random_.Below(1 << random_.Below(7));
    cluster.config.history_bytes_max = 100 << random_.Below(8);
    cluster.config.truncates_learners = random_.Chance(2, 3);
    if (random_.Chance(1, 10)) {
      cluster.config.counter_max =
          50 + static_cast<uint32_t>(random_.Below(500));
    }
    cluster.network.latency_max = 200 << random_.Below(7);
    cluster.network.break_notice_max = kSecond / 5 << random_.Below(6);
    cluster.disk.latency_max = 200 << random_.Below(6);
    cluster.clock_skew_per_mille = random_.Chance(1, 3) ? 50 : 0;
    options.clients = 2 + static_cast<int>(random_.Below(5));
    options.work_interval = 10'000 << random_.Below(4);
    for (uint64_t& weight : options.work) {
      weight = random_.Chance(2, 3) ? 1 + random_.Below(4) : 0;
    }
    options.work[static_cast<size_t>(WorkKind::kSetData)] += 1;
    options.work[static_cast<size_t>(WorkKind::kGetData)] += 1;
    options.lock_one_in = 2 << random_.Below(6);
    options.whim_one_in = 20 << random_.Below(6);
    return options;
  }

  template <class Condition>
  void Bounded(const char* what, Condition condition) {
    if (!service_.HasFailed() && !service_.RunUntil(condition, kHealedMax) &&
        !service_.HasFailed()) {
      service_.Fail(fmt::format("Liveness: {}", what));
    }
  }

  void Acknowledges(const char* what) {
    Bounded(what, [this, before = service_.acknowledged()] {
      return service_.acknowledged() > before;
    });
  }

  // Nothing happens any more but that clients work and members do their duty.
  void Calm() {
    for (const ServerId id : service_.ids()) {
      service_.SetWallClock(id, 0);
      service_.StallClients(id, 0);
      if (service_.IsHampered(id)) {
        service_.Crash(id);
        service_.Restart(id);
      }
    }
    Micros longest = 0;
    for (const auto& client : service_.clients()) {
      client->Calm();
      longest = std::max(longest, Micros{1000} * client->timeout_ms());
    }
    Bounded("a member does not serve", [this] { return AllServe(); });
    service_.RunFor(longest + 2 * kSecond);
    Bounded("a client is not served", [this] { return AllServe(); });
    std::vector<int64_t> sessions;
    for (const auto& client : service_.clients()) {
      sessions.push_back(client->session());
    }
    const int64_t epoch = service_.epoch();
    const int64_t zxid = service_.truth().last_zxid();
    const int64_t wall_ms = service_.wall_ms(service_.ids().front());
    service_.RunFor(2 * longest + 2 * kSecond);
    if (!service_.HasFailed()) {
      CheckSessions(sessions, service_.epoch() != epoch);
      if (service_.epoch() == epoch) {
        CheckSweeps(zxid, wall_ms);
      }
    }
  }

  bool AllServe() {
    const auto& clients = service_.clients();
    return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
      return client->is_dead() ||
             (client->is_connected() && client->session() != 0);
    });
  }

  bool AllIdle() {
    const auto& clients = service_.clients();
    return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
      return client->is_dead() || client->is_idle();
    });
  }

  // In a new epoch, all clocks have started afresh.
  void CheckSessions(const std::vector<int64_t>& before, bool is_new_epoch) {
    std::set<int64_t> expected;
    for (size_t i = 0; i < before.size(); ++i) {
      const Client& client = *service_.clients()[i];
      if (client.is_dead()) {
        continue;
      }
      expected.insert(client.session());
      if (client.session() != before[i] ||
          (!is_new_epoch && !client.is_connected())) {
        service_.Fail(fmt::format(
            "Sessions: client {} was there all the time, and lost {:#x}", i,
            before[i]));
      }
    }
    for (const auto& [id, session] : service_.truth().sessions()) {
      if (!is_new_epoch && session.closed == 0 && !expected.contains(id)) {
        service_.Fail(fmt::format(
            "Sessions: {:#x} outlives its client, opened at {:#x} with {} ms",
            id, session.opened, session.timeout_ms));
      }
    }
  }

  // What was due when it became calm is gone.
  void CheckSweeps(int64_t zxid, int64_t wall_ms) {
    for (const auto& [path, states] : service_.truth().znodes()) {
      const Truth::State& state = states.back();
      if (!state.exists || state.zxid > zxid || state.stat.numChildren > 0) {
        continue;
      }
      const bool was_due =
          state.is_container
              ? state.creates > 0
              : state.ttl_ms > 0 && state.stat.mtime + state.ttl_ms < wall_ms;
      if (was_due) {
        service_.Fail(fmt::format("Sweeper: {} is still there", path));
      }
    }
  }

  Micros Below(Micros longest) {
    return static_cast<Micros>(random_.Below(static_cast<uint64_t>(longest)));
  }

  // Likelier to be the leader than any other.
  ServerId Anyone() {
    const auto& ids = service_.ids();
    const auto leader = std::find_if(ids.begin(), ids.end(), [&](ServerId id) {
      return service_.Leads(id);
    });
    return leader != ids.end() && random_.Chance(1, 2)
               ? *leader
               : ids[random_.Below(ids.size())];
  }

  // Of what is not among the faults of all clusters.
  void ServiceFault() {
    if (!faults_on_) {
      return;
    }
    const ServerId id = Anyone();
    switch (random_.Below(10)) {
      case 0:
        service_.BreakClients(id);
        break;
      case 1:
        service_.StallClients(id, service_.queue().now() + Below(3 * kSecond));
        break;
      case 2:
        service_.JumpClock(id, Below(2 * kSecond));
        break;
      case 3:
        service_.SetWallClock(id, Below(40'000) - 20'000);
        break;
      case 4:  // The others look for another leader while it still leads
        for (const ServerId other : service_.ids()) {
          service_.network().BreakLate(id, other);
        }
        break;
      case 5:  // It dies of its disk
        service_.StallDisk(id, kSecond);
        service_.queue().In(Below(kSecond / 2), [this, id] {
          if (faults_on_) {
            service_.Crash(id);
          }
        });
        service_.queue().In(2 * kSecond, [this, id] {
          if (faults_on_) {
            service_.Restart(id);
          }
        });
        break;
      default:
        break;
    }
    service_.queue().In(1 + Below(2 * interval_), [this] { ServiceFault(); });
  }

  Random random_;
  Service service_;
  Faults faults_;
  Micros interval_;
  bool faults_on_ = true;
};

}  // namespace

ServiceResult RunServiceSwarm(uint64_t seed) {
  ServiceResult result = ServiceSwarm(seed, /*keeps_trace=*/false).Run();
  return result.violation.has_value()
             ? ServiceSwarm(seed, /*keeps_trace=*/true).Run()
             : result;
}

}  // namespace paddock::sim
