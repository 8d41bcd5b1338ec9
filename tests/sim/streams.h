// Streams: what leaders send to learners, and what these acknowledge.  Within
// each run of a link the order is checked (zab-and-disk.md 3.5, 11.3, 11.4):
// no transaction or commit is left out, repeated or out of place, none is sent
// uncommitted before NEWLEADER or committed between that and UPTODATE, and each
// proposal is acknowledged in its turn.  Links are FIFO, so what is in order
// when sent is so when handled: violations have the names of the flags that the
// models raise then (invariants.h).

#ifndef PADDOCK_TESTS_SIM_STREAMS_H_
#define PADDOCK_TESTS_SIM_STREAMS_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/ids.h"
#include "sim/disk.h"
#include "zab/message.h"

namespace paddock::sim {

class Streams {
 public:
  // A message leaves `from`, which has `durable` on its disk.  Returns what is
  // wrong with it.
  std::optional<std::string> Sent(ServerId from, const zab::Envelope& envelope,
                                  const Disk::Contents& durable);

 private:
  // From one leader to one learner, since LEADERINFO.
  struct Stream {
    // The learner's last transaction, once ACKEPOCH says so.
    std::optional<zab::Zxid> told;
    bool is_synchronizing = false;         // DIFF, TRUNC or SNAP is sent
    zab::Zxid last;                        // What it has after all that is sent
    zab::Zxid committed;                   // The same of commits
    std::optional<zab::Zxid> initial;      // `last` when NEWLEADER was sent
    std::deque<zab::Zxid> unacknowledged;  // What was proposed after that
    bool is_acknowledged = false;          // ACK(NEWLEADER) was sent
    bool is_up_to_date = false;            // UPTODATE is sent
  };

  static std::optional<std::string> FromLeader(Stream& stream,
                                               const zab::Message& message);
  static std::optional<std::string> FromLearner(Stream& stream,
                                                const zab::Message& message,
                                                const Disk::Contents& durable);

  // By leader and learner.
  std::map<std::pair<ServerId, ServerId>, Stream> streams_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_STREAMS_H_
