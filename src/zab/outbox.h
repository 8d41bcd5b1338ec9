// Outbox: all that a Peer wants done.  It holds back each message that
// promises something about stable storage until the write is durable, so that
// its owner may send what it is given at once.

#ifndef PADDOCK_ZAB_OUTBOX_H_
#define PADDOCK_ZAB_OUTBOX_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/ids.h"
#include "zab/message.h"
#include "zab/write.h"

namespace paddock::zab {

// A message for the server above: a request, a touch, an answer to one of its
// questions.
struct Delivery {
  ServerId from{0};
  Message message;
};

// What the owner must do next, in the order of the fields.
struct Ready {
  std::vector<Write> writes;        // Keep the order, then report Persisted
  std::optional<Snapshot> install;  // Replaces the state
  std::vector<Txn> committed;       // Apply in this order, after `install`
  // Keep the order for each destination.  Pings get their touched sessions,
  // and snapshots their state, from the owner.
  std::vector<Envelope> messages;
  std::vector<ServerId> hang_ups;    // Close these quorum links after sending
  std::vector<Delivery> deliveries;  // After what is committed
  // Of this member's Sync()s that may be answered: each once everything up to
  // there is applied.
  std::vector<Zxid> syncs;
};

class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Returns the id of the write.
  template <class Body>
  uint64_t Store(Body body) {
    ready_.writes.push_back({++last_write_id_, std::move(body)});
    return last_write_id_;
  }

  // Overtakes messages to `to` that are held back.
  void Send(ServerId to, Message message);

  // Sends it once `write_id` is durable, after all that wait for earlier ones.
  void SendOnceDurable(uint64_t write_id, ServerId to, Message message);

  void HangUp(ServerId to);

  // The link is gone, and with it what was held back for it.
  void ForgetQuorumLink(ServerId to);

  void Persisted(uint64_t write_id);

  bool IsDurable(uint64_t write_id) const {
    return write_id <= persisted_write_id_;
  }
  uint64_t last_write_id() const { return last_write_id_; }
  uint64_t persisted_write_id() const { return persisted_write_id_; }

  Ready& ready() { return ready_; }

 private:
  struct Held {
    uint64_t write_id;
    Envelope envelope;
  };

  Ready ready_;
  std::deque<Held> held_;
  uint64_t last_write_id_ = 0;
  uint64_t persisted_write_id_ = 0;
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_OUTBOX_H_
