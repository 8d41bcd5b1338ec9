// paddock_budget: work for a counter of instructions (budget.py): so many
// requests of one kind, from the frame of each to its reply, without I/O.
//
//   paddock_budget PATH REQUESTS

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/replica_load.h"

namespace paddock::bench {
namespace {

constexpr int kBatch = ReplicaLoad::kConnections * ReplicaLoad::kOutstanding;
constexpr int kWarmUpBatches = 8;

}  // namespace

// What the counter looks at; it finds the function by its name.
[[gnu::noinline]] void Counted(ReplicaLoad& load) {
  load.Run();
  asm volatile("");  // Not a tail call
}

bool Run(std::string_view path, int requests) {
  const bool events = path == "notify";
  Work work = Work::kGet;
  bool known = events;
  for (const WorkName& name : kWorkNames) {
    if (name.name == path) {
      work = name.work;
      known = true;
    }
  }
  if (!known) {
    return false;
  }
  ReplicaLoad load(work);
  const auto prepare = [&](int count) {
    if (events) {
      load.PrepareEvents(count / ReplicaLoad::kConnections);
    } else {
      load.Prepare(count / kBatch);
    }
  };
  prepare(kWarmUpBatches * kBatch);
  load.Run();
  prepare(requests);
  Counted(load);
  return true;
}

}  // namespace paddock::bench

int main(int argc, char** argv) {
  if (argc != 3 || !paddock::bench::Run(argv[1], std::atoi(argv[2]))) {
    fmt::print(stderr, "usage: paddock_budget PATH REQUESTS\n");
    return 2;
  }
  return 0;
}
