#include "zab/outbox.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"

namespace paddock::zab {
namespace {

bool IsNotification(const Envelope& envelope) {
  return std::holds_alternative<Notification>(envelope.message);
}

}  // namespace

void Outbox::Send(ServerId to, Message message) {
  ready_.messages.push_back({to, std::move(message)});
}

void Outbox::SendOnceDurable(uint64_t write_id, ServerId to, Message message) {
  CHECK_LE(write_id, last_write_id_);
  Envelope envelope{to, std::move(message)};
  if (IsNotification(envelope)) {
    // Only the newest one counts.
    std::erase_if(held_, [&](const Held& held) {
      return held.envelope.to == to && IsNotification(held.envelope);
    });
  }
  if (IsDurable(write_id)) {
    ready_.messages.push_back(std::move(envelope));
    return;
  }
  const auto place = std::upper_bound(
      held_.begin(), held_.end(), write_id,
      [](uint64_t id, const Held& held) { return id < held.write_id; });
  held_.insert(place, {write_id, std::move(envelope)});
}

void Outbox::HangUp(ServerId to) {
  ForgetQuorumLink(to);
  ready_.hang_ups.push_back(to);
}

void Outbox::ForgetQuorumLink(ServerId to) {
  std::erase_if(held_, [&](const Held& held) {
    return held.envelope.to == to && !IsNotification(held.envelope);
  });
}

void Outbox::Persisted(uint64_t write_id) {
  CHECK_GT(write_id, persisted_write_id_);
  CHECK_LE(write_id, last_write_id_);
  persisted_write_id_ = write_id;
  while (!held_.empty() && held_.front().write_id <= write_id) {
    ready_.messages.push_back(std::move(held_.front().envelope));
    held_.pop_front();
  }
}

}  // namespace paddock::zab
