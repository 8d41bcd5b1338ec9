// SIGTERM and SIGINT, as events of an EventLoop.

#ifndef PADDOCK_SERVER_STOP_SIGNALS_H_
#define PADDOCK_SERVER_STOP_SIGNALS_H_

#include <functional>

#include "net/event_loop.h"

namespace paddock::server {

// While one of these lives, the signals do not end the process.
class StopSignals final : private net::EventLoop::Target {
 public:
  // Calls `on_signal` on the thread of `loop` after a signal.  `loop` outlives
  // this, and is not run after it.
  StopSignals(net::EventLoop* loop, std::function<void()> on_signal);
  ~StopSignals();

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  // net::EventLoop::Target:
  void OnReady(net::Readiness readiness) override;

  net::EventLoop* const loop_;
  const std::function<void()> on_signal_;
  int count_seen_;
};

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_STOP_SIGNALS_H_
