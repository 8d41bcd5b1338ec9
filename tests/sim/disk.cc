#include "sim/disk.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/status_macros.h"
#include "sim/torn_log.h"

namespace paddock::sim {

// As many as a log of a busy member appends at once, and no more than takes no
// time to read back.
constexpr size_t kTornMax = 32;
constexpr int kWaysToTear = 4;
constexpr size_t kSyncedMax = 3;

bool Disk::Contents::Has(zab::Zxid zxid) const {
  const auto it = std::lower_bound(
      log.begin(), log.end(), zxid,
      [](const zab::Txn& txn, zab::Zxid z) { return txn.zxid < z; });
  return zxid <= state.zxid || (it != log.end() && it->zxid == zxid);
}

void Disk::Submit(std::vector<zab::Write> writes) {
  std::move(writes.begin(), writes.end(), std::back_inserter(waiting_));
  StartBatch();
}

void Disk::StartBatch() {
  if (!batch_.empty() || waiting_.empty()) {
    return;
  }
  batch_.assign(std::make_move_iterator(waiting_.begin()),
                std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  const Micros start = std::max(queue_.now(), stalled_until_);
  const Micros done = start + options_.latency_min +
                      static_cast<Micros>(random_.Below(static_cast<uint64_t>(
                          options_.latency_max - options_.latency_min + 1)));
  queue_.At(done, [this, life = life_] {
    if (life != life_) {
      return;
    }
    if (std::exchange(fails_, false)) {
      failed_();
      return;
    }
    for (const zab::Write& write : batch_) {
      Apply(write);
    }
    const uint64_t last = batch_.back().id;
    batch_.clear();
    StartBatch();
    persisted_(last);
  });
}

void Disk::Apply(const zab::Write& write) {
  std::visit(
      [this](const auto& body) {
        using Type = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Type, zab::Txn>) {
          CHECK_GT(body.zxid, durable_.last_zxid());
          durable_.log.push_back(body);
        } else if constexpr (std::is_same_v<Type, zab::Snapshot>) {
          durable_.state = body;
          durable_.state_is_committed = false;
          durable_.log.clear();
        } else if constexpr (std::is_same_v<Type, zab::TruncateAfter>) {
          CHECK_GE(body.zxid, durable_.state.zxid);
          while (!durable_.log.empty() &&
                 durable_.log.back().zxid > body.zxid) {
            durable_.log.pop_back();
          }
        } else if constexpr (std::is_same_v<Type, zab::SetAcceptedEpoch>) {
          CHECK_GT(body.epoch, durable_.accepted_epoch);
          durable_.accepted_epoch = body.epoch;
        } else {
          CHECK_GT(body.epoch, durable_.current_epoch);
          CHECK_LE(body.epoch, durable_.accepted_epoch);
          durable_.current_epoch = body.epoch;
        }
      },
      write.body);
}

void Disk::Checkpoint(zab::Snapshot state) {
  if (state.zxid <= durable_.state.zxid) {
    return;
  }
  CHECK(durable_.Has(state.zxid));
  std::erase_if(durable_.log,
                [&](const zab::Txn& txn) { return txn.zxid <= state.zxid; });
  durable_.state = std::move(state);
  durable_.state_is_committed = true;
}

// Recovers from each of several crashes that may have been; the last one was.
absl::Status Disk::ApplyTorn(const std::vector<zab::Txn>& txns) {
  const std::vector<zab::Txn>& log = durable_.log;
  const size_t first = log.size() - std::min(log.size(), kSyncedMax);
  const std::vector<zab::Txn> synced(
      log.begin() + static_cast<std::ptrdiff_t>(first), log.end());
  const zab::Zxid start =
      first == 0 ? durable_.state.zxid : log[first - 1].zxid;
  std::vector<zab::Txn> found;
  for (int way = 0; way < kWaysToTear; ++way) {
    ASSIGN_OR_RETURN(found, TearLog(start, synced, txns, random_));
    for (size_t i = 0; i < std::max(found.size(), synced.size()); ++i) {
      const size_t in_batch = i - synced.size();
      const bool is_right =
          i < found.size() &&
          (i < synced.size()
               ? found[i] == synced[i]
               : in_batch < txns.size() && found[i] == txns[in_batch]);
      if (!is_right) {
        return absl::DataLossError("a torn log is recovered wrongly");
      }
    }
  }
  for (size_t i = synced.size(); i < found.size(); ++i) {
    durable_.log.push_back(found[i]);
  }
  return absl::OkStatus();
}

absl::Status Disk::Crash() {
  ++life_;
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(batch_));
  waiting_.clear();
  const size_t kept = batch_.empty() ? 0 : random_.Below(batch_.size() + 1);
  for (size_t i = 0; i < kept; ++i) {
    Apply(batch_[i]);
  }
  std::vector<zab::Txn> torn;
  for (size_t i = kept; i < batch_.size() && torn.size() < kTornMax; ++i) {
    if (!std::holds_alternative<zab::Txn>(batch_[i].body)) {
      break;
    }
    torn.push_back(batch_[i].txn());
  }
  batch_.clear();
  stalled_until_ = 0;
  return torn.empty() || random_.Chance(1, 2) ? absl::OkStatus()
                                              : ApplyTorn(torn);
}

}  // namespace paddock::sim
