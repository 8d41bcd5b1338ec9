// What the owner thread pays in the tree for each transaction, look-up and
// watch.  "heap" counters are resident bytes for each item, paths and data
// included.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "fmt/format.h"
#include "jute/proto.h"
#include "jute/txn.h"
#include "tree/data_tree.h"
#include "tree/watches.h"

namespace paddock::tree {
namespace {

using jute::OpCode;

const std::vector<jute::ACL> kOpenAcl = {{31, {"world", "anyone"}}};

double ResidentBytes() {
  ReleaseFreeMemory(FreeBytes());
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  double resident_pages = 0;
  statm >> pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// A tree with as many znodes of 128 bytes as the benchmark's argument says,
// a thousand below each parent, and transactions for it.
class Bench {
 public:
  explicit Bench(int64_t nodes, bool digest = true)
      : tree_({.digest = digest}) {
    for (int64_t i = 0; i < nodes; ++i) {
      if (i % 1000 == 0) {
        Apply(OpCode::kCreate, CreateRecord(fmt::format("/p{:04}", i / 1000)));
      }
      paths_.push_back(fmt::format("/p{:04}/n{:010}", i / 1000, i));
      Apply(OpCode::kCreate, CreateRecord(paths_.back()));
    }
  }

  std::string CreateRecord(std::string_view path) const {
    std::string bytes;
    jute::Write(jute::CreateTxn{path, data_, kOpenAcl, false, -1}, &bytes);
    return bytes;
  }
  std::string SetRecord(std::string_view path) const {
    std::string bytes;
    jute::Write(jute::SetDataTxn{path, data_, 1}, &bytes);
    return bytes;
  }
  static std::string DeleteRecord(std::string_view path) {
    std::string bytes;
    jute::Write(jute::DeleteTxn{path}, &bytes);
    return bytes;
  }

  void Apply(OpCode type, std::string_view record) {
    results_.clear();
    ++zxid_;
    const bool decoded =
        tree_.Apply({1, 1, zxid_, zxid_, static_cast<int32_t>(type)}, record,
                    &results_, [](const Change&) {});
    CHECK(decoded && results_[0].error == Error::kOk);
  }

  // Records for nodes in random order.
  template <class Make>
  std::vector<std::string> Records(size_t count, Make make) const {
    Random random(1);
    std::vector<std::string> records;
    for (size_t i = 0; i < count; ++i) {
      records.push_back(make(paths_[random.Below(paths_.size())]));
    }
    return records;
  }

  const DataTree& tree() const { return tree_; }
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  const std::string data_ = std::string(128, 'x');
  DataTree tree_;
  int64_t zxid_ = 0;
  std::vector<std::string> paths_;
  std::vector<OpResult> results_;
};

void ApplySet(benchmark::State& state) {
  Bench bench(state.range(0), state.range(1) != 0);
  const std::vector<std::string> records = bench.Records(
      4096, [&](const std::string& path) { return bench.SetRecord(path); });
  size_t next = 0;
  for (auto _ : state) {
    bench.Apply(OpCode::kSetData, records[next++ % records.size()]);
  }
}
BENCHMARK(ApplySet)->ArgsProduct({{1000, 1'000'000}, {0, 1}});

// Each round creates 1000 nodes below one parent, then deletes them.
void ApplyCreateDelete(benchmark::State& state) {
  Bench bench(state.range(0), state.range(1) != 0);
  std::vector<std::string> creates;
  std::vector<std::string> deletes;
  for (int i = 0; i < 1000; ++i) {
    const std::string path = fmt::format("/p0000/c{:010}", i);
    creates.push_back(bench.CreateRecord(path));
    deletes.push_back(Bench::DeleteRecord(path));
  }
  for (auto _ : state) {
    for (const std::string& record : creates) {
      bench.Apply(OpCode::kCreate, record);
    }
    for (const std::string& record : deletes) {
      bench.Apply(OpCode::kDelete, record);
    }
  }
  state.SetItemsProcessed(state.iterations() * 2000);
}
BENCHMARK(ApplyCreateDelete)->ArgsProduct({{1000, 1'000'000}, {0, 1}});

void Find(benchmark::State& state) {
  const Bench bench(state.range(0));
  const std::vector<std::string> paths =
      bench.Records(4096, [](const std::string& path) { return path; });
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bench.tree().Find(paths[next++ % paths.size()]));
  }
}
BENCHMARK(Find)->Arg(1000)->Arg(1'000'000);

void FillTree(benchmark::State& state) {
  for (auto _ : state) {
    const double before = ResidentBytes();
    auto bench = std::make_unique<Bench>(state.range(0));
    const double with_paths = ResidentBytes() - before;
    double path_bytes =
        static_cast<double>(bench->paths().capacity() * sizeof(std::string));
    for (const std::string& path : bench->paths()) {
      path_bytes += path.size() > 15 ? 32 : 0;  // The block of std::string
    }
    state.counters["heap_per_node"] =
        (with_paths - path_bytes) / static_cast<double>(state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(FillTree)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// One connection that watches all paths, then goes.
void WatchesOfOneConnection(benchmark::State& state) {
  std::vector<std::string> paths;
  for (int64_t i = 0; i < state.range(0); ++i) {
    paths.push_back(fmt::format("/p{:04}/n{:010}", i / 1000, i));
  }
  for (auto _ : state) {
    const double before = ResidentBytes();
    WatchTable watches;
    for (const std::string& path : paths) {
      watches.Add(path, ConnectionId{1}, WatchKind::kData);
    }
    state.counters["heap_per_watch"] =
        (ResidentBytes() - before) / static_cast<double>(paths.size());
    watches.RemoveConnection(ConnectionId{1});
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(WatchesOfOneConnection)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

// A path with many watchers: register all, fire once.
void WatchersOfOnePath(benchmark::State& state) {
  WatchTable watches;
  for (auto _ : state) {
    for (int64_t i = 1; i <= state.range(0); ++i) {
      watches.Add("/leader", ConnectionId(i), WatchKind::kData);
    }
    int64_t reached = 0;
    watches.Trigger({Change::Kind::kDataChanged, "/leader", nullptr, nullptr},
                    [&](const Notification& notification) {
                      reached +=
                          static_cast<int64_t>(notification.connections.size());
                    });
    CHECK_EQ(reached, state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(WatchersOfOnePath)->Arg(1)->Arg(10'000);

// What a create pays where nobody watches it: no watches at all; data watches
// elsewhere; a recursive watch elsewhere.
void TriggerOfNobody(benchmark::State& state) {
  WatchTable watches;
  if (state.range(0) >= 1) {
    for (int64_t i = 0; i < 1000; ++i) {
      watches.Add(fmt::format("/x{}", i), ConnectionId{1}, WatchKind::kData);
    }
  }
  if (state.range(0) >= 2) {
    watches.Add("/y", ConnectionId{1}, WatchKind::kRecursive);
  }
  for (auto _ : state) {
    watches.Trigger(
        {Change::Kind::kCreated, "/p0000/n0000000000", nullptr, nullptr},
        [](const Notification&) {});
  }
}
BENCHMARK(TriggerOfNobody)->Arg(0)->Arg(1)->Arg(2);

}  // namespace
}  // namespace paddock::tree
