// One run of whole servers under faults: topology, work of the clients and
// faults are drawn from a seed.  Then a quorum, and then all is healed, and it
// must serve, keep the sessions of those that are there, end those of the
// others, sweep what is due, and agree.

#ifndef PADDOCK_TESTS_SIM_SERVICE_SWARM_H_
#define PADDOCK_TESTS_SIM_SERVICE_SWARM_H_

#include <cstdint>
#include <optional>
#include <string>

namespace paddock::sim {

struct ServiceResult {
  std::optional<std::string> violation;
  uint64_t trace_hash = 0;
  uint64_t events = 0;
  int64_t virtual_us = 0;
  size_t acknowledged = 0;
  std::string trace;  // The members and the last lines, if it failed
};

ServiceResult RunServiceSwarm(uint64_t seed);

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_SERVICE_SWARM_H_
