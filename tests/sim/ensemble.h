// An ensemble of simulated members on a simulated network: one thread, virtual
// time, everything from a seed.  The checkers (checkers.h) look at every event.

#ifndef PADDOCK_TESTS_SIM_ENSEMBLE_H_
#define PADDOCK_TESTS_SIM_ENSEMBLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "sim/checkers.h"
#include "sim/cluster.h"
#include "zab/peer.h"

namespace paddock::sim {

using EnsembleOptions = Cluster::Options;

class Ensemble : public Cluster {
 public:
  explicit Ensemble(const EnsembleOptions& options);
  ~Ensemble() override;

  // The member that leads an established epoch that a quorum follows, after at
  // most `limit`.
  std::optional<ServerId> RunUntilLeader(Micros limit = 60'000'000);
  // Whether all members run, serve, have the same, and answered all syncs.
  bool IsConverged() const;

  void Checkpoint(ServerId id) override;
  void Stop(ServerId id) override;
  void Fail(std::string what) override { checkers_.Fail(std::move(what)); }
  bool HasFailed() const override { return checkers_.violation().has_value(); }

  // Work.
  // False unless the member leads.
  bool Propose(ServerId id);
  // Begins a sync there, which the checkers follow; false unless it serves.  A
  // member that is paused finds it first of all when it goes on, before it
  // hears of broken links: then it is true.
  bool Sync(ServerId id);

  // One line on what it does and has, for the report of a failure.
  std::string Describe(ServerId id) const;
  bool Leads(ServerId id) const override;
  const zab::Peer& peer(ServerId id) const;
  const std::vector<zab::Txn>& applied(ServerId id) const;
  Checkers& checkers() { return checkers_; }

 private:
  struct Node;

  Node& node(ServerId id) const { return *nodes_.at(id); }
  void Boot(ServerId id) override;
  void Halt(ServerId id) override;
  void Handle(ServerId id, Event event) override;
  // `because`: of what it heard, if nothing else can be the reason.
  void Pump(Node& node, const zab::Received* because = nullptr);
  void Carry(Node& node, zab::Envelope envelope);
  void Deliver(Node& node, const zab::Delivery& delivery);
  std::string StateForSnapshot(const Node& node) const;

  Checkers checkers_;
  std::map<ServerId, std::unique_ptr<Node>> nodes_;
  uint64_t next_payload_ = 1;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_ENSEMBLE_H_
