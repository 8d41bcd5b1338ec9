// An ensemble of simulated members on a simulated network: one thread, virtual
// time, everything from a seed.  The checkers (checkers.h) look at every event.

#ifndef PADDOCK_TESTS_SIM_ENSEMBLE_H_
#define PADDOCK_TESTS_SIM_ENSEMBLE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "sim/checkers.h"
#include "sim/disk.h"
#include "sim/event_queue.h"
#include "sim/network.h"
#include "zab/peer.h"

namespace paddock::sim {

struct EnsembleOptions {
  uint64_t seed = 1;
  std::vector<zab::Member> members;
  zab::Config config;  // But for id and members
  Network::Options network;
  Disk::Options disk;
  // The clock of each member goes up to so many per mille wrong.
  int clock_skew_per_mille = 0;
  bool keeps_trace = false;
};

// `voters` members numbered from 1, and then observers.
std::vector<zab::Member> Members(int voters, int observers = 0);

class Ensemble {
 public:
  explicit Ensemble(const EnsembleOptions& options);
  ~Ensemble();

  Ensemble(const Ensemble&) = delete;
  Ensemble& operator=(const Ensemble&) = delete;

  // Time.
  void RunFor(Micros duration);
  // Until `condition` holds, checked after each event; false after `limit`.
  bool RunUntil(const std::function<bool()>& condition, Micros limit);

  // The member that leads an established epoch that a quorum follows, after at
  // most `limit`.
  std::optional<ServerId> RunUntilLeader(Micros limit = 60'000'000);
  // Whether all members run, serve, have the same, and answered all syncs.
  bool IsConverged() const;

  // Faults.
  void Crash(ServerId id);
  void Restart(ServerId id);
  void Pause(ServerId id, Micros duration);
  void StallDisk(ServerId id, Micros duration);
  void Isolate(ServerId id);
  void Checkpoint(ServerId id);
  // Cleanly; a leader goes on until all that it proposed is committed.
  void Stop(ServerId id);
  Network& network() { return network_; }

  // Work.
  // False unless the member leads.
  bool Propose(ServerId id);
  // Begins a sync there, which the checkers follow; false unless it serves.  A
  // member that is paused finds it first of all when it goes on, before it
  // hears of broken links: then it is true.
  bool Sync(ServerId id);

  // One line on what it does and has, for the report of a failure.
  std::string Describe(ServerId id) const;
  bool IsRunning(ServerId id) const;
  const zab::Peer& peer(ServerId id) const;
  const Disk& disk(ServerId id) const;
  const std::vector<zab::Txn>& applied(ServerId id) const;
  const std::vector<ServerId>& ids() const { return ids_; }
  Checkers& checkers() { return checkers_; }
  Random& random() { return random_; }
  EventQueue& queue() { return queue_; }
  // Changes with every event: equal seeds give equal hashes.
  uint64_t trace_hash() const { return trace_hash_; }
  // Keeps the last lines, for the report of a failure.
  const std::deque<std::string>& trace() const { return trace_; }

 private:
  struct Node;

  void RunOne();
  Node& node(ServerId id) const { return *nodes_.at(id); }
  void Defer(Node& node, std::function<void()> action);
  void Resume(Node& node);
  void Start(Node& node);
  // Something happens there, now.
  template <class Event>
  void Step(Node& node, Event event);
  // `because`: of what it heard, if nothing else can be the reason.
  void Pump(Node& node, const zab::Received* because = nullptr);
  void ScheduleTick(Node& node);
  absl::Duration LocalTime(const Node& node) const;
  void Carry(Node& node, zab::Envelope envelope);
  void Deliver(Node& node, const zab::Delivery& delivery);
  std::string StateForSnapshot(const Node& node) const;
  // `what` makes the line, for traces that are kept; `number` stands for it.
  template <class What>
  void Trace(ServerId id, uint64_t number, What what);

  const EnsembleOptions options_;
  EventQueue queue_;
  Random random_;
  Network network_;
  Checkers checkers_;
  std::vector<ServerId> ids_;
  std::map<ServerId, std::unique_ptr<Node>> nodes_;
  uint64_t next_payload_ = 1;
  uint64_t trace_hash_ = 0;
  std::deque<std::string> trace_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_ENSEMBLE_H_
