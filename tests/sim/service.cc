#include "sim/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "jute/archive.h"
#include "jute/txn.h"
#include "sim/client.h"

namespace paddock::sim {
namespace {

constexpr int64_t kWallStartMs = 1700000000000;

}  // namespace

struct Service::Node {
  ServerId id{0};
  replica::Options options;
  std::unique_ptr<Disk> disk;
  std::unique_ptr<replica::Replica> replica;  // While it runs
  uint64_t life = 0;
  Micros paused_until = 0;
  std::deque<std::function<void()>> deferred;
  Micros next_tick = -1;
};

Service::Service(const ServiceOptions& options)
    : options_(options),
      random_(options.seed),
      network_(queue_, random_, options.network) {
  zab::Config config = options.config;
  for (int i = 1; i <= options.voters + options.observers; ++i) {
    config.members.push_back(
        {.id = ServerId{i}, .is_observer = i > options.voters});
    ids_.push_back(ServerId{i});
  }
  for (const ServerId id : ids_) {
    auto node = std::make_unique<Node>();
    node->id = id;
    config.id = id;
    node->options.server_id = id;
    node->options.ensemble = config;
    node->options.tick_time = config.tick_time;
    node->options.min_session_timeout = 2 * config.tick_time;
    node->options.max_session_timeout = 20 * config.tick_time;
    node->disk = std::make_unique<Disk>(queue_, random_, options_.disk);
    nodes_[id] = std::move(node);
  }
  for (const ServerId id : ids_) {
    Start(node(id));
  }
  for (int i = 0; i < options.clients; ++i) {
    clients_.push_back(std::make_unique<Client>(*this, i));
    Work(clients_.back().get());
  }
}

void Service::Work(Client* client) {
  queue_.In(1 + static_cast<Micros>(random_.Below(20'000)), [this, client] {
    client->Work();
    Work(client);
  });
}

Service::~Service() = default;

void Service::Fail(std::string what) {
  if (!violation_.has_value()) {
    violation_ = std::move(what);
  }
}

void Service::Mix(uint64_t number) {
  trace_hash_ = (trace_hash_ ^ number ^ static_cast<uint64_t>(queue_.now())) *
                uint64_t{0x9e3779b97f4a7c15};
  trace_hash_ ^= trace_hash_ >> 29;
}

Micros Service::Latency() {
  const Network::Options& network = options_.network;
  return network.latency_min +
         static_cast<Micros>(random_.Below(static_cast<uint64_t>(
             network.latency_max - network.latency_min + 1)));
}

replica::Tick Service::Now() const {
  return {absl::Microseconds(queue_.now()), kWallStartMs + queue_.now() / 1000};
}

void Service::Defer(Node& node, std::function<void()> action) {
  if (queue_.now() >= node.paused_until && node.deferred.empty()) {
    action();
    return;
  }
  node.deferred.push_back(std::move(action));
  if (node.deferred.size() == 1) {
    Resume(node);
  }
}

void Service::Resume(Node& node) {
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
                if (life == node.life) {
                  action();
                }
              }
            });
}

void Service::Start(Node& node) {
  ++node.life;
  node.paused_until = 0;
  node.deferred.clear();
  node.next_tick = -1;
  const Disk::Contents& found = node.disk->durable();
  node.options.session_id_seed_ms = Now().wall_ms;
  node.replica = std::make_unique<replica::Replica>(node.options);
  if (!found.state.state.empty()) {
    std::string_view rest = found.state.state;
    const absl::Status status = node.replica->RestoreSnapshot(
        found.state.zxid, [&](char* to, size_t size) {
          const size_t taken = std::min(size, rest.size());
          rest.copy(to, taken);
          rest.remove_prefix(taken);
          return absl::StatusOr<size_t>(taken);
        });
    CHECK(status.ok()) << status.ToString();
  }
  node.replica->FinishRestore(
      Now(), zab::DurableState{.state_zxid = found.state.zxid,
                               .state_is_committed = found.state_is_committed,
                               .log = found.log,
                               .accepted_epoch = found.accepted_epoch,
                               .current_epoch = found.current_epoch});
  const auto guarded = [this, &node, life = node.life](auto step) {
    return [this, &node, life, step](auto... args) {
      if (life == node.life) {
        Defer(node, [this, &node, step, args...] {
          node.replica->Step(Now());
          step(node, args...);
          Pump(node);
        });
      }
    };
  };
  node.disk->Open(guarded([](Node& n, uint64_t write_id) {
    n.replica->Step(zab::Persisted{write_id});
  }));
  network_.Attach(
      node.id,
      {.receive = guarded([](Node& n, ServerId from, zab::Message message) {
         n.replica->Step(zab::Received{from, std::move(message)});
       }),
       .link_lost = guarded([](Node& n, ServerId from) {
         n.replica->Step(zab::LinkLost{from});
       })});
  Pump(node);
}

void Service::ScheduleTick(Node& node) {
  const absl::Duration due = node.replica->NextDeadline();
  if (due == absl::InfiniteDuration()) {
    return;
  }
  const Micros when =
      std::max(queue_.now() + 1, absl::ToInt64Microseconds(due));
  if (node.next_tick > queue_.now() && node.next_tick <= when) {
    return;
  }
  node.next_tick = when;
  queue_.At(when, [this, &node, when, life = node.life] {
    if (life == node.life && node.next_tick == when) {
      Defer(node, [this, &node] {
        node.next_tick = -1;
        node.replica->Step(Now());
        Pump(node);
      });
    }
  });
}

void Service::Pump(Node& node) {
  replica::Ready ready = node.replica->TakeReady();
  node.disk->Submit(std::move(ready.writes));
  for (zab::Envelope& envelope : ready.messages) {
    Mix(envelope.message.index() * 31 + static_cast<uint64_t>(envelope.to));
    network_.Send(node.id, envelope.to, std::move(envelope.message));
  }
  for (const ServerId to : ready.hang_ups) {
    network_.HangUp(node.id, to);
  }
  for (replica::Output& output : ready.outputs) {
    const auto it = connections_.find(output.connection);
    if (it == connections_.end()) {
      continue;
    }
    Connection& connection = it->second;
    connection.to_client =
        std::max(connection.to_client + 1, queue_.now() + Latency());
    queue_.At(connection.to_client, [this, id = output.connection,
                                     bytes = std::move(output.bytes),
                                     close = output.close] {
      const auto found = connections_.find(id);
      if (found == connections_.end()) {
        return;
      }
      Client* const client = found->second.client;
      std::string_view rest = bytes;
      while (rest.size() >= 4) {
        const auto size =
            static_cast<size_t>(jute::LoadBigEndian<int32_t>(rest.data()));
        client->OnFrame(id, rest.substr(4, size));
        rest.remove_prefix(4 + size);
      }
      if (close) {
        connections_.erase(id);
        client->OnClosed(id);
      }
    });
  }
  LookAtState(node);
  ScheduleTick(node);
}

// Equal histories give equal states, whichever member has them.
void Service::LookAtState(const Node& node) {
  if (!node.replica->is_serving()) {
    return;
  }
  const tree::DataTree& tree = node.replica->tree();
  const auto [it, is_new] =
      digests_.emplace(tree.last_zxid(), node.replica->digest());
  if (it->second != node.replica->digest()) {
    Fail(fmt::format("Digest: member {} differs at zxid {:#x}",
                     static_cast<int64_t>(node.id), tree.last_zxid()));
  }
}

bool Service::RunUntil(const std::function<bool()>& condition, Micros limit) {
  const Micros end = queue_.now() + limit;
  while (!condition()) {
    if (violation_.has_value() || queue_.empty() || queue_.next() > end) {
      return false;
    }
    queue_.RunOne();
  }
  return true;
}

bool Service::IsConverged() const {
  const replica::Replica* first = nullptr;
  for (const auto& [id, node] : nodes_) {
    if (node->replica == nullptr || !node->replica->is_serving()) {
      return false;
    }
    if (first == nullptr) {
      first = node->replica.get();
    }
    if (node->replica->tree().last_zxid() != first->tree().last_zxid()) {
      return false;
    }
  }
  // What clients were told is part of it.
  return acknowledged_.empty() ||
         acknowledged_.rbegin()->first <= first->tree().last_zxid();
}

void Service::Crash(ServerId id) {
  Node& victim = node(id);
  if (victim.replica == nullptr) {
    return;
  }
  ++victim.life;
  victim.replica.reset();
  victim.disk->Crash();
  network_.Detach(id);
  BreakClients(id);
}

void Service::BreakClients(ServerId id) {
  std::vector<ConnectionId> broken;
  for (const auto& [connection, facts] : connections_) {
    if (facts.server == id) {
      broken.push_back(connection);
    }
  }
  for (const ConnectionId connection : broken) {
    Client* const client = connections_.at(connection).client;
    Drop(connection);
    client->OnClosed(connection);
  }
}

void Service::Restart(ServerId id) {
  if (node(id).replica == nullptr) {
    Start(node(id));
  }
}

void Service::Pause(ServerId id, Micros duration) {
  node(id).paused_until = queue_.now() + duration;
}

void Service::StallDisk(ServerId id, Micros duration) {
  node(id).disk->Stall(queue_.now() + duration);
}

void Service::Checkpoint(ServerId id) {
  Node& member = node(id);
  if (member.replica == nullptr || !member.replica->is_serving()) {
    return;
  }
  const zab::Zxid zxid =
      zab::Zxid::FromWire(member.replica->tree().last_zxid());
  if (member.replica->peer().history().last_persisted() >= zxid) {
    member.disk->Checkpoint({zxid, member.replica->Snapshot()});
  }
}

ConnectionId Service::Open(Client* client, ServerId server) {
  const ConnectionId id{++last_connection_};
  Connection& connection = connections_[id];
  connection = {server, client};
  connection.to_server = queue_.now() + Latency();
  Node& target = node(server);
  queue_.At(connection.to_server, [this, id, &target] {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
      return;
    }
    if (target.replica == nullptr) {
      Client* const refused = found->second.client;
      connections_.erase(found);
      refused->OnClosed(id);
      return;
    }
    Defer(target, [this, id, &target] {
      target.replica->Step(Now());
      target.replica->Step(replica::Connected{id, "127.0.0.1", 1});
      Pump(target);
    });
  });
  return id;
}

void Service::Send(ConnectionId id, std::string frame) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  Connection& connection = it->second;
  connection.to_server =
      std::max(connection.to_server + 1, queue_.now() + Latency());
  Node& target = node(connection.server);
  queue_.At(connection.to_server,
            [this, id, &target, frame = std::move(frame)] {
              if (!connections_.contains(id) || target.replica == nullptr) {
                return;
              }
              Defer(target, [this, id, &target, frame] {
                target.replica->Step(Now());
                target.replica->Step(replica::Received{id, frame});
                Pump(target);
              });
            });
}

// The client hangs up, or its link breaks.
void Service::Drop(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) {
    return;
  }
  Node& target = node(it->second.server);
  connections_.erase(it);
  if (target.replica != nullptr) {
    Defer(target, [this, id, &target] {
      target.replica->Step(Now());
      target.replica->Step(replica::Disconnected{id});
      Pump(target);
    });
  }
}

namespace {

constexpr Micros kSecond = 1'000'000;

// Work and faults of one run.
class ServiceSwarm {
 public:
  explicit ServiceSwarm(uint64_t seed) : random_(~seed), service_(Draw(seed)) {
    for (int& weight : weights_) {
      weight = static_cast<int>(random_.Below(3));
    }
    fault_interval_ = kSecond / 4 << random_.Below(5);
  }

  ServiceResult Run() {
    Fault();
    service_.RunFor((10 + static_cast<Micros>(random_.Below(40))) * kSecond);
    faults_on_ = false;
    service_.network().HealAll();
    for (const ServerId id : service_.ids()) {
      service_.Restart(id);
    }
    Bounded("nothing is acknowledged",
            [this, before = service_.acknowledged()] {
              return service_.acknowledged() > before;
            });
    service_.SetWork(false);
    Bounded("no agreement", [this] { return service_.IsConverged(); });
    return {service_.violation(), service_.trace_hash(),
            service_.queue().count(), service_.queue().now(),
            service_.acknowledged()};
  }

 private:
  ServiceOptions Draw(uint64_t seed) {
    ServiceOptions options{.seed = seed};
    static constexpr int kVoters[] = {1, 3, 3, 3, 5};
    options.voters = kVoters[random_.Below(std::size(kVoters))];
    options.observers = random_.Chance(1, 4) ? 1 : 0;
    options.clients = 2 + static_cast<int>(random_.Below(4));
    options.config.tick_time = absl::Milliseconds(500);
    options.config.history_count_min = 5 + random_.Below(50);
    options.config.history_bytes_max = 100 << random_.Below(8);
    options.config.truncates_learners = random_.Chance(2, 3);
    options.network.latency_max = 200 << random_.Below(6);
    options.disk.latency_max = 200 << random_.Below(6);
    return options;
  }

  template <class Condition>
  void Bounded(const char* what, Condition condition) {
    if (!service_.violation().has_value() &&
        !service_.RunUntil(condition, 60 * kSecond) &&
        !service_.violation().has_value()) {
      service_.Fail(fmt::format("Liveness: healed, but {}", what));
    }
  }

  void Later(std::function<void()> action) {
    service_.queue().In(1 + static_cast<Micros>(random_.Below(5 * kSecond)),
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
    const auto& ids = service_.ids();
    const ServerId id = ids[random_.Below(ids.size())];
    const size_t kind = random_.Below(std::size(weights_));
    if (random_.Below(3) < static_cast<uint64_t>(weights_[kind])) {
      Inject(kind, id);
    }
    service_.queue().In(1 + static_cast<Micros>(random_.Below(
                                static_cast<uint64_t>(2 * fault_interval_))),
                        [this] { Fault(); });
  }

  void Inject(size_t kind, ServerId id) {
    switch (kind) {
      case 0:
        service_.Crash(id);
        Later([this, id] { service_.Restart(id); });
        return;
      case 1:
        for (const ServerId other : service_.ids()) {
          if (other != id) {
            service_.network().Cut(id, other);
            service_.network().Cut(other, id);
          }
        }
        Later([this] { service_.network().HealAll(); });
        return;
      case 2:
        service_.Pause(id, static_cast<Micros>(random_.Below(4 * kSecond)));
        return;
      case 3:
        service_.StallDisk(id, static_cast<Micros>(random_.Below(2 * kSecond)));
        return;
      case 4:
        service_.BreakClients(id);
        return;
      default:
        service_.Checkpoint(id);
        return;
    }
  }

  Random random_;
  Service service_;
  int weights_[6] = {};
  Micros fault_interval_ = kSecond;
  bool faults_on_ = true;
};

}  // namespace

ServiceResult RunServiceSwarm(uint64_t seed) {
  return ServiceSwarm(seed).Run();
}

}  // namespace paddock::sim
