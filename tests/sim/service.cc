#include "sim/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "jute/archive.h"
#include "jute/txn.h"
#include "sim/client.h"
#include "tree/restorer.h"

namespace paddock::sim {
namespace {

constexpr int64_t kWallStartMs = 1700000000000;

// Hands out a state as storage does.
auto SourceOf(std::string_view* rest) {
  return [rest](char* to, size_t size) {
    const size_t taken = std::min(size, rest->size());
    rest->copy(to, taken);
    rest->remove_prefix(taken);
    return absl::StatusOr<size_t>(taken);
  };
}

int64_t Number(ServerId id) { return static_cast<int64_t>(id); }

}  // namespace

struct Service::Node {
  ServerId id{0};
  replica::Options options;
  std::unique_ptr<replica::Replica> replica;  // While it runs
  int64_t wall_ahead_ms = 0;
  Micros clients_stalled_until = 0;
  Logged logged;
  int64_t installed = 0;  // The state it took from a leader is named so
  // Whom it leads.
  bool leads = false;
  int64_t epoch = 0;
  absl::Duration leads_since;
};

Service::Service(const ServiceOptions& options)
    : Cluster(options.cluster), options_(options) {
  for (const uint64_t weight : options_.work) {
    work_total_ += weight;
  }
  for (const ServerId id : ids()) {
    auto member = std::make_unique<Node>();
    member->id = id;
    replica::Options& config = member->options;
    config.server_id = id;
    config.ensemble = ConfigOf(id);
    config.tick_time = config.ensemble->tick_time;
    config.min_session_timeout = 2 * config.tick_time;
    config.max_session_timeout = 20 * config.tick_time;
    config.tree.extended_types = true;
    config.container_check_interval = absl::Seconds(1);
    nodes_[id] = std::move(member);
  }
  for (const ServerId id : ids()) {
    Restart(id);
  }
  for (int i = 0; i < options_.clients; ++i) {
    clients_.push_back(std::make_unique<Client>(*this, i));
    Work(clients_.back().get());
  }
}

Service::~Service() = default;

void Service::Work(Client* client) {
  const auto longest = static_cast<uint64_t>(2 * options_.work_interval);
  queue_.In(1 + static_cast<Micros>(random_.Below(longest)), [this, client] {
    client->Work();
    Work(client);
  });
}

WorkKind Service::DrawWork() {
  uint64_t drawn = random_.Below(work_total_);
  size_t kind = 0;
  while (drawn >= options_.work[kind]) {
    drawn -= options_.work[kind++];
  }
  return static_cast<WorkKind>(kind);
}

void Service::Fail(std::string what) {
  if (!violation_.has_value()) {
    violation_ = std::move(what);
  }
}

int64_t Service::min_session_timeout_ms() const {
  return absl::ToInt64Milliseconds(
      nodes_.begin()->second->options.min_session_timeout);
}

int64_t Service::wall_ms(ServerId id) const {
  return kWallStartMs + queue_.now() / 1000 + node(id).wall_ahead_ms;
}

void Service::SetWallClock(ServerId id, int64_t ahead_ms) {
  node(id).wall_ahead_ms = ahead_ms;
}

replica::Tick Service::Now(const Node& node) const {
  return {LocalTime(node.id), wall_ms(node.id)};
}

void Service::Boot(ServerId id) {
  Node& started = node(id);
  const Disk::Contents& found = disk(id).durable();
  // By a clock that never goes back: ids are never used again.
  started.options.session_id_seed_ms = kWallStartMs + queue_.now() / 1000;
  started.replica = std::make_unique<replica::Replica>(started.options);
  if (!found.state.state.empty()) {
    std::string_view rest = found.state.state;
    const absl::Status status =
        started.replica->RestoreSnapshot(found.state.zxid, SourceOf(&rest));
    CHECK(status.ok()) << status.ToString();
  }
  started.replica->FinishRestore(Now(started), Found(id));
  TakeState(started, found.state);
  started.logged.log.insert(started.logged.log.end(), found.log.begin(),
                            found.log.end());
  started.leads = false;
  Pump(started);
}

void Service::Halt(ServerId id) {
  node(id).replica.reset();
  for (auto& [connection, facts] : connections_) {
    if (facts.server == id && facts.server_open) {
      facts.server_open = false;
      queue_.In(Latency(),
                [this, closed = connection] { CloseClientEnd(closed); });
    }
  }
}

void Service::Handle(ServerId id, Event event) {
  Node& member = node(id);
  TraceEvent(id, event);
  member.replica->Step(Now(member));
  std::visit(
      [&](auto& step) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(step)>,
                                      std::monostate>) {
          member.replica->Step(std::move(step));
        }
      },
      event);
  Pump(member);
}

void Service::Pump(Node& node) {
  replica::Ready ready = node.replica->TakeReady();
  LookAtRole(node);
  for (const zab::Write& write : ready.writes) {
    LookAtWrite(node, write);
  }
  LookAtState(node);
  DiskOf(node.id).Submit(std::move(ready.writes));
  for (zab::Envelope& envelope : ready.messages) {
    TraceSent(node.id, envelope);
    if (const auto* snap = std::get_if<zab::Snap>(&envelope.message)) {
      LookAtSnap(node, *snap);
    }
    network_.Send(node.id, envelope.to, std::move(envelope.message));
  }
  for (const ServerId to : ready.hang_ups) {
    network_.HangUp(node.id, to);
  }
  for (replica::Output& output : ready.outputs) {
    Deliver(std::move(output));
  }
  Wake(node.id, node.replica->NextDeadline());
}

void Service::LookAtRole(Node& node) {
  const zab::Peer& peer = node.replica->peer();
  if (peer.CanPropose() &&
      (!node.leads || node.epoch != peer.current_epoch())) {
    node.leads_since = LocalTime(node.id);
  }
  node.leads = peer.CanPropose();
  node.epoch = peer.current_epoch();
}

// What a leader gives a learner has what it has not applied itself, if it is
// not established.
void Service::LookAtSnap(const Node& node, const zab::Snap& snap) {
  Logged contents = node.logged;
  while (!contents.log.empty() && contents.log.back().zxid > snap.zxid) {
    contents.log.pop_back();
  }
  snaps_[{snap.zxid.ToWire(), std::hash<std::string>()(snap.state)}] =
      std::move(contents);
}

void Service::TakeState(Node& node, const zab::Snapshot& state) {
  node.installed = state.zxid.ToWire();
  const auto it =
      snaps_.find({node.installed, std::hash<std::string>()(state.state)});
  node.logged = it == snaps_.end() ? Logged{node.installed, {}} : it->second;
}

void Service::LookAtWrite(Node& node, const zab::Write& write) {
  std::deque<zab::Txn>& log = node.logged.log;
  if (const auto* txn = std::get_if<zab::Txn>(&write.body)) {
    log.push_back(*txn);
    LookAtClose(node, *txn);
  } else if (const auto* cut = std::get_if<zab::TruncateAfter>(&write.body)) {
    while (!log.empty() && log.back().zxid > cut->zxid) {
      log.pop_back();
    }
  } else if (const auto* state = std::get_if<zab::Snapshot>(&write.body)) {
    TakeState(node, *state);
  }
}

// A leader gives each session its whole time-out before it ends it.
void Service::LookAtClose(const Node& node, const zab::Txn& txn) {
  jute::TxnHeader header;
  CHECK(jute::Read(txn.bytes, &header));
  if (jute::OpCode{header.type} != jute::OpCode::kCloseSession) {
    return;
  }
  const auto session = truth_.sessions().find(header.clientId);
  const bool expires = node.leads && txn.zxid.epoch == node.epoch &&
                       header.cxid == 0 && session != truth_.sessions().end();
  if (expires && LocalTime(node.id) - node.leads_since <
                     absl::Milliseconds(session->second.timeout_ms)) {
    Fail(fmt::format("Expiry: member {} ends session {:#x} too early",
                     Number(node.id), header.clientId));
  }
}

// What it applied must be what all others have or will.
void Service::LookAtState(Node& node) {
  const int64_t zxid = node.replica->tree().last_zxid();
  const bool serves = node.replica->is_serving();
  Logged& logged = node.logged;
  while (!logged.log.empty()) {
    const int64_t next = logged.log.front().zxid.ToWire();
    // A state that it was given may be that of a leader that never was.
    if (next > zxid || (next <= node.installed && !serves)) {
      break;
    }
    if (const auto wrong =
            truth_.Committed(logged.log.front(), logged.applied)) {
      Fail(fmt::format("member {}: {}", Number(node.id), *wrong));
    }
    logged.applied = next;
    logged.log.pop_front();
  }
  if (!serves) {
    return;
  }
  if (logged.applied > truth_.last_zxid() ||
      (logged.applied != zxid && node.installed != zxid)) {
    Fail(fmt::format("Agreement: member {} has applied {:#x}, logged {:#x}",
                     Number(node.id), zxid, logged.applied));
  }
  const uint64_t digest = node.replica->digest();
  if (digests_.emplace(zxid, digest).first->second != digest) {
    Fail(fmt::format("Digest: member {} differs at zxid {:#x}", Number(node.id),
                     zxid));
  }
}

void Service::CheckState(ServerId id) {
  const replica::Replica& member = *node(id).replica;
  member.CheckInvariants();
  const std::string state = member.Snapshot();
  std::string_view rest = state;
  tree::DataTree tree(node(id).options.tree);
  tree::SessionTimeouts sessions;
  tree::Restorer restorer(/*digest=*/true, &tree, &sessions);
  const absl::Status status =
      restorer.RestoreSnapshot(member.tree().last_zxid(), SourceOf(&rest));
  CHECK(status.ok()) << status.ToString();
  for (const tree::DataTree* each : {&member.tree(), &std::as_const(tree)}) {
    if (const auto wrong = truth_.Compare(*each, sessions)) {
      Fail(fmt::format("State: of member {}: {}", Number(id), *wrong));
    }
  }
}

void Service::Deliver(replica::Output output) {
  const auto it = connections_.find(output.connection);
  if (it == connections_.end()) {
    return;
  }
  Connection& connection = it->second;
  const Micros when = Arrival(&connection.to_client, connection.server);
  if (output.close) {
    connection.server_open = false;
  }
  queue_.At(when, [this, output = std::move(output)] {
    const ConnectionId id = output.connection;
    std::string_view rest = output.bytes;
    while (rest.size() >= 4) {
      const auto found = connections_.find(id);
      if (found == connections_.end() || !found->second.client_open) {
        return;
      }
      const auto size =
          static_cast<size_t>(jute::LoadBigEndian<int32_t>(rest.data()));
      found->second.client->OnFrame(id, rest.substr(4, size));
      rest.remove_prefix(4 + size);
    }
    if (output.close) {
      CloseClientEnd(id);
    }
  });
}

Micros Service::Latency() {
  const Network::Options& network = options_.cluster.network;
  return network.latency_min +
         static_cast<Micros>(random_.Below(static_cast<uint64_t>(
             network.latency_max - network.latency_min + 1)));
}

Micros Service::Arrival(Micros* last, ServerId server) {
  const Micros start =
      std::max(queue_.now(), node(server).clients_stalled_until);
  *last = std::max(*last + 1, start + Latency());
  return *last;
}

ConnectionId Service::Open(Client* client, ServerId server) {
  const ConnectionId id{++last_connection_};
  Connection& connection = connections_[id];
  connection.server = server;
  connection.client = client;
  const Micros when = Arrival(&connection.to_server, server);
  AtServer(id, when, [id](replica::Replica& replica) {
    replica.Step(replica::Connected{id, "127.0.0.1", 1});
  });
  return id;
}

void Service::Send(ConnectionId id, std::string frame) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  const Micros when = Arrival(&it->second.to_server, it->second.server);
  AtServer(id, when, [id, frame = std::move(frame)](replica::Replica& replica) {
    replica.Step(replica::Received{id, frame});
  });
}

void Service::AtServer(ConnectionId id, Micros when,
                       std::function<void(replica::Replica&)> step) {
  queue_.At(when, [this, id, step = std::move(step)] {
    const auto it = connections_.find(id);
    if (it == connections_.end() || !it->second.server_open) {
      return;
    }
    Node& target = node(it->second.server);
    if (target.replica == nullptr) {  // It refuses the connection
      it->second.server_open = false;
      CloseClientEnd(id);
      return;
    }
    Defer(target.id, [this, &target, step] {
      target.replica->Step(Now(target));
      step(*target.replica);
      Pump(target);
    });
  });
}

// The server hears of it behind all that was sent, or far too late.
void Service::HangUp(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  it->second.client_open = false;
  Micros when = Arrival(&it->second.to_server, it->second.server);
  if (random_.Chance(1, 3)) {
    when += static_cast<Micros>(random_.Below(3'000'000));
  }
  queue_.At(when, [this, id] { CloseServerEnd(id); });
}

void Service::CloseServerEnd(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end() || !it->second.server_open) {
    Collect(id);
    return;
  }
  it->second.server_open = false;
  Node& target = node(it->second.server);
  if (target.replica != nullptr) {
    Defer(target.id, [this, id, &target] {
      target.replica->Step(Now(target));
      target.replica->Step(replica::Disconnected{id});
      Pump(target);
    });
  }
  Collect(id);
}

void Service::CloseClientEnd(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end() || !it->second.client_open) {
    Collect(id);
    return;
  }
  it->second.client_open = false;
  it->second.client->OnClosed(id);
  Collect(id);
}

void Service::Collect(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it != connections_.end() && !it->second.client_open &&
      !it->second.server_open) {
    connections_.erase(it);
  }
}

void Service::BreakClients(ServerId id) {
  const auto longest =
      static_cast<uint64_t>(options_.cluster.network.break_notice_max);
  for (const auto& [connection, facts] : connections_) {
    if (facts.server == id && facts.server_open) {
      queue_.In(static_cast<Micros>(random_.Below(longest)),
                [this, broken = connection] { CloseServerEnd(broken); });
      queue_.In(static_cast<Micros>(random_.Below(longest)),
                [this, broken = connection] { CloseClientEnd(broken); });
    }
  }
}

void Service::StallClients(ServerId id, Micros until) {
  node(id).clients_stalled_until = until;
}

void Service::Checkpoint(ServerId id) {
  Node& member = node(id);
  if (member.replica == nullptr || !member.replica->is_serving()) {
    return;
  }
  const zab::Zxid zxid =
      zab::Zxid::FromWire(member.replica->tree().last_zxid());
  if (member.replica->peer().history().last_persisted() >= zxid) {
    CheckState(id);
    DiskOf(id).Checkpoint({zxid, member.replica->Snapshot()});
  }
}

void Service::Stop(ServerId id) {
  Node& member = node(id);
  if (member.replica != nullptr && !IsPaused(id)) {
    member.replica->Step(Now(member));
    member.replica->Step(zab::Stop{});
    Pump(member);
  }
}

bool Service::Leads(ServerId id) const {
  return node(id).replica != nullptr && node(id).replica->peer().CanPropose();
}

int64_t Service::epoch() const {
  int64_t latest = 0;
  for (const auto& [id, member] : nodes_) {
    latest = std::max(latest, member->epoch);
  }
  return latest;
}

bool Service::IsConverged() const {
  return std::all_of(ids().begin(), ids().end(), [this](ServerId id) {
    const replica::Replica* const member = node(id).replica.get();
    return member != nullptr && member->is_serving() &&
           member->tree().last_zxid() == truth_.last_zxid();
  });
}

void Service::HoldsLock(const std::string& path, int64_t zxid) {
  for (const auto& [other, since] : held_) {
    if (other != path && truth_.At(since <= zxid ? other : path,
                                   std::max(since, zxid)) != nullptr) {
      Fail(fmt::format("Lock: {} holds it at {:#x}, and {} at {:#x}", path,
                       zxid, other, since));
    }
  }
  held_.emplace_back(path, zxid);
}

void Service::TraceReply(int client, int32_t xid, int64_t zxid, Error error) {
  Trace(ServerId{0},
        static_cast<uint64_t>(zxid) * 31 + static_cast<uint64_t>(client), [&] {
          return fmt::format("client {} gets {} at {:#x}: {}", client, xid,
                             zxid, ErrorName(error));
        });
}

std::string Service::Describe(ServerId id) const {
  const Node& member = node(id);
  if (member.replica == nullptr) {
    return fmt::format("member {}: down", Number(id));
  }
  const zab::Peer& peer = member.replica->peer();
  return fmt::format(
      "member {}: role {}{}, epoch {}, applied {:#x} of {:#x}; {}", Number(id),
      static_cast<int>(peer.role()),
      member.replica->is_serving() ? " serves" : "", peer.current_epoch(),
      member.replica->tree().last_zxid(), truth_.last_zxid(),
      peer.last_trouble());
}

}  // namespace paddock::sim
