// Virtual time: what will happen, in the order of when, then of who came first.

#ifndef PADDOCK_TESTS_SIM_EVENT_QUEUE_H_
#define PADDOCK_TESTS_SIM_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/check.h"

namespace paddock::sim {

// Microseconds of virtual time since the start.
using Micros = int64_t;

class EventQueue {
 public:
  Micros now() const { return now_; }

  void At(Micros when, std::function<void()> action) {
    CHECK_GE(when, now_);
    events_.push({when, next_++, std::move(action)});
  }
  void In(Micros delay, std::function<void()> action) {
    At(now_ + delay, std::move(action));
  }

  bool empty() const { return events_.empty(); }
  Micros next() const { return events_.top().when; }

  void RunOne() {
    // The queue gives only const access to its top.
    std::function<void()> action =
        std::move(const_cast<Event&>(events_.top()).action);
    now_ = events_.top().when;
    events_.pop();
    ++count_;
    action();
  }

  uint64_t count() const { return count_; }

 private:
  struct Event {
    Micros when;
    uint64_t order;
    std::function<void()> action;

    bool operator<(const Event& other) const {
      return std::pair(when, order) > std::pair(other.when, other.order);
    }
  };

  std::priority_queue<Event> events_;
  Micros now_ = 0;
  uint64_t next_ = 0;
  uint64_t count_ = 0;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_EVENT_QUEUE_H_
