// The account of a server's memory, for its log and for `mntr`.

#ifndef PADDOCK_SERVER_MEMORY_ACCOUNT_H_
#define PADDOCK_SERVER_MEMORY_ACCOUNT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "net/client_connections.h"
#include "replica/metrics.h"
#include "replica/replica.h"

namespace paddock::server {

struct MemoryAccount {
  int64_t resident_bytes = 0;  // Of the process; -1: unknown
  replica::MemoryUse use;
};

MemoryAccount TakeMemoryAccount(const replica::Replica& replica,
                                const net::ClientConnections& connections);

std::vector<replica::Metric> MemoryMetrics(const MemoryAccount& account);

// One line for people, in MB.
std::string MemoryText(const MemoryAccount& account);

// Gives memory that was freed back to the system, in steps that take 2 ms.
class MemoryTrimmer {
 public:
  // Called when NextDeadline() has come; earlier calls cost next to nothing.
  void RunTimers(absl::Duration now);
  absl::Duration NextDeadline() const { return next_; }

 private:
  absl::Duration next_;
};

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_MEMORY_ACCOUNT_H_
