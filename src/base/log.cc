#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <vector>

namespace paddock::log {
namespace {

constexpr char kPattern[] = "%Y-%m-%dT%H:%M:%S.%e %L %v";

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// The one piece of global state of the process: where its log goes.
struct Destination {
  Destination() { Open({std::make_shared<spdlog::sinks::stderr_sink_mt>()}); }

  void Open(std::vector<spdlog::sink_ptr> sinks) {
    logger = std::make_shared<spdlog::logger>("", sinks.begin(), sinks.end());
    logger->set_pattern(kPattern);
    logger->set_level(ToSpdlog(level));
    logger->flush_on(spdlog::level::info);
  }

  std::mutex mutex;
  Level level = Level::kInfo;
  std::shared_ptr<spdlog::logger> logger;
  std::function<void(Level, std::string_view)> capture;
};

Destination& TheDestination() {
  static Destination* const destination = new Destination;
  return *destination;
}

}  // namespace

absl::Status Configure(const Options& options) {
  std::vector<spdlog::sink_ptr> sinks = {
      std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  if (!options.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          options.file, options.file_bytes_max, options.file_count_max));
    } catch (const spdlog::spdlog_ex& e) {  // The library reports so
      return absl::FailedPreconditionError(e.what());
    }
  }
  Destination& destination = TheDestination();
  std::lock_guard lock(destination.mutex);
  destination.level = options.level;
  destination.Open(std::move(sinks));
  return absl::OkStatus();
}

void CaptureForTest(std::function<void(Level, std::string_view)> sink) {
  Destination& destination = TheDestination();
  std::lock_guard lock(destination.mutex);
  destination.capture = std::move(sink);
}

bool Enabled(Level level) {
  Destination& destination = TheDestination();
  std::lock_guard lock(destination.mutex);
  return level >= destination.level;
}

void Write(Level level, std::string_view line) {
  Destination& destination = TheDestination();
  std::lock_guard lock(destination.mutex);
  if (destination.capture) {
    destination.capture(level, line);
    return;
  }
  destination.logger->log(ToSpdlog(level),
                          spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace paddock::log

namespace paddock {

bool LogLimit::Allow(absl::Duration now) {
  if (now - period_start_ >= period_) {
    period_start_ = now;
    passed_ = 0;
  }
  if (passed_ < burst_) {
    ++passed_;
    return true;
  }
  ++suppressed_;
  return false;
}

std::string LogLimit::TakeSuppressedText() {
  const int64_t count = std::exchange(suppressed_, 0);
  return count == 0 ? "" : fmt::format(" ({} such lines left out)", count);
}

}  // namespace paddock
