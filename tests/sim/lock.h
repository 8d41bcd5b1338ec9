// The lock of ZooKeeper's recipes, as one client takes and releases it: an
// ephemeral with a sequence number below kLocks; the lowest one holds it, each
// of the others watches the one in front of it.

#ifndef PADDOCK_TESTS_SIM_LOCK_H_
#define PADDOCK_TESTS_SIM_LOCK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/truth.h"

namespace paddock::sim {

inline constexpr std::string_view kLocks = "/l";

class Lock {
 public:
  // The next step, unless it waits for an answer or for its turn.
  std::optional<Request> Next(int64_t session);

  // What became of a step; true when the client sees that it holds the lock.
  bool OnReply(const Request& request, Error error, const std::string& created,
               std::vector<std::string> children, int64_t session);
  void OnEvent(const std::string& path);
  void OnDisconnect();  // No answer comes any more
  void Forget() { *this = Lock(); }

  const std::string& mine() const { return mine_; }

 private:
  enum class Phase { kOut, kUnsure, kQueued, kBehind, kWaits, kHolds };

  Phase phase_ = Phase::kOut;
  bool is_asking_ = false;
  std::string mine_;
  std::string in_front_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_LOCK_H_
