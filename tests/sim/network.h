// A network of FIFO links between members, with latency, cuts in one direction
// or both, and breaks that each side notices in its own time.
//
// Election messages are lost where there is a cut.  What is sent on a quorum
// link waits for the end of the cut, or for the break of the link.

#ifndef PADDOCK_TESTS_SIM_NETWORK_H_
#define PADDOCK_TESTS_SIM_NETWORK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/ids.h"
#include "base/random.h"
#include "sim/event_queue.h"
#include "zab/message.h"

namespace paddock::sim {

class Network {
 public:
  struct Options {
    Micros latency_min = 50;
    Micros latency_max = 500;
    // A connection that cannot be opened fails after so long.
    Micros connect_timeout = 1'000'000;
    // One end of a broken link hears of it within this time.
    Micros break_notice_max = 200'000;
  };
  // What happens at a member, once it gets to it: `in_turn` runs what it is
  // given at once, or in order after a pause, and never after a crash.
  struct Endpoint {
    std::function<void(std::function<void()>)> in_turn;
    std::function<void(ServerId from, zab::Message)> receive;
    std::function<void(ServerId from)> link_lost;
  };

  Network(EventQueue& queue, Random& random, const Options& options)
      : queue_(queue), random_(random), options_(options) {}

  // A member comes up; what was under way to it before is gone.
  void Attach(ServerId id, Endpoint endpoint);
  // It went away: a crash breaks its links.
  void Detach(ServerId id);

  void Send(ServerId from, ServerId to, zab::Message message);
  void HangUp(ServerId from, ServerId to);

  // Faults.
  void Cut(ServerId from, ServerId to) { cuts_.insert({from, to}); }
  void Heal(ServerId from, ServerId to);
  void HealAll();
  bool IsCut(ServerId from, ServerId to) const {
    return cuts_.contains({from, to});
  }
  // Breaks the quorum link between the two, if there is one.
  void Break(ServerId a, ServerId b);
  // Likewise, but `late` hears of it as late as can be, and `other` at once.
  void BreakLate(ServerId late, ServerId other);
  // Nothing passes from one to the other until then; nothing is lost.
  void Stall(ServerId from, ServerId to, Micros until) {
    stalls_[{from, to}] = until;
  }

  // Lets `filter` drop messages; for directed tests.
  void SetFilter(
      std::function<bool(ServerId, ServerId, const zab::Message&)> filter) {
    filter_ = std::move(filter);
  }

 private:
  // One direction of a quorum link.
  struct Lane {
    std::deque<zab::Message> waiting;  // For the end of a cut
    Micros last_arrival = 0;
  };
  struct Link {
    uint64_t id = 0;
    ServerId ends[2];
    Lane lanes[2];                // From ends[i]
    bool open[2] = {true, true};  // As that member knows
    bool is_broken = false;
  };

  Link* FindLink(ServerId a, ServerId b);
  void Open(ServerId from, ServerId to, zab::Message message);
  void Accept(uint64_t id);
  void Transmit(Link& link, int from, zab::Message message);
  void Deliver(uint64_t link_id, int end, zab::Message message);
  void BreakLink(Link& link);
  void Notice(uint64_t link_id, int end, Micros delay);
  void HearOfBreak(uint64_t link_id, int end);
  void Collect(uint64_t id);
  Micros Latency();

  EventQueue& queue_;
  Random& random_;
  const Options options_;
  std::map<ServerId, Endpoint> endpoints_;
  std::map<ServerId, uint64_t> lives_;  // How often each was attached
  std::map<uint64_t, Link> links_;
  uint64_t next_link_ = 1;
  std::set<std::pair<ServerId, ServerId>> cuts_;
  std::map<std::pair<ServerId, ServerId>, Micros> stalls_;
  std::map<std::pair<ServerId, ServerId>, Micros> election_arrivals_;
  std::function<bool(ServerId, ServerId, const zab::Message&)> filter_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_NETWORK_H_
