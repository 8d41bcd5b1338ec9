#include "zab/history.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace paddock::zab {

History::History(const DurableState& state, size_t count_min, size_t bytes_max)
    : count_min_(count_min),
      bytes_max_(bytes_max),
      base_(state.state_zxid),
      last_logged_(base_),
      last_committed_(state.state_is_committed ? base_ : Zxid()),
      last_persisted_(base_) {
  for (const Txn& txn : state.log) {
    Append(txn, 0);
  }
  MarkPersisted(0);
}

bool History::IsNext(Zxid zxid) const {
  return zxid.epoch == last_logged_.epoch
             ? zxid.counter == uint64_t{last_logged_.counter} + 1
             : zxid.epoch > last_logged_.epoch && zxid.counter == 1;
}

void History::Append(Txn txn, uint64_t write_id) {
  CHECK_GT(txn.zxid, last_logged_);
  CHECK_GE(write_id, last_write_id_);
  last_logged_ = txn.zxid;
  last_write_id_ = write_id;
  bytes_ += txn.bytes.size();
  entries_.push_back({std::move(txn), write_id});
}

bool History::CanTruncateAfter(Zxid zxid) const {
  return zxid >= last_committed_ && Contains(zxid);
}

void History::TruncateAfter(Zxid zxid, uint64_t write_id) {
  CHECK(CanTruncateAfter(zxid)) << zxid;
  CHECK_GT(write_id, last_write_id_);
  const size_t kept = IndexAfter(zxid);
  CHECK_GE(kept, committed_);
  while (entries_.size() > kept) {
    bytes_ -= entries_.back().txn.bytes.size();
    entries_.pop_back();
  }
  persisted_ = std::min(persisted_, kept);
  last_persisted_ = std::min(last_persisted_, zxid);
  last_logged_ = zxid;
  last_write_id_ = write_id;
}

void History::Install(Snapshot snapshot, uint64_t write_id) {
  CHECK_GT(write_id, last_write_id_);
  entries_.clear();
  committed_ = 0;
  persisted_ = 0;
  bytes_ = 0;
  base_ = snapshot.zxid;
  last_logged_ = base_;
  last_persisted_ = std::min(last_persisted_, base_);
  state_ = std::move(snapshot);
  state_write_id_ = write_id;
  last_write_id_ = write_id;
}

void History::MarkPersisted(uint64_t write_id) {
  persisted_write_id_ = write_id;
  if (state_write_id_ <= write_id) {
    last_persisted_ = std::max(last_persisted_, base_);
  }
  while (persisted_ < entries_.size() &&
         entries_[persisted_].write_id <= write_id) {
    last_persisted_ = entries_[persisted_].txn.zxid;
    ++persisted_;
  }
}

void History::Commit(Zxid zxid, std::optional<Snapshot>* install,
                     std::vector<Txn>* committed) {
  CHECK_GE(zxid, last_committed_);
  CHECK(Contains(zxid)) << zxid;
  if (state_.has_value()) {
    *install = std::exchange(state_, std::nullopt);
    committed->clear();  // All of them are part of that state
  }
  const bool keeps = count_min_ > 0;
  for (; committed_ < entries_.size() && entries_[committed_].txn.zxid <= zxid;
       ++committed_) {
    Txn& txn = entries_[committed_].txn;
    if (keeps) {
      committed->push_back(txn);
    } else {
      bytes_ -= txn.bytes.size();
      committed->push_back({txn.zxid, std::move(txn.bytes)});
      txn.bytes.clear();
    }
  }
  last_committed_ = zxid;
  Trim();
}

void History::Trim() {
  // What is not durable yet is kept for its write id.
  const size_t droppable = std::min(committed_, persisted_);
  size_t dropped = 0;
  while (dropped < droppable && committed_ - dropped > count_min_ &&
         (count_min_ == 0 || bytes_ > bytes_max_)) {
    bytes_ -= entries_.front().txn.bytes.size();
    base_ = entries_.front().txn.zxid;
    entries_.pop_front();
    ++dropped;
  }
  committed_ -= dropped;
  persisted_ -= dropped;
}

size_t History::IndexAfter(Zxid zxid) const {
  return static_cast<size_t>(
      std::upper_bound(
          entries_.begin(), entries_.end(), zxid,
          [](Zxid z, const Entry& entry) { return z < entry.txn.zxid; }) -
      entries_.begin());
}

bool History::Contains(Zxid zxid) const {
  const size_t after = IndexAfter(zxid);
  return zxid == (after == 0 ? base_ : entries_[after - 1].txn.zxid);
}

SyncPlan History::PlanSync(Zxid peer, Zxid through, bool may_truncate) const {
  using Kind = SyncPlan::Kind;
  CHECK(Contains(through)) << through;
  // With a snapshot that is not committed, no transaction before it is known.
  if (Contains(peer) && peer <= through) {
    return {Kind::kDiff, peer};
  }
  if (peer < base_ || peer.counter == 0) {
    return {Kind::kSnap};
  }
  // The last place of this history at or below the learner's: equal up to
  // there only if both are of one epoch.
  const size_t after = IndexAfter(std::min(peer, through));
  const Zxid common = after == 0 ? base_ : entries_[after - 1].txn.zxid;
  if (may_truncate && common.epoch == peer.epoch && common.counter > 0) {
    return {Kind::kTrunc, common};
  }
  return {Kind::kSnap};
}

void History::ForEach(Zxid from, Zxid through,
                      absl::FunctionRef<void(const Txn&)> visit) const {
  CHECK(Contains(from)) << from;
  for (size_t i = IndexAfter(from);
       i < entries_.size() && entries_[i].txn.zxid <= through; ++i) {
    visit(entries_[i].txn);
  }
}

void History::CheckInvariants() const {
  CHECK_LE(committed_, entries_.size());
  CHECK_LE(persisted_, entries_.size());
  Zxid last = base_;
  size_t bytes = 0;
  for (const Entry& entry : entries_) {
    CHECK_GT(entry.txn.zxid, last);
    CHECK(entry.txn.zxid.epoch > last.epoch
              ? entry.txn.zxid.counter == 1
              : entry.txn.zxid.counter == last.counter + 1)
        << entry.txn.zxid << " after " << last;
    last = entry.txn.zxid;
    bytes += entry.txn.bytes.size();
  }
  CHECK_EQ(last, last_logged_);
  CHECK_EQ(bytes, bytes_);
  if (committed_ > 0) {
    CHECK_EQ(last_committed_, entries_[committed_ - 1].txn.zxid);
  }
  CHECK(!state_.has_value() || (committed_ == 0 && state_->zxid == base_));
}

}  // namespace paddock::zab
