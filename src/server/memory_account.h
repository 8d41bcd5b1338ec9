// The account of a server's memory, for its log and for `mntr`.

#ifndef PADDOCK_SERVER_MEMORY_ACCOUNT_H_
#define PADDOCK_SERVER_MEMORY_ACCOUNT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

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

// Gives memory that was freed back to the system, in steps of up to 8 MB, which
// take a millisecond.
class MemoryTrimmer {
 public:
  // `used_bytes`: what is in use.  Acts once that has fallen by one step.
  void Look(size_t used_bytes);

 private:
  size_t highest_bytes_ = 0;  // Since the last step
};

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_MEMORY_ACCOUNT_H_
