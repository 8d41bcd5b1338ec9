#include "sim/ensemble.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace paddock::sim {
namespace {

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

}  // namespace

struct Ensemble::Node {
  ServerId id{0};
  std::unique_ptr<zab::Peer> peer;  // While it runs
  App app;
  size_t checked = 0;  // So many of what it applied were looked at
};

Ensemble::Ensemble(const EnsembleOptions& options)
    : Cluster(options), checkers_(ConfigOf(ServerId{0})) {
  for (const ServerId id : ids()) {
    nodes_[id] = std::make_unique<Node>();
    nodes_[id]->id = id;
    checkers_.AddDisk(id, disk(id));
  }
  for (const ServerId id : ids()) {
    Restart(id);
  }
}

Ensemble::~Ensemble() = default;

void Ensemble::Boot(ServerId id) {
  Node& started = node(id);
  started.app = Parse(disk(id).durable().state.state);
  started.checked = 0;
  started.peer = std::make_unique<zab::Peer>(ConfigOf(id), Found(id));
  Handle(id, std::monostate());
}

void Ensemble::Halt(ServerId id) {
  node(id).peer.reset();
  checkers_.Crashed(id);
}

void Ensemble::Handle(ServerId id, Event event) {
  Node& member = node(id);
  TraceEvent(id, event);
  std::optional<zab::Received> because;
  if (member.peer->NextDeadline() > LocalTime(id)) {
    if (const auto* received = std::get_if<zab::Received>(&event)) {
      because = *received;
    }
  }
  member.peer->Step(zab::Tick{LocalTime(id)});
  std::visit(
      [&](auto& step) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(step)>,
                                      std::monostate>) {
          member.peer->Step(std::move(step));
        }
      },
      event);
  Pump(member, because.has_value() ? &*because : nullptr);
}

void Ensemble::Pump(Node& node, const zab::Received* because) {
  zab::Ready ready = node.peer->TakeReady();
  DiskOf(node.id).Submit(std::move(ready.writes));
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
  Wake(node.id, node.peer->NextDeadline());
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
  TraceSent(node.id, envelope);
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

std::optional<ServerId> Ensemble::RunUntilLeader(Micros limit) {
  std::optional<ServerId> leader;
  const zab::Quorum quorum(members());
  RunUntil(
      [&] {
        for (const ServerId id : ids()) {
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
  for (const ServerId id : ids()) {
    const Node& member = node(id);
    if (member.peer == nullptr || !member.peer->IsServing() ||
        member.app.applied.size() != checkers_.committed().size()) {
      return false;
    }
  }
  return !checkers_.AreSyncsWaiting();
}

void Ensemble::Checkpoint(ServerId id) {
  Node& member = node(id);
  if (member.peer == nullptr || !member.peer->IsServing() ||
      member.peer->history().last_persisted() < member.app.zxid) {
    return;
  }
  Trace(id, 0, [] { return "checkpoint"; });
  DiskOf(id).Checkpoint({member.app.zxid, Serialize(member.app)});
}

void Ensemble::Stop(ServerId id) {
  Node& member = node(id);
  if (member.peer == nullptr || IsPaused(id)) {
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
  if (member.peer == nullptr || IsPaused(id) || !member.peer->CanPropose()) {
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
  DeferFirst(id, std::move(begin));
  return true;
}

std::string Ensemble::Describe(ServerId id) const {
  const Node& member = node(id);
  const Disk::Contents& durable = disk(id).durable();
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

bool Ensemble::Leads(ServerId id) const {
  return IsRunning(id) && peer(id).CanPropose();
}

const zab::Peer& Ensemble::peer(ServerId id) const { return *node(id).peer; }
const std::vector<zab::Txn>& Ensemble::applied(ServerId id) const {
  return node(id).app.applied;
}

}  // namespace paddock::sim
