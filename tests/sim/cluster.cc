#include "sim/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace paddock::sim {
namespace {

constexpr size_t kTraceLinesMax = 400;
constexpr Micros kSupervisorDelay = 500'000;  // Of a process that ended
// Many times what the busiest run takes.
constexpr uint64_t kEventsMax = 5'000'000;

// Stands for the message in the hash of a trace.
uint64_t Number(ServerId other, const zab::Message& message) {
  const uint64_t zxid = std::visit(
      [](const auto& m) {
        if constexpr (requires { m.zxid; }) {
          return static_cast<uint64_t>(m.zxid.ToWire());
        } else if constexpr (requires { m.vote; }) {
          return static_cast<uint64_t>(m.vote.zxid.ToWire()) * 31 +
                 static_cast<uint64_t>(m.vote.election_epoch) * 7 +
                 static_cast<uint64_t>(m.vote.leader);
        } else {
          return uint64_t{0};
        }
      },
      message);
  return (zxid * 31 + message.index()) * 31 + static_cast<uint64_t>(other);
}

}  // namespace

std::vector<zab::Member> Members(int voters, int observers) {
  std::vector<zab::Member> members;
  for (int i = 1; i <= voters + observers; ++i) {
    members.push_back({.id = ServerId{i}, .is_observer = i > voters});
  }
  return members;
}

bool IsQuorum(const std::vector<zab::Member>& members,
              const std::function<bool(ServerId)>& holds) {
  std::map<int64_t, std::pair<int64_t, int64_t>> weights;  // Held, and all
  for (const zab::Member& member : members) {
    if (!member.is_observer) {
      auto& [held, all] = weights[member.group];
      all += member.weight;
      held += holds(member.id) ? member.weight : 0;
    }
  }
  size_t groups = 0;
  size_t holding = 0;
  for (const auto& [group, weight] : weights) {
    groups += weight.second > 0 ? 1 : 0;
    holding += 2 * weight.first > weight.second ? 1 : 0;
  }
  return 2 * holding > groups;
}

Cluster::Cluster(const Options& options)
    : random_(options.seed),
      network_(queue_, random_, options.network),
      keeps_trace_(options.keeps_trace),
      members_(options.members),
      config_(options.config) {
  for (const zab::Member& member : members_) {
    Process& process = processes_[member.id];
    process.disk = std::make_unique<Disk>(queue_, random_, options.disk);
    if (const int skew = options.clock_skew_per_mille; skew > 0) {
      process.clock_per_mille =
          static_cast<int>(random_.Below(static_cast<uint64_t>(2 * skew + 1))) -
          skew;
    }
    ids_.push_back(member.id);
  }
}

void Cluster::KeepTrace(ServerId id, const std::string& line) {
  trace_.push_back(fmt::format("{:>12} {} {}", queue_.now(),
                               static_cast<int64_t>(id), line));
  if (trace_.size() > kTraceLinesMax) {
    trace_.pop_front();
  }
}

void Cluster::TraceEvent(ServerId id, const Event& event) {
  if (const auto* received = std::get_if<zab::Received>(&event)) {
    Trace(id, Number(received->from, received->message), [&] {
      return fmt::format("<- {} {}", static_cast<int64_t>(received->from),
                         zab::Describe(received->message));
    });
  } else if (const auto* lost = std::get_if<zab::LinkLost>(&event)) {
    Trace(id, static_cast<uint64_t>(lost->from), [&] {
      return fmt::format("lost link to {}", static_cast<int64_t>(lost->from));
    });
  }
}

void Cluster::TraceSent(ServerId id, const zab::Envelope& envelope) {
  Trace(id, Number(envelope.to, envelope.message), [&] {
    return fmt::format("-> {} {}", static_cast<int64_t>(envelope.to),
                       zab::Describe(envelope.message));
  });
}

void Cluster::RunOne() {
  queue_.RunOne();
  if (queue_.count() == kEventsMax) {
    Fail("Liveness: events without end");
  }
}

void Cluster::RunFor(Micros duration) {
  const Micros end = queue_.now() + duration;
  while (!queue_.empty() && queue_.next() <= end && !HasFailed()) {
    RunOne();
  }
  queue_.At(end, [] {});
  while (queue_.now() < end && !HasFailed()) {
    RunOne();
  }
}

bool Cluster::RunUntil(const std::function<bool()>& condition, Micros limit) {
  const Micros end = queue_.now() + limit;
  while (!condition()) {
    if (queue_.empty() || queue_.next() > end || HasFailed()) {
      return false;
    }
    RunOne();
  }
  return true;
}

zab::Config Cluster::ConfigOf(ServerId id) const {
  zab::Config config = config_;
  config.id = id;
  config.members = members_;
  return config;
}

zab::DurableState Cluster::Found(ServerId id) const {
  const Disk::Contents& found = disk(id).durable();
  return {.state_zxid = found.state.zxid,
          .state_is_committed = found.state_is_committed,
          .log = found.log,
          .accepted_epoch = found.accepted_epoch,
          .current_epoch = found.current_epoch};
}

absl::Duration Cluster::LocalTime(ServerId id) const {
  const Process& clock = process(id);
  return absl::Microseconds(queue_.now() +
                            queue_.now() * clock.clock_per_mille / 1000 +
                            clock.clock_ahead);
}

void Cluster::Defer(ServerId id, std::function<void()> action) {
  Process& p = process(id);
  if (queue_.now() >= p.paused_until && p.deferred.empty()) {
    action();
    return;
  }
  p.deferred.push_back(std::move(action));
  if (p.deferred.size() == 1) {
    Resume(id);
  }
}

void Cluster::DeferFirst(ServerId id, std::function<void()> action) {
  Process& p = process(id);
  if (queue_.now() >= p.paused_until) {
    action();
    return;
  }
  p.deferred.push_front(std::move(action));
  if (p.deferred.size() == 1) {
    Resume(id);
  }
}

void Cluster::Resume(ServerId id) {
  const Process& p = process(id);
  queue_.At(std::max(queue_.now(), p.paused_until), [this, id, life = p.life] {
    Process& resumed = process(id);
    if (life != resumed.life) {
      return;
    }
    if (queue_.now() < resumed.paused_until) {
      Resume(id);
      return;
    }
    for (auto& action : std::exchange(resumed.deferred, {})) {
      if (life == resumed.life) {
        action();
      }
    }
  });
}

void Cluster::Wake(ServerId id, absl::Duration due) {
  if (due > absl::Hours(24)) {
    return;  // Longer than any run
  }
  Process& p = process(id);
  const Micros local = absl::ToInt64Microseconds(due) - p.clock_ahead;
  const Micros when =
      std::max(queue_.now() + 1, local * 1000 / (1000 + p.clock_per_mille) + 1);
  if (p.next_wake > queue_.now() && p.next_wake <= when) {
    return;
  }
  p.next_wake = when;
  queue_.At(when, [this, id, when, life = p.life] {
    if (life != process(id).life || process(id).next_wake != when) {
      return;
    }
    Defer(id, [this, id] {
      process(id).next_wake = -1;
      Handle(id, std::monostate());
    });
  });
}

void Cluster::Restart(ServerId id) {
  Process& p = process(id);
  if (p.is_running) {
    return;
  }
  Trace(id, 0, [] { return "starts"; });
  p.is_running = true;
  ++p.life;
  p.paused_until = 0;
  p.deferred.clear();
  p.next_wake = -1;
  const auto handle = [this, id, life = p.life](Event event) {
    if (life == process(id).life) {
      Defer(id, [this, id, event = std::move(event)] { Handle(id, event); });
    }
  };
  p.disk->Open([=](uint64_t write_id) { handle(zab::Persisted{write_id}); },
               [this, id] {
                 Crash(id);
                 queue_.In(kSupervisorDelay,
                           [this, id, life = process(id).life] {
                             if (life == process(id).life) {
                               Restart(id);
                             }
                           });
               });
  network_.Attach(
      id, {.in_turn =
               [this, id](std::function<void()> action) {
                 Defer(id, std::move(action));
               },
           .receive =
               [this, id](ServerId from, zab::Message message) {
                 Handle(id, zab::Received{from, std::move(message)});
               },
           .link_lost =
               [this, id](ServerId from) { Handle(id, zab::LinkLost{from}); }});
  Boot(id);
}

void Cluster::Crash(ServerId id) {
  Process& p = process(id);
  if (!p.is_running) {
    return;
  }
  Trace(id, 0, [] { return "crashes"; });
  p.is_running = false;
  ++p.life;
  Halt(id);
  if (const absl::Status status = p.disk->Crash(); !status.ok()) {
    Fail("Recovery: " + std::string(status.message()));
  }
  network_.Detach(id);
}

void Cluster::Pause(ServerId id, Micros duration) {
  Trace(id, static_cast<uint64_t>(duration),
        [&] { return fmt::format("pauses for {}", duration); });
  process(id).paused_until = queue_.now() + duration;
}

void Cluster::StallDisk(ServerId id, Micros duration) {
  Trace(id, static_cast<uint64_t>(duration),
        [&] { return fmt::format("disk stalls for {}", duration); });
  process(id).disk->Stall(queue_.now() + duration);
}

bool Cluster::IsHampered(ServerId id) const {
  return IsPaused(id) || disk(id).stalled_until() > queue_.now();
}

void Cluster::Isolate(ServerId id) {
  for (const ServerId other : ids_) {
    if (other != id) {
      network_.Cut(id, other);
      network_.Cut(other, id);
    }
  }
}

}  // namespace paddock::sim
