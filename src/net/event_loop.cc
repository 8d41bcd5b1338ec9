#include "net/event_loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace paddock::net {

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(epoll_.is_open() && wake_up_.is_open()) << std::strerror(errno);
  // Edge-triggered it never needs to be read.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  CHECK_EQ(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_up_.get(), &event), 0);
}

bool EventLoop::Watch(int fd, Target* target) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.ptr = target}};
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::Forget(const Target* target) {
  for (size_t i = next_; i < end_; ++i) {
    if (events_[i].data.ptr == target) {
      events_[i].data.ptr = nullptr;
    }
  }
}

void EventLoop::Wait(absl::Duration timeout, absl::Duration spin) {
  if (next_ < end_) {
    return;
  }
  constexpr int64_t kTimeoutMax = std::numeric_limits<int>::max();
  const auto timeout_ms = static_cast<int>(std::clamp(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))),
      int64_t{0}, kTimeoutMax));
  if (timeout_ms == 0 || is_woken_) {
    Ask(0);
  } else {
    const absl::Duration begin = MonotonicNow();
    const bool has_happened = spinner_.Spin(std::min(spin, timeout), [this] {
      Ask(0);
      return end_ > 0 || is_woken_;
    });
    if (!has_happened) {
      is_asleep_ = true;  // Before is_woken_ is read: see Wake()
      Ask(is_woken_ ? 0 : timeout_ms);
      is_asleep_ = false;
      spinner_.Slept(MonotonicNow() - begin);
    }
  }
  is_woken_ = false;
}

void EventLoop::Ask(int timeout_ms) {
  const int count = epoll_wait(epoll_.get(), events_.data(),
                               static_cast<int>(kEventsMax), timeout_ms);
  CHECK(count >= 0 || errno == EINTR) << std::strerror(errno);
  next_ = 0;
  end_ = static_cast<size_t>(std::max(count, 0));
}

bool EventLoop::RunOne() {
  if (MakeCalls()) {
    return true;
  }
  if (next_ == end_) {
    return false;
  }
  const epoll_event event = events_[next_++];
  if (event.data.ptr != nullptr) {
    constexpr uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    static_cast<Target*>(event.data.ptr)
        ->OnReady({.can_read = (event.events & (EPOLLIN | kEnd)) != 0,
                   .can_write = (event.events & (EPOLLOUT | kEnd)) != 0,
                   .has_ended = (event.events & kEnd) != 0});
  }
  return true;
}

bool EventLoop::MakeCalls() {
  if (!has_calls_.exchange(false)) {
    return false;
  }
  std::vector<std::function<void()>> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (const std::function<void()>& call : calls) {
    call();
  }
  return true;
}

void EventLoop::Wake() {
  // Whoever is later of the two, this or Wait(), sees what the other has set.
  if (!is_woken_.exchange(true) && is_asleep_) {
    const uint64_t one = 1;
    const ssize_t ignored = write(wake_up_.get(), &one, sizeof one);
    static_cast<void>(ignored);  // It can only be full, which wakes as well
  }
}

void EventLoop::Post(std::function<void()> call) {
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  has_calls_ = true;
  Wake();
}

}  // namespace paddock::net
