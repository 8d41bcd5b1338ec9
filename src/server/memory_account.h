// The account of a server's memory, for its log and for `mntr`.

#ifndef PADDOCK_SERVER_MEMORY_ACCOUNT_H_
#define PADDOCK_SERVER_MEMORY_ACCOUNT_H_

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

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_MEMORY_ACCOUNT_H_
