// What a simulated ensemble consists of, whatever its members are: virtual
// time, a network, and for each member a process with a disk and a clock; and
// what can happen to all these.

#ifndef PADDOCK_TESTS_SIM_CLUSTER_H_
#define PADDOCK_TESTS_SIM_CLUSTER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "base/random.h"
#include "sim/disk.h"
#include "sim/event_queue.h"
#include "sim/network.h"
#include "zab/peer.h"

namespace paddock::sim {

// `voters` members numbered from 1, and then observers.
std::vector<zab::Member> Members(int voters, int observers = 0);

// Whether the voters of which `holds` is true are a quorum.  Counted apart
// from the core, which may be wrong.
bool IsQuorum(const std::vector<zab::Member>& members,
              const std::function<bool(ServerId)>& holds);

class Cluster {
 public:
  struct Options {
    uint64_t seed = 1;
    std::vector<zab::Member> members;
    zab::Config config;  // But for id and members
    Network::Options network;
    Disk::Options disk;
    // The clock of each member goes up to so many per mille wrong.
    int clock_skew_per_mille = 0;
    bool keeps_trace = false;
  };

  virtual ~Cluster() = default;

  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Time.
  void RunFor(Micros duration);
  // Until `condition` holds, checked after each event; false after `limit`.
  // Both end when something fails.
  bool RunUntil(const std::function<bool()>& condition, Micros limit);

  // Faults.
  void Crash(ServerId id);
  void Restart(ServerId id);
  void Pause(ServerId id, Micros duration);
  void StallDisk(ServerId id, Micros duration);
  // Its next write fails: the process ends, and is started again.
  void FailDisk(ServerId id) { DiskOf(id).FailNext(true); }
  void MendDisk(ServerId id) { DiskOf(id).FailNext(false); }
  // Its clock goes forward at once.
  void JumpClock(ServerId id, Micros by) { process(id).clock_ahead += by; }
  void Isolate(ServerId id);
  // Whether it is paused, or its disk stalls.
  bool IsHampered(ServerId id) const;
  virtual void Checkpoint(ServerId id) = 0;
  // Cleanly; a leader goes on until all that it proposed is committed.
  virtual void Stop(ServerId id) = 0;
  Network& network() { return network_; }

  virtual void Fail(std::string what) = 0;
  virtual bool HasFailed() const = 0;
  bool IsRunning(ServerId id) const { return process(id).is_running; }
  // Whether it leads an established epoch.
  virtual bool Leads(ServerId id) const = 0;
  const Disk& disk(ServerId id) const { return *process(id).disk; }
  const std::vector<zab::Member>& members() const { return members_; }
  const std::vector<ServerId>& ids() const { return ids_; }
  Random& random() { return random_; }
  EventQueue& queue() { return queue_; }
  // Changes with every event: equal seeds give equal hashes.
  uint64_t trace_hash() const { return trace_hash_; }
  // Keeps the last lines, for the report of a failure.
  const std::deque<std::string>& trace() const { return trace_; }

 protected:
  // What a process hears of; no more than that time has passed is the first.
  using Event = std::variant<std::monostate, zab::Persisted, zab::Received,
                             zab::LinkLost>;

  explicit Cluster(const Options& options);

  // What the process of the member does, when its turn comes.
  virtual void Boot(ServerId id) = 0;  // With what its disk holds
  virtual void Halt(ServerId id) = 0;
  virtual void Handle(ServerId id, Event event) = 0;

  void TraceEvent(ServerId id, const Event& event);
  void TraceSent(ServerId id, const zab::Envelope& envelope);
  zab::Config ConfigOf(ServerId id) const;
  zab::DurableState Found(ServerId id) const;
  absl::Duration LocalTime(ServerId id) const;
  bool IsPaused(ServerId id) const {
    return queue_.now() < process(id).paused_until;
  }
  Disk& DiskOf(ServerId id) { return *process(id).disk; }
  // Does it now, or once the member goes on after a pause, in order or before
  // all that waits; never after a crash.
  void Defer(ServerId id, std::function<void()> action);
  void DeferFirst(ServerId id, std::function<void()> action);
  // Something is due there by its clock even if nothing else happens.
  void Wake(ServerId id, absl::Duration due);
  // `what` makes the line, for traces that are kept; `number` stands for it.
  template <class What>
  void Trace(ServerId id, uint64_t number, What what) {
    Mix(static_cast<uint64_t>(queue_.now()));
    Mix(static_cast<uint64_t>(id));
    Mix(number);
    if (keeps_trace_) {
      KeepTrace(id, what());
    }
  }

  EventQueue queue_;
  Random random_;
  Network network_;

 private:
  struct Process {
    std::unique_ptr<Disk> disk;
    bool is_running = false;
    uint64_t life = 0;
    int clock_per_mille = 0;  // How much faster its clock is
    Micros clock_ahead = 0;
    Micros paused_until = 0;
    std::deque<std::function<void()>> deferred;  // Events of the pause
    Micros next_wake = -1;
  };

  Process& process(ServerId id) { return processes_.at(id); }
  const Process& process(ServerId id) const { return processes_.at(id); }
  void RunOne();
  void Resume(ServerId id);
  void Mix(uint64_t number) {
    trace_hash_ = (trace_hash_ ^ number) * uint64_t{0x9e3779b97f4a7c15};
    trace_hash_ ^= trace_hash_ >> 29;
  }
  void KeepTrace(ServerId id, const std::string& line);

  const bool keeps_trace_;
  const std::vector<zab::Member> members_;
  const zab::Config config_;
  std::vector<ServerId> ids_;
  std::map<ServerId, Process> processes_;
  uint64_t trace_hash_ = 0;
  std::deque<std::string> trace_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_CLUSTER_H_
