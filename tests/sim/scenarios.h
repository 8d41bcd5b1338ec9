// Directed scenarios: what the swarm meets too rarely.  Each returns what went
// wrong, if anything did.

#ifndef PADDOCK_TESTS_SIM_SCENARIOS_H_
#define PADDOCK_TESTS_SIM_SCENARIOS_H_

#include <optional>
#include <string>

namespace paddock::sim {

struct Scenario {
  const char* name;
  std::optional<std::string> (*run)();
};

// A leader that nobody follows any more answers no sync, even if answers to
// its pings arrive that were under way when the sync began.
std::optional<std::string> OldPongsConfirmNoSync();

// A learner holds the snapshot of a leader that never established its epoch.
// The next one lacks the end of it, and the learner gets the state anew.
std::optional<std::string> UncommittedSnapshotIsReplaced();

// A member that promised a later epoch than the one that is established comes
// back: it may not follow that, so all begin a later one.
std::optional<std::string> LaterPromiseEndsEpoch();

inline constexpr Scenario kScenarios[] = {
    {"OldPongsConfirmNoSync", OldPongsConfirmNoSync},
    {"UncommittedSnapshotIsReplaced", UncommittedSnapshotIsReplaced},
    {"LaterPromiseEndsEpoch", LaterPromiseEndsEpoch},
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_SCENARIOS_H_
