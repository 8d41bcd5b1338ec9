// History: the transactions of one member from the oldest that it still has in
// memory to the newest that it was told to log, and how far they are durable
// and committed.  Decides how a learner's history becomes equal to this one.
//
// A zxid stands for all that led to it: two members that both have
// transaction Z agree on everything before Z, as each follower of an epoch
// took over its leader's history first (Zab paper, section 3.2).

#ifndef PADDOCK_ZAB_HISTORY_H_
#define PADDOCK_ZAB_HISTORY_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "zab/write.h"
#include "zab/zxid.h"

namespace paddock::zab {

// How a learner's history is made equal, up to some zxid.  After a snapshot or
// the truncation come the transactions after `from`.
struct SyncPlan {
  enum class Kind { kDiff, kTrunc, kSnap };
  Kind kind = Kind::kSnap;
  Zxid from;
};

class History {
 public:
  // Keeps committed transactions while there are at most `count_min` of them,
  // or they take at most `bytes_max`.
  History(const DurableState& state, size_t count_min, size_t bytes_max);

  History(const History&) = delete;
  History& operator=(const History&) = delete;

  Zxid last_logged() const { return last_logged_; }
  // 0:0 as long as nothing is known.
  Zxid last_committed() const { return last_committed_; }

  // Of the last transaction of the log that is durable.
  Zxid last_persisted() const { return last_persisted_; }

  // The write that the newest part of the history waits for.
  uint64_t last_write_id() const { return last_write_id_; }

  // Whether `zxid` may follow the last one logged: the next counter, or the
  // first of a later epoch.
  bool IsNext(Zxid zxid) const;

  // REQUIRES: IsNext(txn.zxid)
  void Append(Txn txn, uint64_t write_id);

  // Whether the log can end at `zxid`: it is in memory and not below what is
  // committed.
  bool CanTruncateAfter(Zxid zxid) const;

  // REQUIRES: CanTruncateAfter(zxid)
  void TruncateAfter(Zxid zxid, uint64_t write_id);

  // Replaces everything.  The state is handed out once it, and all that was
  // committed before, is committed.
  void Install(Snapshot snapshot, uint64_t write_id);

  void MarkPersisted(uint64_t write_id);

  // Marks everything up to `zxid` as committed, and passes it on in order.
  // REQUIRES: last_committed() <= zxid <= last_logged(), and it is in memory
  void Commit(Zxid zxid, std::optional<Snapshot>* install,
              std::vector<Txn>* committed);

  // Whether `zxid` is a place in this history: that of a transaction in
  // memory, or the one just before the first of them.
  bool Contains(Zxid zxid) const;

  // How a learner whose last transaction is `peer` gets equal to this history
  // up to `through`, which is in memory.
  SyncPlan PlanSync(Zxid peer, Zxid through, bool may_truncate) const;

  // Calls `visit` with the transactions after `from` up to `through`.
  // REQUIRES: Contains(from)
  void ForEach(Zxid from, Zxid through,
               absl::FunctionRef<void(const Txn&)> visit) const;

  // A snapshot that was received and is not committed yet.
  const std::optional<Snapshot>& pending_state() const { return state_; }

  void CheckInvariants() const;

 private:
  struct Entry {
    Txn txn;
    uint64_t write_id = 0;
  };

  // The first entry after `zxid`.
  size_t IndexAfter(Zxid zxid) const;
  void Trim();

  const size_t count_min_;
  const size_t bytes_max_;
  Zxid base_;  // Of what came just before entries_
  std::deque<Entry> entries_;
  size_t committed_ = 0;  // So many of entries_ are committed
  size_t persisted_ = 0;
  size_t bytes_ = 0;
  std::optional<Snapshot> state_;  // At base_, until it is committed
  uint64_t state_write_id_ = 0;
  Zxid last_logged_;
  Zxid last_committed_;
  Zxid last_persisted_;
  uint64_t last_write_id_ = 0;
  uint64_t persisted_write_id_ = 0;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_HISTORY_H_
