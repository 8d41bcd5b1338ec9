// A Peer is one member of a Zab ensemble, written as a deterministic state
// machine.  It decides in what order transactions are proposed and when they
// are committed; what they say is none of its business.  Start here.
//
// Today the ensemble has one member, which is its own quorum: a transaction is
// committed as soon as it is durable here.  As a standalone Java server does,
// it goes on in the epoch of its last transaction (zab-and-disk.md 1.1).
//
// The owner calls Propose() and Step() and carries out what TakeReady()
// returns.  No I/O, no clock, no randomness.  Not thread-safe.

#ifndef PADDOCK_ZAB_PEER_H_
#define PADDOCK_ZAB_PEER_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "zab/write.h"
#include "zab/zxid.h"

namespace paddock::zab {

// This write and all before it are durable.
struct Persisted {
  uint64_t write_id = 0;
};

// What the owner must do next.
struct Ready {
  std::vector<Write> writes;   // Keep the order, then report Persisted
  std::vector<Txn> committed;  // Apply in this order
};

class Peer {
 public:
  // Resumes from what storage held when it was opened.
  explicit Peer(const DurableState& state);

  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // The zxid that the next proposal will get.  When the counter of an epoch is
  // used up, the next epoch begins at counter 1.
  Zxid NextZxid() const;

  // Orders `txn` after all earlier proposals.
  // REQUIRES: txn.zxid == NextZxid()
  void Propose(Txn txn);

  // REQUIRES: the write was issued, and is later than the last one reported.
  void Step(const Persisted& event);

  // Returns the work that has accumulated since the last call.
  Ready TakeReady();

  Zxid last_proposed() const { return last_proposed_; }
  Zxid last_committed() const { return last_committed_; }

 private:
  struct Proposal {
    uint64_t write_id;
    Txn txn;
  };

  Zxid last_proposed_;
  Zxid last_committed_;
  uint64_t last_write_id_ = 0;
  uint64_t persisted_write_id_ = 0;
  std::deque<Proposal> outstanding_;  // Proposed, not yet committed
  Ready ready_;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_PEER_H_
