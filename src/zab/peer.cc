#include "zab/peer.h"

#include <limits>
#include <utility>

#include "base/check.h"

namespace paddock::zab {

Peer::Peer(const DurableState& state)
    : last_proposed_(state.last_zxid), last_committed_(state.last_zxid) {}

Zxid Peer::NextZxid() const {
  if (last_proposed_.counter == std::numeric_limits<uint32_t>::max()) {
    return {last_proposed_.epoch + 1, 1};
  }
  return {last_proposed_.epoch, last_proposed_.counter + 1};
}

void Peer::Propose(Txn txn) {
  CHECK_EQ(txn.zxid, NextZxid());
  last_proposed_ = txn.zxid;
  const uint64_t write_id = ++last_write_id_;
  ready_.writes.push_back({write_id, txn});
  outstanding_.push_back({write_id, std::move(txn)});
}

void Peer::Step(const Persisted& event) {
  CHECK_GT(event.write_id, persisted_write_id_);
  CHECK_LE(event.write_id, last_write_id_);
  persisted_write_id_ = event.write_id;
  while (!outstanding_.empty() &&
         outstanding_.front().write_id <= persisted_write_id_) {
    Txn txn = std::move(outstanding_.front().txn);
    outstanding_.pop_front();
    CHECK_GT(txn.zxid, last_committed_);
    last_committed_ = txn.zxid;
    ready_.committed.push_back(std::move(txn));
  }
}

Ready Peer::TakeReady() { return std::exchange(ready_, Ready()); }

}  // namespace paddock::zab
