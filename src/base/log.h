// The process's log: one line an event, to stderr and, when configured, to a
// rotated file.  Lines that a client can provoke go through a LogLimit.
//
//   log::Info("serving clients on {}", address);
//
// Nothing secret is logged: no passwords, no digests of them, no node data.
// Thread-safe.

#ifndef PADDOCK_BASE_LOG_H_
#define PADDOCK_BASE_LOG_H_

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace paddock::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

struct Options {
  Level level = Level::kInfo;
  std::string file;  // Empty: stderr only
  int64_t file_bytes_max = 64 << 20;
  int file_count_max = 5;
};

// Applies `options` to all later lines.  Before the first call lines of level
// kInfo and above go to stderr.  Errors: the file cannot be opened.
absl::Status Configure(const Options& options);

// Sends all later lines to `sink` instead; an empty one restores stderr.
void CaptureForTest(std::function<void(Level, std::string_view)> sink);

bool Enabled(Level level);
void Write(Level level, std::string_view line);

template <class... Args>
void Debug(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kDebug)) {
    Write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}

template <class... Args>
void Info(fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void Warning(fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void Error(fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace paddock::log

namespace paddock {

// Lets at most `burst` lines pass in each `period` and counts the others.  The
// owner passes the time, so that it may be used where no clock is read.
// Not thread-safe.
class LogLimit {
 public:
  explicit LogLimit(int burst = 10, absl::Duration period = absl::Seconds(10))
      : burst_(burst), period_(period) {}

  // Whether a line may be written at `now` (monotonic).
  bool Allow(absl::Duration now);

  // What to end the next line with: how many were refused since the last call,
  // in brackets, or nothing.
  std::string TakeSuppressedText();

 private:
  const int burst_;
  const absl::Duration period_;
  absl::Duration period_start_ = -absl::InfiniteDuration();
  int passed_ = 0;
  int64_t suppressed_ = 0;
};

}  // namespace paddock

#endif  // PADDOCK_BASE_LOG_H_
