// A whole Replica without I/O, and clients that keep it busy as a server would:
// batches of requests from several connections, one confirmation of the disk
// for all that a batch writes.

#ifndef PADDOCK_TESTS_BENCH_REPLICA_LOAD_H_
#define PADDOCK_TESTS_BENCH_REPLICA_LOAD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/requests.h"
#include "replica/replica.h"

namespace paddock::bench {

// Not thread-safe.
class ReplicaLoad {
 public:
  static constexpr int kConnections = 16;
  static constexpr int kOutstanding = 16;  // Of each connection, a batch
  static constexpr int kKeys = 1000;
  static constexpr int kValueBytes = 128;

  // Connects the clients and makes the znodes that `work` needs.
  explicit ReplicaLoad(Work work);

  // Encodes kOutstanding requests of each connection for each of `batches`.
  void Prepare(int batches);

  // Likewise rounds in which every connection reads one key and watches it,
  // and one of them then sets it.
  void PrepareEvents(int rounds);

  // Sends what was prepared.
  void Run();

 private:
  // What all connections send, as their sockets give it: frames with their
  // lengths.
  struct Batch {
    struct Input {
      int connection = 0;
      std::string bytes;
    };
    std::vector<Input> inputs;
  };

  void Add(Batch* batch, int connection, std::string_view frame);
  template <class Body>
  void Add(Batch* batch, int connection, int32_t type, const Body& body);
  // Sends it, lets the disk finish, drops the answers.
  void Step(const Batch& batch);
  void Collect();

  replica::Replica replica_;
  std::vector<Requests> requests_;  // Of each connection
  std::vector<Batch> prepared_;
  std::vector<zab::Write> writes_;
  absl::Duration now_;
  int32_t xid_ = 0;
};

}  // namespace paddock::bench

#endif  // PADDOCK_TESTS_BENCH_REPLICA_LOAD_H_
