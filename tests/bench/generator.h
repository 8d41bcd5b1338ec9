// The loop that keeps a server busy: on one thread, a fixed number of
// connections, each with a fixed number of requests outstanding.  A reply is
// answered by the next request; replies that come together are answered
// together, with one system call.  Nothing is allocated per request.
//
// Latency counts from the call that sends a request to the return of the call
// that reads its reply.

#ifndef PADDOCK_TESTS_BENCH_GENERATOR_H_
#define PADDOCK_TESTS_BENCH_GENERATOR_H_

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/histogram.h"
#include "bench/requests.h"

namespace paddock::bench {

struct Load {
  sockaddr_in server{};
  Requests::Options requests;  // But for the connection
  int connections = 1;
  int outstanding = 1;  // Per connection

  // Measures for `seconds` after `warm_up_seconds`; or, when a count is given,
  // from the first of so many requests to the last reply.
  double seconds = 5;
  double warm_up_seconds = 1;
  int64_t count_per_connection = 0;

  pid_t server_pid = 0;  // 0: unknown
};

struct Result {
  Histogram latency;  // In ns; its count is the number of replies
  double seconds = 0;
  int64_t errors = 0;       // Replies with an error, also inside a multi
  int32_t first_error = 0;  // The first such code
  double server_cpu_seconds = 0;
  double load_cpu_seconds = 0;  // Of the generator itself
};

// Errors: no connection, a connection lost, or no reply for 60 s.
absl::Status Run(const Load& load, Result* result);

// User and system time of process `pid` so far, in seconds; 0 when unknown.
double CpuSeconds(pid_t pid);

// Resident memory of process `pid` in bytes; 0 when unknown.
int64_t ResidentBytes(pid_t pid);

}  // namespace paddock::bench

#endif  // PADDOCK_TESTS_BENCH_GENERATOR_H_
