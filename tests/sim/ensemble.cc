#include "sim/ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"

namespace paddock::sim {
namespace {

constexpr size_t kTraceLinesMax = 400;
// Many times what the busiest run takes.
constexpr uint64_t kEventsMax = 5'000'000;

// What a member's state machine is here: the list of all transactions.
struct App {
  zab::Zxid zxid;
  std::vector<zab::Txn> applied;
};

std::string Serialize(const App& app) {
  std::string out = fmt::format("{};", app.zxid.ToWire());
  for (const zab::Txn& txn : app.applied) {
    out += fmt::format("{} {};", txn.zxid.ToWire(), txn.bytes);
  }
  return out;
}

App Parse(std::string_view state) {
  App app;
  bool is_first = true;
  while (!state.empty()) {
    const std::string_view item = state.substr(0, state.find(';'));
    state.remove_prefix(item.size() + 1);
    const size_t blank = item.find(' ');
    const int64_t zxid = std::stoll(std::string(item.substr(0, blank)));
    if (is_first) {
      app.zxid = zab::Zxid::FromWire(zxid);
      is_first = false;
    } else {
      app.applied.push_back(
          {zab::Zxid::FromWire(zxid), std::string(item.substr(blank + 1))});
    }
  }
  return app;
}

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

struct Ensemble::Node {
  ServerId id{0};
  zab::Config config;
  std::unique_ptr<Disk> disk;
  std::unique_ptr<zab::Peer> peer;  // While it runs
  App app;
  size_t checked = 0;  // So many of what it applied were looked at
  uint64_t life = 0;
  int clock_per_mille = 0;  // How much faster its clock is
  Micros paused_until = 0;
  std::deque<std::function<void()>> deferred;  // Events of the pause
  Micros next_tick = -1;
};

std::vector<zab::Member> Members(int voters, int observers) {
  std::vector<zab::Member> members;
  for (int i = 1; i <= voters + observers; ++i) {
    members.push_back({.id = ServerId{i}, .is_observer = i > voters});
  }
  return members;
}

Ensemble::Ensemble(const EnsembleOptions& options)
    : options_(options),
      random_(options.seed),
      network_(queue_, random_, options.network),
      checkers_([&] {
        zab::Config config = options.config;
        config.members = options.members;
        return config;
      }()) {
  for (const zab::Member& member : options_.members) {
    auto node = std::make_unique<Node>();
    node->id = member.id;
    node->config = options_.config;
    node->config.id = member.id;
    node->config.members = options_.members;
    node->disk = std::make_unique<Disk>(queue_, random_, options_.disk);
    checkers_.AddDisk(member.id, *node->disk);
    if (options_.clock_skew_per_mille > 0) {
      node->clock_per_mille =
          static_cast<int>(random_.Below(
              static_cast<uint64_t>(2 * options_.clock_skew_per_mille + 1))) -
          options_.clock_skew_per_mille;
    }
    ids_.push_back(member.id);
    nodes_[member.id] = std::move(node);
  }
  for (const ServerId id : ids_) {
    Start(node(id));
  }
}

Ensemble::~Ensemble() = default;

template <class What>
void Ensemble::Trace(ServerId id, uint64_t number, What what) {
  for (const uint64_t n : {static_cast<uint64_t>(queue_.now()),
                           static_cast<uint64_t>(id), number}) {
    trace_hash_ = (trace_hash_ ^ n) * uint64_t{0x9e3779b97f4a7c15};
    trace_hash_ ^= trace_hash_ >> 29;
  }
  if (options_.keeps_trace) {
    trace_.push_back(fmt::format("{:>12} {} {}", queue_.now(),
                                 static_cast<int64_t>(id), what()));
    if (trace_.size() > kTraceLinesMax) {
      trace_.pop_front();
    }
  }
}

// Does it now, or once the member goes on after a pause; never after a crash.
void Ensemble::Defer(Node& node, std::function<void()> action) {
  if (queue_.now() >= node.paused_until && node.deferred.empty()) {
    action();
    return;
  }
  node.deferred.push_back(std::move(action));
  if (node.deferred.size() == 1) {
    Resume(node);
  }
}

void Ensemble::Resume(Node& node) {
  queue_.At(std::max(queue_.now(), node.paused_until),
            [this, &node, life = node.life] {
              if (life != node.life) {
                return;
              }
              if (queue_.now() < node.paused_until) {
                Resume(node);
                return;
              }
              for (auto& action : std::exchange(node.deferred, {})) {
                action();
              }
            });
}

template <class Event>
void Ensemble::Step(Node& node, Event event) {
  node.peer->Step(zab::Tick{LocalTime(node)});
  node.peer->Step(std::move(event));
}

absl::Duration Ensemble::LocalTime(const Node& node) const {
  return absl::Microseconds(queue_.now() +
                            queue_.now() * node.clock_per_mille / 1000);
}

void Ensemble::Start(Node& node) {
  CHECK(node.peer == nullptr);
  ++node.life;
  node.paused_until = 0;
  node.deferred.clear();
  node.next_tick = -1;
  const Disk::Contents& found = node.disk->durable();
  node.app = Parse(found.state.state);
  node.checked = 0;
  zab::DurableState state{.state_zxid = found.state.zxid,
                          .state_is_committed = found.state_is_committed,
                          .log = found.log,
                          .accepted_epoch = found.accepted_epoch,
                          .current_epoch = found.current_epoch};
  node.peer = std::make_unique<zab::Peer>(node.config, state);
  node.disk->Open([this, &node, life = node.life](uint64_t write_id) {
    if (life == node.life) {
      Defer(node, [this, &node, write_id] {
        Step(node, zab::Persisted{write_id});
        Pump(node);
      });
    }
  });
  network_.Attach(
      node.id,
      {.receive =
           [this, &node, life = node.life](ServerId from, zab::Message m) {
             if (life == node.life) {
               Defer(node, [this, &node, from, m = std::move(m)] {
                 Trace(node.id, Number(from, m), [&] {
                   return fmt::format("<- {} {}", static_cast<int64_t>(from),
                                      zab::Describe(m));
                 });
                 const zab::Received event{from, m};
                 const bool is_timer_due =
                     node.peer->NextDeadline() <= LocalTime(node);
                 Step(node, event);
                 Pump(node, is_timer_due ? nullptr : &event);
               });
             }
           },
       .link_lost =
           [this, &node, life = node.life](ServerId from) {
             if (life == node.life) {
               Defer(node, [this, &node, from] {
                 Trace(node.id, static_cast<uint64_t>(from), [&] {
                   return fmt::format("lost link to {}",
                                      static_cast<int64_t>(from));
                 });
                 Step(node, zab::LinkLost{from});
                 Pump(node);
               });
             }
           }});
  node.peer->Step(zab::Tick{LocalTime(node)});
  Pump(node);
}

void Ensemble::ScheduleTick(Node& node) {
  const absl::Duration due = node.peer->NextDeadline();
  if (due == absl::InfiniteDuration()) {
    return;
  }
  const Micros local = absl::ToInt64Microseconds(due);
  const Micros when = std::max(
      queue_.now() + 1, local * 1000 / (1000 + node.clock_per_mille) + 1);
  if (node.next_tick > queue_.now() && node.next_tick <= when) {
    return;
  }
  node.next_tick = when;
  queue_.At(when, [this, &node, when, life = node.life] {
    if (life != node.life || node.next_tick != when) {
      return;
    }
    Defer(node, [this, &node] {
      node.next_tick = -1;
      node.peer->Step(zab::Tick{LocalTime(node)});
      Pump(node);
    });
  });
}

void Ensemble::Pump(Node& node, const zab::Received* because) {
  zab::Ready ready = node.peer->TakeReady();
  node.disk->Submit(std::move(ready.writes));
  const bool commits = ready.install.has_value() || !ready.committed.empty();
  if (ready.install.has_value()) {
    node.app = Parse(ready.install->state);
    node.checked = 0;
  }
  for (zab::Txn& txn : ready.committed) {
    Trace(node.id, static_cast<uint64_t>(txn.zxid.ToWire()), [&] {
      return fmt::format("commits {}:{}", txn.zxid.epoch, txn.zxid.counter);
    });
    node.app.zxid = txn.zxid;
    node.app.applied.push_back(std::move(txn));
  }
  // What a restart found counts from here on.
  if (commits ||
      (node.peer->IsServing() && node.checked < node.app.applied.size())) {
    checkers_.Applied(node.id, node.app.applied, node.checked);
    node.checked = node.app.applied.size();
  }
  for (zab::Envelope& envelope : ready.messages) {
    Carry(node, std::move(envelope));
  }
  for (const ServerId id : ready.hang_ups) {
    Trace(node.id, static_cast<uint64_t>(id), [&] {
      return fmt::format("hangs up on {}: {}", static_cast<int64_t>(id),
                         node.peer->last_trouble());
    });
    network_.HangUp(node.id, id);
    if (because != nullptr && because->from == id) {
      checkers_.HungUp(node.id, *because, *node.peer);
    }
  }
  for (size_t i = 0; i < ready.syncs.size(); ++i) {
    checkers_.SyncEnded(node.id, node.app.applied.size(), node.app.zxid);
  }
  if (!node.peer->IsServing()) {
    checkers_.SyncsLost(node.id);
  }
  checkers_.Look(node.id, *node.peer);
  for (const zab::Delivery& delivery : ready.deliveries) {
    Deliver(node, delivery);
  }
  ScheduleTick(node);
}

// What the server above a peer does: syncs are all that it forwards.
void Ensemble::Deliver(Node& node, const zab::Delivery& delivery) {
  if (std::holds_alternative<zab::Sync>(delivery.message)) {
    checkers_.SyncEnded(node.id, node.app.applied.size(), node.app.zxid);
  } else if (std::holds_alternative<zab::Request>(delivery.message) &&
             node.peer->CanPropose()) {
    node.peer->Sync(delivery.from);
    Pump(node);
  }
}

void Ensemble::Carry(Node& node, zab::Envelope envelope) {
  if (auto* snap = std::get_if<zab::Snap>(&envelope.message)) {
    App app = Parse(StateForSnapshot(node));
    app.zxid = snap->zxid;
    snap->state = Serialize(app);
  }
  Trace(node.id, Number(envelope.to, envelope.message), [&] {
    return fmt::format("-> {} {}", static_cast<int64_t>(envelope.to),
                       zab::Describe(envelope.message));
  });
  checkers_.Sent(node.id, envelope, *node.peer);
  network_.Send(node.id, envelope.to, std::move(envelope.message));
}

// All that an established leader has committed; all that one has which is to
// be established.
std::string Ensemble::StateForSnapshot(const Node& node) const {
  if (node.peer->IsServing()) {
    return Serialize(node.app);
  }
  const zab::History& history = node.peer->history();
  App app = history.pending_state().has_value()
                ? Parse(history.pending_state()->state)
                : node.app;
  history.ForEach(app.zxid, history.last_logged(), [&](const zab::Txn& txn) {
    app.zxid = txn.zxid;
    app.applied.push_back(txn);
  });
  return Serialize(app);
}

void Ensemble::RunOne() {
  queue_.RunOne();
  if (queue_.count() == kEventsMax) {
    checkers_.Fail("Liveness: events without end");
  }
}

void Ensemble::RunFor(Micros duration) {
  const Micros end = queue_.now() + duration;
  while (!queue_.empty() && queue_.next() <= end &&
         !checkers_.violation().has_value()) {
    RunOne();
  }
  queue_.At(end, [] {});
  while (queue_.now() < end && !checkers_.violation().has_value()) {
    RunOne();
  }
}

bool Ensemble::RunUntil(const std::function<bool()>& condition, Micros limit) {
  const Micros end = queue_.now() + limit;
  while (!condition()) {
    if (queue_.empty() || queue_.next() > end ||
        checkers_.violation().has_value()) {
      return false;
    }
    RunOne();
  }
  return true;
}

std::optional<ServerId> Ensemble::RunUntilLeader(Micros limit) {
  std::optional<ServerId> leader;
  const zab::Quorum quorum(options_.members);
  RunUntil(
      [&] {
        for (const ServerId id : ids_) {
          const Node& candidate = node(id);
          if (candidate.peer == nullptr || !candidate.peer->CanPropose()) {
            continue;
          }
          if (quorum.HasQuorum([&](ServerId other) {
                return nodes_.at(other)->peer != nullptr &&
                       nodes_.at(other)->peer->IsServing() &&
                       nodes_.at(other)->peer->leader() == id;
              })) {
            leader = id;
            return true;
          }
        }
        return false;
      },
      limit);
  return leader;
}

bool Ensemble::IsConverged() const {
  for (const ServerId id : ids_) {
    const Node& member = node(id);
    if (member.peer == nullptr || !member.peer->IsServing() ||
        member.app.applied.size() != checkers_.committed().size()) {
      return false;
    }
  }
  return !checkers_.AreSyncsWaiting();
}

void Ensemble::Crash(ServerId id) {
  Node& victim = node(id);
  if (victim.peer == nullptr) {
    return;
  }
  Trace(id, 0, [] { return "crashes"; });
  ++victim.life;
  victim.peer.reset();
  victim.disk->Crash();
  checkers_.Crashed(id);
  network_.Detach(id);
}

void Ensemble::Restart(ServerId id) {
  if (node(id).peer == nullptr) {
    Trace(id, 0, [] { return "starts"; });
    Start(node(id));
  }
}

void Ensemble::Pause(ServerId id, Micros duration) {
  Trace(id, static_cast<uint64_t>(duration),
        [&] { return fmt::format("pauses for {}", duration); });
  node(id).paused_until = queue_.now() + duration;
}

void Ensemble::StallDisk(ServerId id, Micros duration) {
  Trace(id, static_cast<uint64_t>(duration),
        [&] { return fmt::format("disk stalls for {}", duration); });
  node(id).disk->Stall(queue_.now() + duration);
}

void Ensemble::Isolate(ServerId id) {
  for (const ServerId other : ids_) {
    if (other != id) {
      network_.Cut(id, other);
      network_.Cut(other, id);
    }
  }
}

void Ensemble::Checkpoint(ServerId id) {
  Node& member = node(id);
  if (member.peer == nullptr || !member.peer->IsServing() ||
      member.peer->history().last_persisted() < member.app.zxid) {
    return;
  }
  Trace(id, 0, [] { return "checkpoint"; });
  member.disk->Checkpoint({member.app.zxid, Serialize(member.app)});
}

void Ensemble::Stop(ServerId id) {
  Node& member = node(id);
  if (member.peer == nullptr || queue_.now() < member.paused_until) {
    return;
  }
  Trace(id, 0, [] { return "stops"; });
  const bool led = member.peer->CanPropose();
  member.peer->Step(zab::Stop{});
  if (led && member.peer->IsStopped() &&
      member.peer->last_committed() < member.peer->last_logged()) {
    checkers_.Fail("HandOver: a leader stops with what is not committed");
  }
  Pump(member);
}

bool Ensemble::Propose(ServerId id) {
  Node& member = node(id);
  if (member.peer == nullptr || queue_.now() < member.paused_until ||
      !member.peer->CanPropose()) {
    return false;
  }
  const zab::Txn txn{member.peer->NextZxid(),
                     fmt::format("t{}", next_payload_++)};
  checkers_.Proposed(id, *member.peer, txn);
  member.peer->Propose(txn);
  Pump(member);
  return true;
}

bool Ensemble::Sync(ServerId id) {
  Node& member = node(id);
  if (member.peer == nullptr || !member.peer->IsServing()) {
    return false;
  }
  auto begin = [this, &member, committed = checkers_.committed().size()] {
    zab::Peer& peer = *member.peer;
    if (peer.IsServing() && peer.role() != zab::Role::kLeading) {
      peer.SendToLeader(zab::Request{});
    } else if (peer.CanPropose()) {
      peer.Sync(member.id);
    } else {
      return;
    }
    checkers_.SyncBegan(member.id, peer, committed);
    Pump(member);
  };
  if (queue_.now() >= member.paused_until) {
    begin();
    return true;
  }
  member.deferred.push_front(std::move(begin));
  if (member.deferred.size() == 1) {
    Resume(member);
  }
  return true;
}

std::string Ensemble::Describe(ServerId id) const {
  const Node& member = node(id);
  const Disk::Contents& durable = member.disk->durable();
  std::string text = fmt::format(
      "member {}: disk {}:{}, epochs {} and {}; ", static_cast<int64_t>(id),
      durable.last_zxid().epoch, durable.last_zxid().counter,
      durable.accepted_epoch, durable.current_epoch);
  if (member.peer == nullptr) {
    return text + "down";
  }
  const zab::Peer& peer = *member.peer;
  return text + fmt::format(
                    "role {}{}, logged {}:{}, committed {}:{}, {} of "
                    "{} applied; {}",
                    static_cast<int>(peer.role()),
                    peer.IsServing() ? " serves" : "", peer.last_logged().epoch,
                    peer.last_logged().counter, peer.last_committed().epoch,
                    peer.last_committed().counter, member.app.applied.size(),
                    checkers_.committed().size(), peer.last_trouble());
}

bool Ensemble::IsRunning(ServerId id) const { return node(id).peer != nullptr; }

const zab::Peer& Ensemble::peer(ServerId id) const { return *node(id).peer; }
const Disk& Ensemble::disk(ServerId id) const { return *node(id).disk; }
const std::vector<zab::Txn>& Ensemble::applied(ServerId id) const {
  return node(id).app.applied;
}

}  // namespace paddock::sim
