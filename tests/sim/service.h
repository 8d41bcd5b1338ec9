// A simulated service: whole servers (replica/replica.h) on the network and the
// disks of the simulator, and clients that use it as stock clients do.
//
// What the members commit becomes the truth (truth.h), which what clients are
// told is held against as it happens (client.h); the states of members are held
// against it, too, and against each other.

#ifndef PADDOCK_TESTS_SIM_SERVICE_H_
#define PADDOCK_TESTS_SIM_SERVICE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "replica/replica.h"
#include "sim/cluster.h"
#include "sim/truth.h"

namespace paddock::sim {

class Client;

// What clients ask for.
enum class WorkKind {
  kCreate,
  kEphemeral,
  kSequential,
  kDelete,
  kSetData,
  kSync,
  kGetData,
  kExists,
  kGetChildren,
  kMulti,
  kContainer,
  kTtl,
  kAddWatch,
  kCount
};

struct ServiceOptions {
  Cluster::Options cluster;
  int clients = 4;
  Micros work_interval = 20'000;
  std::array<uint64_t, static_cast<size_t>(WorkKind::kCount)> work = {};
  uint64_t lock_one_in = 10;   // Of all requests
  uint64_t whim_one_in = 500;  // Of all that clients do
};

class Service : public Cluster {
 public:
  explicit Service(const ServiceOptions& options);
  ~Service() override;

  // Faults.
  void Checkpoint(ServerId id) override;
  void Stop(ServerId id) override;
  // The links of its clients break, and each end hears of it in its own time.
  void BreakClients(ServerId id);
  // Nothing passes between it and its clients until then; nothing is lost.
  void StallClients(ServerId id, Micros until);
  // Its wall clock is wrong from now on.
  void SetWallClock(ServerId id, int64_t ahead_ms);

  // Whether all members serve and have the same.
  bool IsConverged() const;
  bool Leads(ServerId id) const override;
  // The latest that any member has followed or led.
  int64_t epoch() const;
  // Fails if a member's state is not what it should be.
  void CheckState(ServerId id);
  // One line on what it does and has, for the report of a failure.
  std::string Describe(ServerId id) const;

  // Whether clients ask for anything but to keep their sessions.
  void SetWork(bool on) { works_ = on; }
  bool works() const { return works_; }
  const std::vector<std::unique_ptr<Client>>& clients() const {
    return clients_;
  }
  size_t acknowledged() const { return acknowledged_; }
  int64_t wall_ms(ServerId id) const;

  // Remembers the first violation.
  void Fail(std::string what) override;
  bool HasFailed() const override { return violation_.has_value(); }
  const std::optional<std::string>& violation() const { return violation_; }
  const Truth& truth() const { return truth_; }

  // For clients.
  const ServiceOptions& options() const { return options_; }
  int64_t min_session_timeout_ms() const;
  WorkKind DrawWork();
  ConnectionId Open(Client* client, ServerId server);
  void Send(ConnectionId connection, std::string frame);
  void HangUp(ConnectionId connection);
  void Acknowledge() { ++acknowledged_; }
  // A client sees in the state after `zxid` that this one holds the lock.
  void HoldsLock(const std::string& path, int64_t zxid);
  void TraceReply(int client, int32_t xid, int64_t zxid, Error error);

 private:
  struct Node;
  // What a member has logged, as its writes say: it has applied all up to
  // `applied`, not yet what is in `log`.
  struct Logged {
    int64_t applied = 0;
    std::deque<zab::Txn> log;
  };
  using StateId = std::pair<int64_t, size_t>;  // Its name and its hash
  struct Connection {
    ServerId server{0};
    Client* client = nullptr;
    bool client_open = true;
    bool server_open = true;
    Micros to_server = 0;  // Arrival of the last frame
    Micros to_client = 0;
  };

  Node& node(ServerId id) const { return *nodes_.at(id); }
  void Boot(ServerId id) override;
  void Halt(ServerId id) override;
  void Handle(ServerId id, Event event) override;
  replica::Tick Now(const Node& node) const;
  void Pump(Node& node);
  void LookAtRole(Node& node);
  void LookAtSnap(const Node& node, const zab::Snap& snap);
  void LookAtWrite(Node& node, const zab::Write& write);
  void TakeState(Node& node, const zab::Snapshot& state);
  void LookAtClose(const Node& node, const zab::Txn& txn);
  void LookAtState(Node& node);
  void Deliver(replica::Output output);
  void Work(Client* client);
  Micros Latency();
  Micros Arrival(Micros* last, ServerId server);
  // Something of a connection reaches its server.
  void AtServer(ConnectionId id, Micros when,
                std::function<void(replica::Replica&)> step);
  void CloseServerEnd(ConnectionId id);
  void CloseClientEnd(ConnectionId id);
  void Collect(ConnectionId id);

  const ServiceOptions options_;
  uint64_t work_total_ = 0;
  Truth truth_;
  std::map<ServerId, std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<ConnectionId, Connection> connections_;
  uint64_t last_connection_ = 0;
  bool works_ = true;
  size_t acknowledged_ = 0;
  std::map<int64_t, uint64_t> digests_;                // By zxid
  std::map<StateId, Logged> snaps_;                    // Of leaders
  std::vector<std::pair<std::string, int64_t>> held_;  // Locks, since when
  std::optional<std::string> violation_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_SERVICE_H_
