#include "sim/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "jute/archive.h"

namespace paddock::sim {
namespace {

using jute::OpCode;

constexpr size_t kHeaderBytes = 16;
constexpr size_t kPipelineMax = 8;
constexpr int32_t kSetWatchesXid = -8;

const std::vector<jute::ACL>& OpenAcl() {
  static const std::vector<jute::ACL> acl = {{31, {"world", "anyone"}}};
  return acl;
}

std::string Encode(const Request& r);

std::string EncodeMulti(const Request& multi) {
  std::string body;
  for (const Request& part : multi.parts) {
    jute::Write(jute::MultiHeader{static_cast<int32_t>(part.op), false, -1},
                &body);
    body += Encode(part);
  }
  jute::Write(jute::MultiHeader{-1, true, -1}, &body);
  return body;
}

std::string Encode(const Request& r) {
  std::string body;
  switch (r.op) {
    case OpCode::kCreate:
    case OpCode::kCreateContainer:
      jute::Write(jute::CreateRequest{r.path, r.data, OpenAcl(), r.flags},
                  &body);
      break;
    case OpCode::kCreateTtl:
      jute::Write(
          jute::CreateTTLRequest{r.path, r.data, OpenAcl(), r.flags, r.ttl_ms},
          &body);
      break;
    case OpCode::kDelete:
    case OpCode::kCheck:
      jute::Write(jute::DeleteRequest{r.path, r.version}, &body);
      break;
    case OpCode::kSetData:
      jute::Write(jute::SetDataRequest{r.path, r.data, r.version}, &body);
      break;
    case OpCode::kMulti:
      return EncodeMulti(r);
    case OpCode::kSync:
      jute::Write(jute::SyncRequest{r.path}, &body);
      break;
    case OpCode::kGetData:
    case OpCode::kExists:
    case OpCode::kGetChildren:  // They look the same
      jute::Write(jute::GetDataRequest{r.path, r.watches}, &body);
      break;
    case OpCode::kAddWatch:
      jute::Write(jute::AddWatchRequest{r.path, r.flags}, &body);
      break;
    default:
      break;
  }
  return body;
}

// The errors of the parts of a multi; false if it cannot be decoded.
bool DecodeMulti(std::string_view body, std::vector<Error>* errors) {
  jute::InputArchive in(body);
  jute::MultiHeader header;
  jute::CreateResponse create;
  jute::SetDataResponse set;
  jute::ErrorResponse error;
  while (jute::Read(in, &header) && !header.done) {
    errors->push_back(Error::kOk);
    if (header.type == static_cast<int32_t>(OpCode::kCreate)) {
      jute::Read(in, &create);
    } else if (header.type == static_cast<int32_t>(OpCode::kSetData)) {
      jute::Read(in, &set);
    } else if (header.type == static_cast<int32_t>(OpCode::kError)) {
      jute::Read(in, &error);
      errors->back() = Error{error.err};
    }
  }
  return in.ok() && header.done;
}

}  // namespace

Client::Client(Service& service, int number)
    : service_(service),
      truth_(service.truth()),
      number_(number),
      timeout_ms_(static_cast<int32_t>(
          service.min_session_timeout_ms() *
          static_cast<int64_t>(1 + service.random().Below(4)))),
      watching_(truth_) {}

void Client::Fail(const std::string& what) {
  service_.Fail(
      fmt::format("{} (client {}, session {:#x})", what, number_, session_));
}

void Client::Work() {
  const Micros now = service_.queue().now();
  const Micros timeout = Micros{1000} * timeout_ms_;
  if (is_dead_ || (now < silent_until_ && !is_calm_)) {
    return;
  }
  if (connection_ == kNoConnection) {
    if (now >= retry_at_ && (service_.works() || session_ != 0)) {
      Connect();
    }
    return;
  }
  // Stock clients look for another server after two thirds of the time-out, and
  // share it among the servers for handshakes.
  if (now - heard_at_ > timeout * 2 / 3 ||
      (!is_connected_ && now - heard_at_ > timeout / 3)) {
    HangUp();
    return;
  }
  if (!is_connected_ || FollowsWhim()) {
    return;
  }
  if (now - sent_at_ > timeout / 3) {
    SendFrame(jute::kPingXid, OpCode::kPing, "");
  } else if (service_.works() && asked_.size() < kPipelineMax) {
    Ask();
  }
}

bool Client::FollowsWhim() {
  Random& random = service_.random();
  if (is_calm_ || !random.Chance(1, service_.options().whim_one_in)) {
    return false;
  }
  switch (random.Below(8)) {
    case 0:
      is_dead_ = number_ > 0 && random.Chance(1, 4);
      return true;
    case 1:
    case 2:
      silent_until_ = service_.queue().now() +
                      static_cast<Micros>(random.Below(
                          uint64_t{2000} * static_cast<uint64_t>(timeout_ms_)));
      return true;
    case 3:
      Send({.op = OpCode::kCloseSession});
      return true;
    default:
      HangUp();  // And goes elsewhere
      return true;
  }
}

void Client::Connect() {
  const auto& ids = service_.ids();
  connection_ = service_.Open(this, ids[service_.random().Below(ids.size())]);
  is_connected_ = false;
  heard_at_ = service_.queue().now();
  std::string frame;
  jute::Write(jute::ConnectRequest{.lastZxidSeen = last_zxid_,
                                   .timeOut = timeout_ms_,
                                   .sessionId = session_,
                                   .passwd = session_ == 0
                                                 ? std::string_view("0123456789"
                                                                    "abcdef")
                                                 : std::string_view(password_)},
              &frame);
  frame.push_back(0);
  service_.Send(connection_, std::move(frame));
}

void Client::HangUp() {
  const ConnectionId connection = connection_;
  OnClosed(connection);
  retry_at_ = 0;
  service_.HangUp(connection);
}

void Client::OnClosed(ConnectionId connection) {
  if (connection != connection_) {
    return;
  }
  connection_ = kNoConnection;
  is_connected_ = false;
  asked_.clear();  // Nobody knows what became of these
  watching_.Disconnect();
  lock_.OnDisconnect();
  retry_at_ = service_.queue().now() +
              static_cast<Micros>(service_.random().Below(100'000));
}

void Client::LoseSession() {
  session_ = 0;
  watching_.Forget();
  lock_.Forget();
}

void Client::SendFrame(int32_t xid, OpCode op, std::string body) {
  std::string frame;
  jute::Write(jute::RequestHeader{.xid = xid, .type = static_cast<int32_t>(op)},
              &frame);
  frame += body;
  sent_at_ = service_.queue().now();
  service_.Send(connection_, std::move(frame));
}

void Client::Send(Request request, bool is_of_lock) {
  const OpCode op = request.op;
  std::string body = Encode(request);
  asked_.push_back(
      {++last_xid_, std::move(request), truth_.last_zxid(), is_of_lock});
  SendFrame(last_xid_, op, std::move(body));
}

void Client::Ask() {
  if (service_.random().Chance(1, service_.options().lock_one_in)) {
    if (auto step = lock_.Next(session_)) {
      Send(*std::move(step), /*is_of_lock=*/true);
      return;
    }
  }
  Send(Draw());
}

Request Client::Draw() {
  Random& random = service_.random();
  const std::string n = fmt::format("/n{}", random.Below(6));
  const std::string c = fmt::format("/c{}", random.Below(2));
  const std::string t = fmt::format("/t{}", random.Below(2));
  const bool watches = random.Chance(1, 2);
  const auto version =
      random.Chance(1, 2) ? -1 : static_cast<int32_t>(random.Below(3));
  std::string data = fmt::format("{}:{}", number_, last_xid_);
  if (random.Chance(1, 3)) {  // Over several sectors of a disk
    data.resize(600 + random.Below(2000), 'x');
  }
  switch (service_.DrawWork()) {
    case WorkKind::kCreate:
      return {.op = OpCode::kCreate, .path = n, .data = std::move(data)};
    case WorkKind::kEphemeral:
      return {.op = OpCode::kCreate,
              .path = n + "e",
              .data = std::move(data),
              .flags = 1};
    case WorkKind::kSequential:
      return {.op = OpCode::kCreate,
              .path = "/s/x",
              .data = std::move(data),
              .flags = watches ? 2 : 3};
    case WorkKind::kDelete:
      return {.op = OpCode::kDelete,
              .path = random.Chance(1, 3) ? n + "e" : n,
              .version = version};
    case WorkKind::kSetData:
      return {.op = OpCode::kSetData,
              .path = n,
              .data = std::move(data),
              .version = version};
    case WorkKind::kSync:
      return {.op = OpCode::kSync, .path = n};
    case WorkKind::kGetData:
      return {.op = OpCode::kGetData, .path = n, .watches = watches};
    case WorkKind::kExists:
      return {.op = OpCode::kExists, .path = n + "e", .watches = watches};
    case WorkKind::kGetChildren:
      return {.op = OpCode::kGetChildren,
              .path = std::array<std::string, 3>{"/", "/s", c}[random.Below(3)],
              .watches = watches};
    case WorkKind::kMulti:
      return DrawMulti();
    case WorkKind::kContainer:
      switch (random.Below(4)) {
        case 0:
          return {.op = OpCode::kCreateContainer, .path = c, .flags = 4};
        case 1:
          return {.op = OpCode::kDelete, .path = c + "/x"};
        default:
          return {.op = OpCode::kCreate, .path = c + "/x", .flags = 1};
      }
    case WorkKind::kTtl:
      return {.op = OpCode::kCreateTtl,
              .path = t,
              .flags = 5,
              .ttl_ms = 100 << random.Below(6)};
    case WorkKind::kAddWatch:  // Each client in its own mode
      return {
          .op = OpCode::kAddWatch,
          .path = std::array<std::string, 4>{"/", "/s", n, c}[random.Below(4)],
          .flags = number_ % 2};
    case WorkKind::kCount:
      break;
  }
  return {};
}

Request Client::DrawMulti() {
  Random& random = service_.random();
  const uint64_t first = random.Below(6);
  const auto path = [&](uint64_t i) {
    return fmt::format("/n{}", (first + i) % 6);
  };
  Request multi{.op = OpCode::kMulti};
  const uint64_t parts = 2 + random.Below(3);
  for (uint64_t i = 0; i < parts; ++i) {
    switch (random.Below(5)) {
      case 0:
        multi.parts.push_back({.op = OpCode::kCheck, .path = path(i)});
        break;
      case 1:
        multi.parts.push_back({.op = OpCode::kDelete, .path = path(i)});
        break;
      case 2:
        multi.parts.push_back(
            {.op = OpCode::kCreate, .path = path(i) + "e", .flags = 1});
        break;
      case 3:
        multi.parts.push_back({.op = OpCode::kCreate, .path = path(i)});
        break;
      default:
        multi.parts.push_back({.op = OpCode::kSetData,
                               .path = path(i),
                               .data = fmt::format("m{}", last_xid_)});
    }
  }
  return multi;
}

void Client::OnFrame(ConnectionId connection, std::string_view frame) {
  if (connection != connection_) {
    return;
  }
  heard_at_ = service_.queue().now();
  if (!is_connected_) {
    OnHandshake(frame);
    return;
  }
  jute::ReplyHeader header;
  if (frame.size() < kHeaderBytes || !jute::Read(frame, &header)) {
    Fail("a frame that is no reply");
    return;
  }
  const Reply reply{header.zxid, Error{header.err}, frame.substr(kHeaderBytes)};
  if (header.xid == jute::kWatchEventXid) {
    OnEvent(reply.body, header.zxid);
    return;
  }
  if (header.zxid < std::max(last_zxid_, synced_)) {
    Fail(fmt::format("Reads: told of {:#x} after {:#x} and a sync of {:#x}",
                     header.zxid, last_zxid_, synced_));
  }
  last_zxid_ = header.zxid;
  if (header.xid == jute::kPingXid) {
    FailIf(watching_.OnReply(header.zxid));
    return;
  }
  if (asked_.empty() || asked_.front().xid != header.xid) {
    Fail(fmt::format("SessionFifo: a reply to {}, not to {}", header.xid,
                     asked_.empty() ? 0 : asked_.front().xid));
    return;
  }
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  OnReply(asked, reply);
}

void Client::OnHandshake(std::string_view frame) {
  jute::ConnectResponse response;
  if (!jute::Read(frame, &response)) {
    Fail("a handshake that cannot be decoded");
    return;
  }
  if (response.sessionId == 0) {
    const auto& sessions = service_.truth().sessions();
    const auto session = sessions.find(session_);
    if (session == sessions.end() || session->second.closed == 0) {
      Fail("Sessions: refused, but nobody has closed it");
    }
    LoseSession();
    return;  // The server hangs up
  }
  if (session_ != 0 && response.sessionId != session_) {
    Fail(fmt::format("Sessions: got {:#x} instead", response.sessionId));
  }
  is_connected_ = true;
  if (session_ == 0) {
    session_ = response.sessionId;
    password_ = std::string(response.passwd);
    for (const std::string_view path : {std::string_view("/s"), kLocks}) {
      Send({.op = OpCode::kCreate, .path = std::string(path)});
    }
  } else if (!watching_.IsEmpty()) {
    std::string body;
    jute::Write(watching_.Renew(last_zxid_), &body);
    asked_.push_back({kSetWatchesXid, {.op = OpCode::kSetWatches2}, 0, false});
    SendFrame(kSetWatchesXid, OpCode::kSetWatches2, std::move(body));
  } else {
    Send({.op = OpCode::kGetData, .path = "/s"});  // Does it go back in time?
  }
}

void Client::OnEvent(std::string_view body, int64_t zxid) {
  jute::WatcherEvent event;
  if (!jute::Read(body, &event)) {
    Fail("an event that cannot be decoded");
    return;
  }
  const std::string path(event.path);
  FailIf(watching_.OnEvent(tree::EventType{event.type}, path, zxid));
  lock_.OnEvent(path);
}

void Client::OnReply(const Asked& asked, const Reply& reply) {
  service_.TraceReply(number_, asked.xid, reply.zxid, reply.error);
  switch (asked.request.op) {
    case OpCode::kSetWatches2:
      FailIf(watching_.OnSetWatchesReply(reply.zxid));
      return;
    case OpCode::kSync:
      synced_ = std::max(synced_, asked.newest);
      if (reply.zxid < synced_) {
        Fail(fmt::format("Sync: done at {:#x}, asked after {:#x}", reply.zxid,
                         synced_));
      }
      break;
    case OpCode::kGetData:
    case OpCode::kExists:
    case OpCode::kGetChildren:
      OnRead(asked, reply);
      break;
    case OpCode::kAddWatch:
      if (reply.error != Error::kOk) {
        Fail(fmt::format("Watches: addWatch of {} was answered with {}",
                         asked.request.path, ErrorName(reply.error)));
      }
      watching_.SetPersistent(asked.request.path, asked.request.flags == 1,
                              reply.zxid);
      break;
    default:
      OnWrite(asked, reply);
  }
  FailIf(watching_.OnReply(reply.zxid));
}

void Client::OnRead(const Asked& asked, const Reply& reply) {
  const Request& request = asked.request;
  const bool exists = truth_.At(request.path, reply.zxid) != nullptr;
  if ((reply.error == Error::kOk) != exists ||
      (!exists && reply.error != Error::kNoNode)) {
    Fail(fmt::format("Reads: {} of {} at {:#x}, which is {}there",
                     ErrorName(reply.error), request.path, reply.zxid,
                     exists ? "" : "not "));
    return;
  }
  if (request.op == OpCode::kGetChildren) {
    OnChildren(asked, reply);
  } else {
    OnData(asked, reply);
  }
  if (request.watches && (exists || request.op == OpCode::kExists)) {
    watching_.Set(request.path, request.op == OpCode::kGetChildren, reply.zxid);
  }
}

void Client::OnData(const Asked& asked, const Reply& reply) {
  const Truth::State* const state = truth_.At(asked.request.path, reply.zxid);
  if (state != nullptr) {
    jute::GetDataResponse response;
    jute::ExistsResponse without_data;
    const bool is_right = asked.request.op == OpCode::kExists
                              ? jute::Read(reply.body, &without_data) &&
                                    without_data.stat == state->stat
                              : jute::Read(reply.body, &response) &&
                                    response.stat == state->stat &&
                                    response.data == state->data;
    if (!is_right) {
      Fail(fmt::format("Reads: {} is not so at {:#x}", asked.request.path,
                       reply.zxid));
    }
  }
  if (asked.is_of_lock) {
    lock_.OnReply(asked.request, reply.error, "", {}, session_);
  }
}

void Client::OnChildren(const Asked& asked, const Reply& reply) {
  std::vector<std::string> children;
  if (reply.error == Error::kOk) {
    jute::GetChildrenResponse response;
    if (!jute::Read(reply.body, &response)) {
      Fail("children that cannot be decoded");
      return;
    }
    children.assign(response.children.begin(), response.children.end());
    std::sort(children.begin(), children.end());
    std::vector<std::string> expected =
        truth_.ChildrenAt(asked.request.path, reply.zxid);
    std::sort(expected.begin(), expected.end());
    if (children != expected) {
      Fail(fmt::format("Reads: {} has {} children at {:#x}, not {}",
                       asked.request.path, expected.size(), reply.zxid,
                       children.size()));
    }
  }
  if (asked.is_of_lock && lock_.OnReply(asked.request, reply.error, "",
                                        std::move(children), session_)) {
    service_.HoldsLock(lock_.mine(), reply.zxid);
  }
}

// It has a place among all transactions: behind those that were committed
// before it was asked for, and what it came to follows from those before it.
void Client::OnWrite(const Asked& asked, const Reply& reply) {
  const Truth::Txn* const txn = truth_.Find(reply.zxid);
  if (txn == nullptr || txn->header.clientId != session_ ||
      txn->header.cxid != asked.xid || reply.zxid <= asked.newest) {
    Fail(fmt::format(
        "Linearizable: {} is told to be {:#x}, which is {} of {:#x}, and was "
        "asked after {:#x}",
        asked.xid, reply.zxid, txn == nullptr ? 0 : txn->header.cxid,
        txn == nullptr ? 0 : txn->header.clientId, asked.newest));
    return;
  }
  service_.Acknowledge();
  if (reply.error == Error::kSessionExpired) {
    if (truth_.sessions().at(session_).closed == 0) {
      Fail("Sessions: expired, but nobody closed it");
    }
    LoseSession();
    HangUp();
    return;
  }
  if (asked.request.op == OpCode::kCloseSession) {
    if (truth_.sessions().at(session_).closed != reply.zxid) {
      Fail("Sessions: it is not closed");
    }
    LoseSession();
    return;
  }
  const std::vector<Outcome> expected =
      truth_.Expect(asked.request, reply.zxid - 1);
  const Error error =
      asked.request.op == OpCode::kMulti ? Error::kOk : expected.front().error;
  if (reply.error != error) {
    Fail(fmt::format("Outcome: {} of {} at {:#x}, not {}",
                     ErrorName(reply.error), asked.request.path, reply.zxid,
                     ErrorName(error)));
  } else if (error == Error::kOk) {
    OnSuccess(asked, reply, expected);
  }
  if (asked.is_of_lock) {
    lock_.OnReply(asked.request, reply.error, expected.front().path, {},
                  session_);
  }
}

void Client::OnSuccess(const Asked& asked, const Reply& reply,
                       const std::vector<Outcome>& expected) {
  const Request& request = asked.request;
  bool is_right = true;
  if (request.op == OpCode::kMulti) {
    std::vector<Error> errors;
    is_right = DecodeMulti(reply.body, &errors) &&
               std::equal(errors.begin(), errors.end(), expected.begin(),
                          expected.end(), [](Error error, const Outcome& o) {
                            return error == o.error;
                          });
  } else if (request.op == OpCode::kSetData) {
    jute::SetDataResponse response;
    const Truth::State* const state = truth_.At(request.path, reply.zxid);
    is_right = jute::Read(reply.body, &response) && state != nullptr &&
               response.stat == state->stat;
  } else if (request.op != OpCode::kDelete) {
    jute::CreateResponse response;
    is_right = jute::Read(reply.body, &response) &&
               response.path == expected.front().path;
  }
  if (!is_right) {
    Fail(fmt::format("Outcome: operation {} of {} at {:#x} is not what it says",
                     static_cast<int32_t>(request.op), request.path,
                     reply.zxid));
  }
}

}  // namespace paddock::sim
