// One run of the simulator: topology, workload and faults drawn from a seed.
// First anything may happen; then all is healed, and the ensemble must agree
// and work within a bound.

#ifndef PADDOCK_TESTS_SIM_SWARM_H_
#define PADDOCK_TESTS_SIM_SWARM_H_

#include <cstdint>
#include <optional>
#include <string>

namespace paddock::sim {

struct SwarmResult {
  std::optional<std::string> violation;
  uint64_t trace_hash = 0;
  uint64_t events = 0;
  int64_t virtual_us = 0;
  size_t committed = 0;
  size_t epochs = 0;
  std::string trace;  // The last lines, where there is a violation
};

SwarmResult RunSwarm(uint64_t seed);

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_SWARM_H_
