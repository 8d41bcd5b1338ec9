#include "storage/workload.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <random>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "jute/persistence.h"
#include "storage/log_fixture.h"
#include "storage/log_format.h"

namespace paddock::storage {
namespace {

constexpr std::chrono::seconds kDeadline{30};

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Compares what was loaded with the history.
absl::Status Compare(const std::vector<zab::Txn>& loaded,
                     const History& history, size_t promised) {
  if (loaded.size() < promised) {
    return absl::InternalError(
        fmt::format("{} transactions were promised, {} are there", promised,
                    loaded.size()));
  }
  if (loaded.size() > history.txns.size()) {
    return absl::InternalError(
        fmt::format("{} transactions were submitted, {} are there",
                    history.txns.size(), loaded.size()));
  }
  for (size_t i = 0; i < loaded.size(); ++i) {
    if (loaded[i].zxid != history.txns[i].zxid ||
        loaded[i].bytes != history.txns[i].bytes) {
      return absl::InternalError(
          fmt::format("transaction {} is another than was submitted", i + 1));
    }
  }
  return absl::OkStatus();
}

// A checkpoint of this history has a znode for each transaction, named after
// its zxid and with its bytes, and one that is new in each checkpoint.
std::string NodeName(zab::Zxid zxid) {
  return fmt::format("/t{:016x}", zxid.ToWire());
}
std::string MarkName(zab::Zxid zxid) {
  return fmt::format("/mark{:x}", zxid.ToWire());
}

// Their ids follow those of the znodes of all transactions.
int64_t MarkId(zab::Zxid zxid) { return (int64_t{1} << 46) + zxid.ToWire(); }

std::string NodeRecord(std::string_view path, std::string_view data,
                       int64_t id) {
  constexpr std::string_view kNoAcls("\0\0\0\0", 4);
  std::string record;
  jute::Write(
      jute::CheckpointNode{
          .path = path, .data = data, .acl = kNoAcls, .id = id},
      &record);
  return record;
}

// Takes the transactions out of a checkpoint, which must be whole.
absl::Status TakeCheckpoint(const CheckpointHead& head, CheckpointSource source,
                            std::vector<zab::Txn>* loaded) {
  std::vector<std::string> marks;
  while (true) {
    ASSIGN_OR_RETURN(const std::string records, source());
    if (records.empty()) {
      break;
    }
    jute::InputArchive in(records);
    while (in.remaining() > 0) {
      jute::CheckpointNode node;
      CHECK(jute::Read(in, &node));
      if (node.path.starts_with("/mark")) {
        marks.emplace_back(node.path);
      } else {
        loaded->push_back({PayloadZxid(node.data), std::string(node.data)});
      }
    }
  }
  const bool is_whole = !loaded->empty() && loaded->back().zxid == head.zxid &&
                        marks == std::vector{MarkName(head.zxid)};
  return is_whole
             ? absl::OkStatus()
             : absl::InternalError(fmt::format(
                   "the checkpoint 0x{:x} has {} transactions, marks: {}",
                   head.zxid.ToWire(), loaded->size(), fmt::join(marks, " ")));
}

absl::Status LoadInto(Storage& storage, std::vector<zab::Txn>* loaded) {
  const auto take = [loaded](const CheckpointHead& head,
                             CheckpointSource source) {
    return TakeCheckpoint(head, source, loaded);
  };
  const auto keep = [loaded](const zab::Txn& txn) {
    loaded->push_back(txn);
    return absl::OkStatus();
  };
  const auto state = storage.Load(
      {.checkpoint = take, .snapshot = RefuseSnapshot, .txn = keep});
  RETURN_IF_ERROR(state.status());
  const zab::Zxid last = loaded->empty() ? zab::Zxid{} : loaded->back().zxid;
  return state->state_zxid == last
             ? absl::OkStatus()
             : absl::InternalError("the state has another last zxid");
}

}  // namespace

bool IsFullRun() { return Environment("PADDOCK_TEST_FULL") == "1"; }

uint64_t TestSeed() {
  const std::string seed = Environment("PADDOCK_TEST_SEED");
  return seed.empty() ? std::random_device()() : std::stoull(seed);
}

Options WorkloadOptions(const std::string& root) {
  Options options;
  options.data_dir = root + "/data";
  options.data_log_dir = root + "/log";
  options.preallocate_bytes = 400 << 10;
  options.log_bytes_max = 100 << 10;
  options.purge_retain_count = 0;
  return options;
}

absl::Status CheckHistory(const Options& options, const History& history,
                          size_t promised) {
  ASSIGN_OR_RETURN(const auto storage, Storage::Open(options));
  std::vector<zab::Txn> loaded;
  RETURN_IF_ERROR(LoadInto(*storage, &loaded));
  return Compare(loaded, history, promised);
}

struct ServerRun::Reports {
  mutable std::mutex mutex;
  std::condition_variable changed;
  uint64_t last_id = 0;
  std::vector<absl::Status> failures;
  std::vector<absl::Status> checkpoints;
  bool wrong = false;  // Something was reported after a failure, or twice
};

ServerRun::ServerRun(const Options& options, History* history, DiskModel* disk)
    : history_(history), disk_(disk), reports_(std::make_unique<Reports>()) {
  start_status_ = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(storage_, Storage::Open(options));
    std::vector<zab::Txn> loaded;
    RETURN_IF_ERROR(LoadInto(*storage_, &loaded));
    RETURN_IF_ERROR(Compare(loaded, *history, history->promised));
    history->txns.resize(loaded.size());
    history->promised = loaded.size();
    ++history->generation;
    first_index_ = loaded.size();
    return absl::OkStatus();
  }();
  if (!start_status_.ok()) {
    return;
  }
  if (disk_ != nullptr) {
    disk_->Promise(static_cast<int64_t>(history->promised));
  }
  storage_->Start(
      {.persisted =
           [this](uint64_t id) {
             std::lock_guard lock(reports_->mutex);
             reports_->wrong |=
                 !reports_->failures.empty() || id <= reports_->last_id;
             reports_->last_id = id;
             if (disk_ != nullptr) {
               disk_->Promise(static_cast<int64_t>(first_index_ + id));
             }
             reports_->changed.notify_all();
           },
       .failed =
           [this](absl::Status status) {
             std::lock_guard lock(reports_->mutex);
             reports_->wrong |= !reports_->failures.empty() || status.ok();
             reports_->failures.push_back(std::move(status));
             reports_->changed.notify_all();
           },
       .checkpoint_drained = [] {},
       .checkpointed =
           [this](absl::Status status) {
             std::lock_guard lock(reports_->mutex);
             reports_->checkpoints.push_back(std::move(status));
             reports_->changed.notify_all();
           }});
}

ServerRun::~ServerRun() {
  if (start_status_.ok()) {
    storage_->Stop();
  }
}

absl::Status ServerRun::status() const {
  std::lock_guard lock(reports_->mutex);
  return !start_status_.ok()          ? start_status_
         : reports_->failures.empty() ? absl::OkStatus()
                                      : reports_->failures.front();
}

void ServerRun::Submit(size_t count, size_t body_bytes) {
  CHECK(start_status_.ok());
  zab::Zxid zxid =
      history_->txns.empty() ? zab::Zxid{} : history_->txns.back().zxid;
  std::vector<zab::Write> writes;
  for (size_t i = 0; i < count; ++i) {
    ++zxid.counter;
    // The type makes the transactions of each generation its own.
    history_->txns.push_back(MakeTxn(zxid, body_bytes, history_->generation));
    writes.push_back({++last_id_, history_->txns.back()});
  }
  storage_->Submit(std::move(writes));
}

bool ServerRun::Await() {
  std::unique_lock lock(reports_->mutex);
  CHECK(reports_->changed.wait_for(lock, kDeadline, [this] {
    return reports_->last_id == last_id_ || !reports_->failures.empty();
  })) << "neither persisted nor failed";
  history_->promised = first_index_ + reports_->last_id;
  return reports_->failures.empty();
}

absl::Status ServerRun::Checkpoint() {
  CHECK_EQ(history_->promised, history_->txns.size());
  const zab::Zxid zxid = history_->txns.back().zxid;
  // Nothing of what an earlier run may have written is known here.
  storage_->BeginCheckpoint(
      {.zxid = zxid,
       .has_all_nodes = !last_checkpoint_,
       .deleted_ids =
           std::make_shared<const std::vector<int64_t>>(failed_marks_)});
  size_t first = 0;
  if (last_checkpoint_) {
    first = *last_checkpoint_;
  }
  for (size_t i = first; i < history_->txns.size(); ++i) {
    const zab::Txn& txn = history_->txns[i];
    storage_->AddToCheckpoint(
        NodeRecord(NodeName(txn.zxid), txn.bytes, txn.zxid.ToWire()));
  }
  storage_->AddToCheckpoint(NodeRecord(MarkName(zxid), "", MarkId(zxid)));
  storage_->FinishCheckpoint();
  storage_->Purge();
  failed_marks_.push_back(MarkId(zxid));  // To go with the next one

  std::unique_lock lock(reports_->mutex);
  ++checkpoints_;
  CHECK(reports_->changed.wait_for(lock, kDeadline, [this] {
    return reports_->checkpoints.size() == checkpoints_;
  })) << "no word of the checkpoint";
  const absl::Status status = reports_->checkpoints.back();
  if (status.ok()) {
    last_checkpoint_ = history_->txns.size();
    failed_marks_ = {MarkId(zxid)};
  }
  return status;
}

uint64_t ServerRun::promised() const {
  std::lock_guard lock(reports_->mutex);
  return reports_->last_id;
}

absl::Status ServerRun::Stop() {
  RETURN_IF_ERROR(start_status_);
  if (!status().ok()) {
    Write(3, 10);  // After a failure nothing is promised
  }
  storage_->Stop();
  std::lock_guard lock(reports_->mutex);
  if (reports_->wrong) {
    return absl::InternalError("a report after a failure, or in disorder");
  }
  return reports_->failures.empty() ? absl::OkStatus()
                                    : reports_->failures.front();
}

absl::Status RunWorkload(const Options& options, History* history,
                         DiskModel* disk, int runs, bool checkpoints) {
  struct Batch {
    size_t count;
    size_t body_bytes;
  };
  constexpr Batch kBatches[] = {{1, 0},    {3, 100},  {1, 700},   {40, 30},
                                {10, 900}, {1, 5000}, {2, 30000}, {1, 480},
                                {90, 500}, {1, 20},   {5, 1500},  {1, 150000},
                                {1, 50},   {7, 333},  {1, 90000}, {2, 64}};
  for (int run = 0; run < runs; ++run) {
    ServerRun server(options, history, disk);
    RETURN_IF_ERROR(server.status());
    for (size_t i = 0; i < std::size(kBatches); ++i) {
      if (!server.Write(kBatches[i].count, kBatches[i].body_bytes)) {
        break;
      }
      if (checkpoints && i % 3 == 2) {
        (void)server.Checkpoint();  // Whose failure costs nothing
      }
    }
    RETURN_IF_ERROR(server.Stop());
  }
  return absl::OkStatus();
}

}  // namespace paddock::storage
