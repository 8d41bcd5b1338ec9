// What the owner thread pays for each request beyond sockets and disk: from the
// frame to the reply, through a whole Replica.

#include <benchmark/benchmark.h>

#include <string>

#include "bench/replica_load.h"

namespace paddock::bench {
namespace {

constexpr int kBatch = ReplicaLoad::kConnections * ReplicaLoad::kOutstanding;
constexpr int kBatchesPerStep = 16;

void RequestsOf(benchmark::State& state, Work work) {
  ReplicaLoad load(work);
  for (auto step : state) {
    state.PauseTiming();
    load.Prepare(kBatchesPerStep);
    state.ResumeTiming();
    load.Run();
  }
  state.SetItemsProcessed(state.iterations() * kBatchesPerStep * kBatch);
}

// A read that watches, and its event.
void Events(benchmark::State& state) {
  ReplicaLoad load(Work::kGet);
  for (auto step : state) {
    state.PauseTiming();
    load.PrepareEvents(kBatch);
    state.ResumeTiming();
    load.Run();
  }
  state.SetItemsProcessed(state.iterations() * kBatch *
                          ReplicaLoad::kConnections);
}
BENCHMARK(Events);

[[maybe_unused]] const bool kRegistered = [] {
  for (const WorkName& name : kWorkNames) {
    if (name.work != Work::kDelete) {  // Of nothing, as it would be here
      benchmark::RegisterBenchmark(std::string(name.name).c_str(), RequestsOf,
                                   name.work);
    }
  }
  return true;
}();

}  // namespace
}  // namespace paddock::bench
