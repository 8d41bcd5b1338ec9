// A simulated service: whole servers (replica/replica.h) on the network and the
// disks of the simulator, and clients that use it as stock clients do.
//
// What clients see is checked as it happens: replies in the order of requests,
// zxids that never fall, an event before the value that it tells of, real-time
// order of writes, sync followed by a read, unique sequence numbers; and on the
// servers: equal states at equal zxids, and ephemeral znodes that are there
// exactly as long as their session.

#ifndef PADDOCK_TESTS_SIM_SERVICE_H_
#define PADDOCK_TESTS_SIM_SERVICE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "replica/replica.h"
#include "sim/disk.h"
#include "sim/event_queue.h"
#include "sim/network.h"

namespace paddock::sim {

class Client;

struct ServiceOptions {
  uint64_t seed = 1;
  int voters = 3;
  int observers = 0;
  int clients = 4;
  zab::Config config;
  Network::Options network;
  Disk::Options disk;
};

class Service {
 public:
  explicit Service(const ServiceOptions& options);
  ~Service();

  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // False when `condition` did not hold within `limit`, or something was wrong.
  bool RunUntil(const std::function<bool()>& condition, Micros limit);
  void RunFor(Micros duration) {
    RunUntil([] { return false; }, duration);
  }

  // Faults.
  void Crash(ServerId id);
  void Restart(ServerId id);
  void Pause(ServerId id, Micros duration);
  void StallDisk(ServerId id, Micros duration);
  void Checkpoint(ServerId id);
  void BreakClients(ServerId id);
  Network& network() { return network_; }

  // Whether all members serve and have the same.
  bool IsConverged() const;
  // Whether the work of the clients goes on.
  void SetWork(bool on) { works_ = on; }

  // Remembers the first violation.
  void Fail(std::string what);

  const std::vector<ServerId>& ids() const { return ids_; }
  Random& random() { return random_; }
  EventQueue& queue() { return queue_; }
  const std::optional<std::string>& violation() const { return violation_; }
  uint64_t trace_hash() const { return trace_hash_; }
  size_t acknowledged() const { return acknowledged_.size(); }

 private:
  friend class Client;
  struct Node;
  struct Connection {
    ServerId server{0};
    Client* client = nullptr;
    Micros to_server = 0;  // Arrival of the last frame
    Micros to_client = 0;
  };

  Node& node(ServerId id) const { return *nodes_.at(id); }
  void Defer(Node& node, std::function<void()> action);
  void Resume(Node& node);
  void Start(Node& node);
  void Pump(Node& node);
  void ScheduleTick(Node& node);
  replica::Tick Now() const;
  void LookAtState(const Node& node);
  void Work(Client* client);
  Micros Latency();

  // For clients.
  ConnectionId Open(Client* client, ServerId server);
  void Send(ConnectionId connection, std::string frame);
  void Drop(ConnectionId connection);
  void Mix(uint64_t number);

  // A write that a client was told of.
  struct Acknowledged {
    int64_t session = 0;
    int32_t cxid = 0;
  };

  const ServiceOptions options_;
  EventQueue queue_;
  Random random_;
  Network network_;
  std::vector<ServerId> ids_;
  std::map<ServerId, std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<ConnectionId, Connection> connections_;
  uint64_t last_connection_ = 0;
  bool works_ = true;
  std::map<int64_t, Acknowledged> acknowledged_;  // By zxid
  std::map<int64_t, uint64_t> digests_;           // By zxid
  std::set<std::string> sequential_;              // Names given out
  uint64_t trace_hash_ = 0;
  std::optional<std::string> violation_;
};

// One run: faults and work drawn from a seed, then everything is healed.
struct ServiceResult {
  std::optional<std::string> violation;
  uint64_t trace_hash = 0;
  uint64_t events = 0;
  int64_t virtual_us = 0;
  size_t acknowledged = 0;
};
ServiceResult RunServiceSwarm(uint64_t seed);

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_SERVICE_H_
