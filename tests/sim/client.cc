#include "sim/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "jute/archive.h"

namespace paddock::sim {
namespace {

using jute::OpCode;

constexpr size_t kHeaderBytes = 16;
constexpr size_t kPipelineMax = 8;
constexpr int32_t kTimeoutMs = 6000;

const std::vector<jute::ACL>& OpenAcl() {
  static const std::vector<jute::ACL> acl = {{31, {"world", "anyone"}}};
  return acl;
}

}  // namespace

void Client::Work() {
  if (!service_.works_ && asked_.empty()) {
    return;
  }
  if (connection_ == kNoConnection) {
    Connect();
  } else if (is_connected_ && service_.works_) {
    Ask();
  }
}

void Client::Connect() {
  const auto& ids = service_.ids();
  connection_ = service_.Open(this, ids[service_.random().Below(ids.size())]);
  is_connected_ = false;
  std::string frame;
  jute::Write(jute::ConnectRequest{.lastZxidSeen = last_zxid_,
                                   .timeOut = kTimeoutMs,
                                   .sessionId = session_,
                                   .passwd = session_ == 0
                                                 ? std::string_view("0123456789"
                                                                    "abcdef")
                                                 : std::string_view(password_)},
              &frame);
  frame.push_back(0);
  service_.Send(connection_, std::move(frame));
}

template <jute::Record R>
void Client::Send(Asked asked, const R& record) {
  asked.xid = ++last_xid_;
  asked.newest = service_.acknowledged_.empty()
                     ? 0
                     : service_.acknowledged_.rbegin()->first;
  asked.behind_sync = synced_ > 0;
  std::string frame;
  jute::Write(jute::RequestHeader{.xid = asked.xid,
                                  .type = static_cast<int32_t>(asked.op)},
              &frame);
  jute::Write(record, &frame);
  asked_.push_back(std::move(asked));
  service_.Send(connection_, std::move(frame));
}

void Client::Ask() {
  if (asked_.size() >= kPipelineMax) {
    return;
  }
  Random& random = service_.random();
  const std::string path = fmt::format("/n{}", random.Below(6));
  switch (random.Below(12)) {
    case 0:
    case 1:
      return Send({.op = OpCode::kCreate, .path = path},
                  jute::CreateRequest{path, "", OpenAcl(), 0});
    case 2:
      return Send({.op = OpCode::kCreate, .path = path + "e"},
                  jute::CreateRequest{path + "e", "", OpenAcl(), 1});
    case 3:
      return Send({.op = OpCode::kCreate, .path = "/s"},
                  jute::CreateRequest{"/s", "", OpenAcl(), 3});
    case 4:
      return Send({.op = OpCode::kDelete, .path = path},
                  jute::DeleteRequest{path, -1});
    case 5:
    case 6:
      return Send({.op = OpCode::kSetData, .path = path},
                  jute::SetDataRequest{path, fmt::format("{}", number_), -1});
    case 7:
      return Send({.op = OpCode::kSync, .path = path}, jute::SyncRequest{path});
    default: {
      const bool watches = random.Chance(1, 2);
      return Send({.op = OpCode::kGetData, .path = path, .watches = watches},
                  jute::GetDataRequest{path, watches});
    }
  }
}

void Client::OnClosed(ConnectionId connection) {
  if (connection == connection_) {
    connection_ = kNoConnection;
    is_connected_ = false;
    asked_.clear();  // Nobody knows what became of these
    watched_.clear();
    synced_ = 0;
  }
}

void Client::OnFrame(ConnectionId connection, std::string_view frame) {
  if (connection != connection_) {
    return;
  }
  if (!is_connected_) {
    OnHandshake(frame);
    return;
  }
  jute::ReplyHeader header;
  if (frame.size() < kHeaderBytes || !jute::Read(frame, &header)) {
    service_.Fail("a frame that is no reply");
    return;
  }
  const std::string_view body = frame.substr(kHeaderBytes);
  if (header.xid == jute::kWatchEventXid) {
    OnEvent(body);
    return;
  }
  if (header.zxid < last_zxid_) {
    service_.Fail(fmt::format("ZxidMonotone: client {} saw {:#x}, then {:#x}",
                              number_, last_zxid_, header.zxid));
  }
  last_zxid_ = header.zxid;
  if (asked_.empty() || asked_.front().xid != header.xid) {
    service_.Fail(fmt::format(
        "SessionFifo: client {} got the reply to {}, not "
        "to {}",
        number_, header.xid, asked_.empty() ? 0 : asked_.front().xid));
    return;
  }
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  OnReply(asked, header, body);
}

void Client::OnHandshake(std::string_view frame) {
  jute::ConnectResponse response;
  if (!jute::Read(frame, &response)) {
    service_.Fail("a handshake that cannot be decoded");
    return;
  }
  if (response.sessionId == 0) {
    session_ = 0;  // It has expired
    return;        // The server hangs up
  }
  session_ = response.sessionId;
  password_ = std::string(response.passwd);
  is_connected_ = true;
}

void Client::OnEvent(std::string_view body) {
  jute::WatcherEvent event;
  if (!jute::Read(body, &event)) {
    service_.Fail("an event that cannot be decoded");
    return;
  }
  watched_.erase(std::string(event.path));
}

void Client::OnReply(const Asked& asked, const jute::ReplyHeader& header,
                     std::string_view body) {
  service_.Mix(static_cast<uint64_t>(header.zxid) * 31 +
               static_cast<uint64_t>(header.err));
  switch (asked.op) {
    case OpCode::kSync:
      synced_ = std::max(synced_, asked.newest);
      return;
    case OpCode::kGetData: {
      if (asked.behind_sync && header.zxid < synced_) {
        service_.Fail(
            fmt::format("SyncRead: client {} reads at {:#x} behind a "
                        "sync after {:#x}",
                        number_, header.zxid, synced_));
      }
      jute::GetDataResponse response;
      if (header.err != 0 || !jute::Read(body, &response)) {
        return;
      }
      const auto watch = watched_.find(asked.path);
      if (watch != watched_.end() && watch->second != response.stat.mzxid) {
        service_.Fail(
            fmt::format("WatchBeforeData: client {} sees a change of "
                        "{} before its event",
                        number_, asked.path));
      }
      if (asked.watches) {
        watched_.emplace(asked.path, response.stat.mzxid);
      }
      return;
    }
    default:
      OnWrite(asked, header, body);
  }
}

void Client::OnWrite(const Asked& asked, const jute::ReplyHeader& header,
                     std::string_view body) {
  if (header.err != 0) {
    return;
  }
  // Real-time order: it comes after all that was acknowledged before it was
  // asked for.
  if (header.zxid <= asked.newest) {
    service_.Fail(
        fmt::format("Linearizable: client {}'s write got {:#x}, "
                    "though {:#x} was acknowledged before",
                    number_, header.zxid, asked.newest));
  }
  if (!service_.acknowledged_.insert({header.zxid, {session_, asked.xid}})
           .second) {
    service_.Fail(fmt::format("two writes have zxid {:#x}", header.zxid));
  }
  if (asked.path == "/s") {
    jute::CreateResponse response;
    if (!jute::Read(body, &response) ||
        !service_.sequential_.insert(std::string(response.path)).second) {
      service_.Fail(
          fmt::format("a sequential name is given twice: {}", response.path));
    }
  }
}

}  // namespace paddock::sim
