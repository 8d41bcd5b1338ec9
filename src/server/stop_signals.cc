#include "server/stop_signals.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace paddock::server {
namespace {

// All that a signal handler may touch.  Never closed: a signal may come at any
// time.
std::atomic<int> event_fd = -1;
std::atomic<int> signal_count = 0;
std::atomic<int> listener_count = 0;

void OnSignal(int signal) {
  const int saved = errno;
  if (listener_count == 0) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  ++signal_count;
  const uint64_t one = 1;
  const ssize_t ignored = write(event_fd, &one, sizeof one);
  static_cast<void>(ignored);
  errno = saved;
}

}  // namespace

StopSignals::StopSignals(net::EventLoop* loop, std::function<void()> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)), count_seen_(signal_count) {
  if (event_fd < 0) {
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  CHECK(event_fd >= 0 && loop_->Watch(event_fd, this)) << std::strerror(errno);
  ++listener_count;
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT}) {
    CHECK_EQ(sigaction(signal, &action, nullptr), 0);
  }
}

StopSignals::~StopSignals() {
  --listener_count;
  loop_->Forget(this);
}

void StopSignals::OnReady(net::Readiness) {
  if (std::exchange(count_seen_, signal_count) != signal_count) {
    on_signal_();
  }
}

}  // namespace paddock::server
