#include "zab/message.h"

#include <fmt/format.h>

#include <type_traits>

namespace paddock::zab {
namespace {

std::string Text(Zxid zxid) {
  return fmt::format("{}:{}", zxid.epoch, zxid.counter);
}

std::string Text(const Notification& n) {
  static constexpr const char* kRoles[] = {"LOOKING", "FOLLOWING", "LEADING",
                                           "OBSERVING"};
  return fmt::format("{} for {} zxid {} epoch {} round {}",
                     kRoles[static_cast<int>(n.role)],
                     static_cast<int64_t>(n.vote.leader), Text(n.vote.zxid),
                     n.vote.peer_epoch, n.vote.election_epoch);
}

std::string Text(const FollowerInfo& info) {
  return fmt::format("{} {}",
                     info.is_observer ? "OBSERVERINFO" : "FOLLOWERINFO",
                     info.accepted_epoch);
}
std::string Text(const LeaderInfo& info) {
  return fmt::format("LEADERINFO {}", info.epoch);
}
std::string Text(const AckEpoch& ack) {
  return fmt::format("ACKEPOCH {} epoch {}", Text(ack.last_zxid),
                     ack.current_epoch.value_or(-1));
}
std::string Text(const Diff& diff) { return "DIFF " + Text(diff.zxid); }
std::string Text(const Trunc& trunc) { return "TRUNC " + Text(trunc.zxid); }
std::string Text(const Snap& snap) { return "SNAP " + Text(snap.zxid); }
std::string Text(const Proposal& p) { return "PROPOSAL " + Text(p.zxid); }
std::string Text(const Inform& inform) { return "INFORM " + Text(inform.zxid); }
std::string Text(const Ack& ack) { return "ACK " + Text(ack.zxid); }
std::string Text(const Commit& commit) { return "COMMIT " + Text(commit.zxid); }
std::string Text(const InformAndActivate& inform) {
  return "INFORMANDACTIVATE " + Text(inform.zxid);
}
std::string Text(const CommitAndActivate& commit) {
  return "COMMITANDACTIVATE " + Text(commit.zxid);
}
std::string Text(const NewLeader& leader) {
  return fmt::format("NEWLEADER {}", leader.epoch);
}
std::string Text(const UpToDate&) { return "UPTODATE"; }
std::string Text(const Ping& ping) {
  return fmt::format("PING {} sessions {}", Text(ping.zxid),
                     ping.sessions.size());
}
std::string Text(const Revalidate& r) {
  return fmt::format("REVALIDATE {:#x}", ToWire(r.session));
}
std::string Text(const Revalidated& r) {
  return fmt::format("REVALIDATE {:#x} {}", ToWire(r.session), r.valid);
}
std::string Text(const Request& request) {
  return fmt::format("REQUEST {:#x} cxid {} op {}", ToWire(request.session),
                     request.cxid, request.op);
}
std::string Text(const Sync&) { return "SYNC"; }

}  // namespace

std::string Describe(const Message& message) {
  return std::visit([](const auto& m) { return Text(m); }, message);
}

}  // namespace paddock::zab
