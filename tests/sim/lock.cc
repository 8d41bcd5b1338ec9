#include "sim/lock.h"

#include <fmt/format.h>

#include <algorithm>

namespace paddock::sim {
namespace {

using jute::OpCode;

std::string Prefix(int64_t session) {
  return fmt::format("{:x}-", static_cast<uint64_t>(session));
}

std::string_view Number(std::string_view name) {
  return name.substr(name.size() - 10);
}

}  // namespace

std::optional<Request> Lock::Next(int64_t session) {
  if (is_asking_ || phase_ == Phase::kWaits) {
    return std::nullopt;
  }
  is_asking_ = true;
  switch (phase_) {
    case Phase::kOut:
      return Request{.op = OpCode::kCreate,
                     .path = fmt::format("{}/{}", kLocks, Prefix(session)),
                     .flags = 3};
    case Phase::kBehind:
      return Request{.op = OpCode::kExists, .path = in_front_, .watches = true};
    case Phase::kHolds:
      return Request{.op = OpCode::kDelete, .path = mine_};
    default:
      return Request{.op = OpCode::kGetChildren, .path = std::string(kLocks)};
  }
}

bool Lock::OnReply(const Request& request, Error error,
                   const std::string& created,
                   std::vector<std::string> children, int64_t session) {
  is_asking_ = false;
  switch (request.op) {
    case OpCode::kCreate:
      mine_ = created;
      phase_ = error == Error::kOk ? Phase::kQueued : Phase::kOut;
      return false;
    case OpCode::kExists:
      phase_ = error == Error::kOk ? Phase::kWaits : Phase::kQueued;
      return false;
    case OpCode::kDelete:
      phase_ = Phase::kOut;
      return false;
    default:
      break;
  }
  std::sort(children.begin(), children.end(),
            [](const std::string& a, const std::string& b) {
              return Number(a) < Number(b);
            });
  const auto own = std::find_if(children.begin(), children.end(),
                                [&](const std::string& name) {
                                  return name.starts_with(Prefix(session));
                                });
  if (own == children.end()) {
    phase_ = Phase::kOut;
    return false;
  }
  mine_ = fmt::format("{}/{}", kLocks, *own);
  if (own == children.begin()) {
    phase_ = Phase::kHolds;
    return true;
  }
  in_front_ = fmt::format("{}/{}", kLocks, *(own - 1));
  phase_ = Phase::kBehind;
  return false;
}

void Lock::OnEvent(const std::string& path) {
  if (phase_ == Phase::kWaits && path == in_front_) {
    phase_ = Phase::kQueued;
  }
}

void Lock::OnDisconnect() {
  if (is_asking_) {
    is_asking_ = false;
    phase_ = Phase::kUnsure;
  }
}

}  // namespace paddock::sim
