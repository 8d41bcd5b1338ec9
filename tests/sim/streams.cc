#include "sim/streams.h"

#include <fmt/format.h>

#include <variant>

namespace paddock::sim {
namespace {

bool IsNext(zab::Zxid zxid, zab::Zxid last) {
  return zxid.epoch == last.epoch
             ? zxid.counter == last.counter + 1
             : zxid.epoch > last.epoch && zxid.counter == 1;
}

std::string Misplaced(const char* what, const zab::Message& message,
                      zab::Zxid after) {
  return fmt::format("{}: {} after {}:{}", what, zab::Describe(message),
                     after.epoch, after.counter);
}

}  // namespace

std::optional<std::string> Streams::Sent(ServerId from,
                                         const zab::Envelope& envelope,
                                         const Disk::Contents& durable) {
  if (std::holds_alternative<zab::LeaderInfo>(envelope.message)) {
    streams_[{from, envelope.to}] = {};
    return std::nullopt;
  }
  if (std::holds_alternative<zab::AckEpoch>(envelope.message) ||
      std::holds_alternative<zab::Ack>(envelope.message)) {
    return FromLearner(streams_[{envelope.to, from}], envelope.message,
                       durable);
  }
  if (std::holds_alternative<zab::Notification>(envelope.message) ||
      std::holds_alternative<zab::FollowerInfo>(envelope.message) ||
      std::holds_alternative<zab::Request>(envelope.message) ||
      std::holds_alternative<zab::Ping>(envelope.message)) {
    return std::nullopt;  // Learners send those too
  }
  const auto it = streams_.find({from, envelope.to});
  return it == streams_.end() ? std::nullopt
                              : FromLeader(it->second, envelope.message);
}

std::optional<std::string> Streams::FromLeader(Stream& stream,
                                               const zab::Message& message) {
  if (std::holds_alternative<zab::Diff>(message) ||
      std::holds_alternative<zab::Trunc>(message) ||
      std::holds_alternative<zab::Snap>(message)) {
    if (!stream.told.has_value() || stream.is_synchronizing) {
      return Misplaced("stateInconsistent", message, stream.last);
    }
    stream.is_synchronizing = true;
  } else if (!stream.is_synchronizing) {
    return Misplaced("messageIllegal", message, stream.last);
  }
  if (std::holds_alternative<zab::Diff>(message)) {
    stream.last = stream.committed = *stream.told;
  } else if (const auto* trunc = std::get_if<zab::Trunc>(&message)) {
    stream.last = stream.committed = trunc->zxid;
  } else if (const auto* snap = std::get_if<zab::Snap>(&message)) {
    stream.last = stream.committed = snap->zxid;
  } else if (const auto* proposal = std::get_if<zab::Proposal>(&message)) {
    if (!IsNext(proposal->zxid, stream.last)) {
      return Misplaced("proposalInconsistent", message, stream.last);
    }
    stream.last = proposal->zxid;
    if (stream.initial.has_value()) {
      stream.unacknowledged.push_back(proposal->zxid);
    }
  } else if (const auto* inform = std::get_if<zab::Inform>(&message)) {
    if (!IsNext(inform->zxid, stream.last) || stream.last != stream.committed ||
        stream.is_up_to_date != stream.initial.has_value()) {
      return Misplaced("proposalInconsistent", message, stream.last);
    }
    stream.last = stream.committed = inform->zxid;
  } else if (const auto* commit = std::get_if<zab::Commit>(&message)) {
    if (!IsNext(commit->zxid, stream.committed) || commit->zxid > stream.last ||
        stream.is_up_to_date != stream.initial.has_value()) {
      return Misplaced("commitInconsistent", message, stream.committed);
    }
    stream.committed = commit->zxid;
  } else if (std::holds_alternative<zab::NewLeader>(message)) {
    if (stream.initial.has_value() || stream.last != stream.committed) {
      return Misplaced("messageIllegal", message, stream.last);
    }
    stream.initial = stream.last;
  } else if (std::holds_alternative<zab::UpToDate>(message)) {
    if (!stream.is_acknowledged || stream.is_up_to_date) {
      return Misplaced("messageIllegal", message, stream.last);
    }
    stream.is_up_to_date = true;
  }
  return std::nullopt;
}

std::optional<std::string> Streams::FromLearner(Stream& stream,
                                                const zab::Message& message,
                                                const Disk::Contents& durable) {
  if (const auto* promise = std::get_if<zab::AckEpoch>(&message)) {
    if (stream.told.has_value()) {
      return Misplaced("stateInconsistent", message, *stream.told);
    }
    stream.told = promise->last_zxid;
    return std::nullopt;
  }
  const zab::Zxid zxid = std::get<zab::Ack>(message).zxid;
  if (zxid.counter == 0) {
    if (!stream.initial.has_value() || !durable.Has(*stream.initial)) {
      return Misplaced("InitialHistoryDurable", message, durable.last_zxid());
    }
    stream.is_acknowledged = true;
  } else if (stream.unacknowledged.empty() ||
             stream.unacknowledged.front() != zxid) {
    return Misplaced("ackInconsistent", message,
                     stream.unacknowledged.empty()
                         ? zab::Zxid()
                         : stream.unacknowledged.front());
  } else {
    stream.unacknowledged.pop_front();
  }
  return std::nullopt;
}

}  // namespace paddock::sim
