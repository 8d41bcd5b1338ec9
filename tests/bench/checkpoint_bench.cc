// What a checkpoint costs, against the size of the tree and the number of
// changes since the last one.
//
// The time shown is that of one checkpoint, until it is durable.  Counters are
// for each change: "owner_us" and "thread_us", CPU time of the thread that owns
// the tree and of the one that writes; "bytes", written to files.

#include <benchmark/benchmark.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "fmt/format.h"
#include "jute/txn.h"
#include "storage/checkpoint.h"
#include "tree/data_tree.h"

namespace paddock::storage {
namespace {

using jute::OpCode;

constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kChildrenPerParent = 1000;

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9;
}

// What this process has given to write() so far.
int64_t WrittenBytes() {
  std::ifstream io("/proc/self/io");
  std::string name;
  int64_t value = 0;
  while (io >> name >> value && name != "wchar:") {
  }
  return value;
}

struct Cost {
  double seconds = 0;
  double owner_seconds = 0;
  double thread_seconds = 0;
  int64_t bytes = 0;
};

// A tree of znodes with 100 bytes, and its checkpoint in a folder of its own.
class Bench {
 public:
  explicit Bench(int64_t znodes) : tree_({}) {
    std::string dir = std::filesystem::temp_directory_path() / "ckpt-XXXXXX";
    CHECK(mkdtemp(dir.data()) != nullptr);
    dir_ = dir;
    writer_ = *CheckpointWriter::Open(dir_);
    tree_.TrackChanges(/*all=*/true);
    for (int64_t i = 0; i < znodes; ++i) {
      Create();
    }
    Checkpoint();
  }
  ~Bench() { std::filesystem::remove_all(dir_); }

  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void Create() {
    const size_t i = paths_.size();
    const std::string parent =
        fmt::format("/app/p{:05}", i / kChildrenPerParent);
    if (i == 0) {
      Apply(OpCode::kCreate, CreateRecord("/app"));
    }
    if (i % kChildrenPerParent == 0) {
      Apply(OpCode::kCreate, CreateRecord(parent));
    }
    paths_.push_back(fmt::format("{}/znode-{:010}", parent, i));
    Apply(OpCode::kCreate, CreateRecord(paths_.back()));
  }

  void SetAny() {
    std::string record;
    const std::string& path = paths_[random_.Below(paths_.size())];
    jute::Write(jute::SetDataTxn{path, data_, 1}, &record);
    Apply(OpCode::kSetData, record);
  }

  void CreateAndDelete() {
    Create();
    std::string record;
    jute::Write(jute::DeleteTxn{paths_.back()}, &record);
    Apply(OpCode::kDelete, record);
    paths_.pop_back();
  }

  Cost Checkpoint() {
    Cost cost;
    const int64_t bytes = WrittenBytes();
    const auto start = std::chrono::steady_clock::now();
    const auto owner = [&cost](auto&& work) {
      const double begin = ThreadCpuSeconds();
      work();
      cost.owner_seconds += ThreadCpuSeconds() - begin;
    };
    const double cpu = ThreadCpuSeconds();
    CheckpointHead head{.zxid = zab::Zxid::FromWire(zxid_)};
    owner([&] { head.deleted_ids = tree_.BeginCapture(); });
    CHECK(writer_->Begin(head).ok());
    for (bool more = true; more;) {
      std::string nodes;
      owner([&] { more = tree_.Capture(kPieceBytes, &nodes); });
      CHECK(writer_->Add(nodes).ok());
    }
    CHECK(writer_->Commit().ok());
    owner([&] { tree_.EndCapture(/*is_safe=*/true); });
    cost.thread_seconds = ThreadCpuSeconds() - cpu - cost.owner_seconds;
    cost.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    cost.bytes = WrittenBytes() - bytes;
    return cost;
  }

 private:
  std::string CreateRecord(std::string_view path) const {
    std::string bytes;
    jute::Write(jute::CreateTxn{path, data_, acl_, false, -1}, &bytes);
    return bytes;
  }

  void Apply(OpCode type, std::string_view record) {
    results_.clear();
    ++zxid_;
    constexpr int64_t kTime = 1'700'000'000'000;
    CHECK(tree_.Apply({1, 1, zxid_, kTime + zxid_, static_cast<int32_t>(type)},
                      record, &results_, [](const tree::Change&) {}) &&
          results_[0].error == Error::kOk);
  }

  const std::string data_ = std::string(100, 'd');
  const std::vector<jute::ACL> acl_ = {{31, {"world", "anyone"}}};
  std::string dir_;
  tree::DataTree tree_;
  std::unique_ptr<CheckpointWriter> writer_;
  Random random_{1};
  std::vector<std::string> paths_;
  std::vector<tree::OpResult> results_;
  int64_t zxid_ = 0;
};

void BM_Checkpoint(benchmark::State& state, void (Bench::*change)()) {
  // One at a time, for there may be little memory.
  static std::map<int64_t, std::unique_ptr<Bench>> benches;
  const int64_t znodes = state.range(0);
  if (!benches.contains(znodes)) {
    benches.clear();
    benches[znodes] = std::make_unique<Bench>(znodes);
  }
  Bench& bench = *benches[znodes];
  Cost total;
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(1); ++i) {
      (bench.*change)();
    }
    const Cost cost = bench.Checkpoint();
    state.SetIterationTime(cost.seconds);
    total.owner_seconds += cost.owner_seconds;
    total.thread_seconds += cost.thread_seconds;
    total.bytes += cost.bytes;
  }
  const auto changes = static_cast<double>(state.iterations() * state.range(1));
  state.counters["owner_us"] = total.owner_seconds / changes * 1e6;
  state.counters["thread_us"] = total.thread_seconds / changes * 1e6;
  state.counters["bytes"] = static_cast<double>(total.bytes) / changes;
}

// Few checkpoints, for those that create let the tree grow.
void Sizes(benchmark::internal::Benchmark* to) {
  to->ArgNames({"znodes", "changes"})->UseManualTime();
  to->Unit(benchmark::kMillisecond)->Iterations(4);
}

void AllSizes(benchmark::internal::Benchmark* to) {
  Sizes(to);
  for (const int64_t znodes : {1'000, 30'000, 1'000'000}) {
    for (const int64_t changes : {1, 1'000, 50'000}) {
      to->Args({znodes, changes});
    }
  }
}
BENCHMARK_CAPTURE(BM_Checkpoint, set, &Bench::SetAny)->Apply(AllSizes);
BENCHMARK_CAPTURE(BM_Checkpoint, create, &Bench::Create)->Apply(AllSizes);
BENCHMARK_CAPTURE(BM_Checkpoint, create_and_delete, &Bench::CreateAndDelete)
    ->Apply(Sizes)
    ->Args({1'000'000, 50'000});

}  // namespace
}  // namespace paddock::storage
