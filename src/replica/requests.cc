// Replica's intake of requests, and its answers.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "jute/archive.h"
#include "jute/proto.h"
#include "replica/replica.h"

namespace paddock::replica {
namespace {

using jute::OpCode;

constexpr size_t kLengthBytes = 4;
constexpr size_t kReplyHeaderBytes = 16;
constexpr size_t kFrameHeadBytes = kLengthBytes + kReplyHeaderBytes;
constexpr size_t kRequestHeaderBytes = 8;
constexpr int32_t kSyncConnected = 3;  // The state in every event

// How long a ping waits for its turn before it is answered out of turn.
constexpr int64_t kPingPatienceMs = 100;

// Fills in the head of the frame that begins at `start` of *out and ends with
// it.
void FinishFrame(size_t start, int32_t xid, int64_t zxid, Error error,
                 std::string* out) {
  char* head = out->data() + start;
  jute::StoreBigEndian(
      head, static_cast<int32_t>(out->size() - start - kLengthBytes));
  jute::StoreBigEndian(head + 4, xid);
  jute::StoreBigEndian(head + 8, zxid);
  jute::StoreBigEndian(head + 16, static_cast<int32_t>(error));
}

std::string MakeFrame(int32_t xid, int64_t zxid, Error error,
                      std::string_view body) {
  std::string frame(kFrameHeadBytes, '\0');
  frame.append(body);
  FinishFrame(0, xid, zxid, error, &frame);
  return frame;
}

void WriteMultiResult(const tree::OpResult& result, std::string* out) {
  const auto write_header = [&](int32_t type, int32_t err) {
    jute::Write(jute::MultiHeader{.type = type, .done = false, .err = err},
                out);
  };
  const auto type = static_cast<int32_t>(result.type);
  switch (result.type) {
    case OpCode::kCreate:
      write_header(type, 0);
      jute::Write(jute::CreateResponse{result.path}, out);
      return;
    case OpCode::kCreate2:
    case OpCode::kCreateTtl:
    case OpCode::kCreateContainer:
      write_header(static_cast<int32_t>(OpCode::kCreate2), 0);
      jute::Write(jute::Create2Response{result.path, result.stat}, out);
      return;
    case OpCode::kSetData:
      write_header(type, 0);
      jute::Write(jute::SetDataResponse{result.stat}, out);
      return;
    case OpCode::kDelete:
    case OpCode::kCheck:
      write_header(type, 0);
      return;
    default: {
      const auto err = static_cast<int32_t>(result.error);
      write_header(-1, err);
      jute::Write(jute::ErrorResponse{err}, out);
      return;
    }
  }
}

// The reply's record for a write that did what it should.
void WriteResult(const Op& op, const std::vector<tree::OpResult>& results,
                 std::string* out) {
  if (op.code == OpCode::kMulti) {
    for (const tree::OpResult& result : results) {
      WriteMultiResult(result, out);
    }
    jute::Write(jute::MultiHeader{.type = -1, .done = true, .err = -1}, out);
    return;
  }
  CHECK_EQ(results.size(), 1u);
  const tree::OpResult& result = results.front();
  switch (op.code) {
    case OpCode::kCreate:
      jute::Write(jute::CreateResponse{result.path}, out);
      return;
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      jute::Write(jute::Create2Response{result.path, result.stat}, out);
      return;
    case OpCode::kSetData:
    case OpCode::kSetAcl:
      jute::Write(result.stat, out);
      return;
    default:
      return;
  }
}

}  // namespace

void Replica::Step(const Received& event) {
  Connection* connection = Find(event.connection);
  if (connection == nullptr || connection->deaf) {
    return;
  }
  ++connection->packets_received;
  ++stats_.packets_received;
  stats_.bytes_received +=
      static_cast<int64_t>(event.frame.size() + kLengthBytes);
  if (connection->session == nullptr) {
    if (!serving_) {
      Close(*connection);  // Another member may serve
    } else if (connection->wanted == kNoSession) {
      Connect(*connection, event.frame);
    }  // Else it is a ping, which nobody holds back: there is no session yet
    return;
  }
  if (event.frame.size() < kRequestHeaderBytes) {
    Close(*connection);
    return;
  }
  const auto xid = jute::LoadBigEndian<int32_t>(event.frame.data());
  const auto code = jute::LoadBigEndian<int32_t>(event.frame.data() + 4);
  const std::string_view body = event.frame.substr(kRequestHeaderBytes);
  const Op* op = FindOp(code);
  if (op != nullptr && op->kind == OpKind::kAuth) {
    Authenticate(*connection, xid, body);
    return;
  }
  if (op != nullptr && op->kind == OpKind::kSasl) {
    AnswerSasl(*connection, xid, body);
    return;
  }
  if (!IsAuthSufficient(*connection)) {
    Refuse(*connection, xid, 0, Error::kSessionClosedRequireSaslAuth);
    return;
  }
  // Requests of a session that ends, or has ended, are dropped (2.10).
  if (connection->session->closing) {
    return;
  }
  const int64_t waited_ms = absl::ToInt64Milliseconds(event.waited);
  if (IsStale(*connection->session, waited_ms) &&
      (op == nullptr || op->kind != OpKind::kClose)) {
    if (options_.drop_stale_requests) {
      ++stats_.stale_requests_dropped;
      Close(*connection);
      return;
    }
    ++stats_.stale_requests;
  }
  stats_.throttle_queue_time.Add(waited_ms);
  Touch(connection->session);
  if (op == nullptr || op->kind == OpKind::kSession) {
    Refuse(*connection, xid, -1, Error::kUnimplemented);
    return;
  }
  if (IsThrottled(*op, waited_ms)) {
    ++stats_.throttled_ops;
    op = &ThrottledOp();
  }
  Request(*connection, xid, *op, body, connection->identities.size(),
          now_ms_ - waited_ms);
}

// There is no SASL here: a null token, which clients take as "not needed"
// (6.6).
void Replica::AnswerSasl(Connection& connection, int32_t xid,
                         std::string_view body) {
  jute::GetSASLRequest request;
  if (!jute::Read(body, &request) || jute::IsNull(request.token)) {
    Close(connection);
    return;
  }
  std::string reply;
  jute::Write(jute::SetSASLResponse{jute::kNull}, &reply);
  Enqueue(connection, MakeFrame(xid, 0, Error::kOk, reply), false);
}

bool Replica::IsStale(const Session& session, int64_t waited_ms) const {
  return options_.stale_latency_check && waited_ms > session.timeout_ms;
}

bool Replica::IsThrottled(const Op& op, int64_t waited_ms) const {
  return waited_ms > 0 &&
         options_.throttled_op_wait_time > absl::ZeroDuration() &&
         absl::Milliseconds(waited_ms) > options_.throttled_op_wait_time &&
         op.kind != OpKind::kPing && op.kind != OpKind::kClose;
}

void Replica::Request(Connection& connection, int32_t xid, const Op& op,
                      std::string_view body, size_t identities,
                      int64_t arrived_ms) {
  if (HasLostRole()) {
    return;  // Its connection is about to be closed
  }
  if (connection.holding > 0 && options_.ensemble.has_value() &&
      op.kind != OpKind::kRead && op.kind != OpKind::kPing) {
    // Its transaction could be committed before the leader's word on the sync
    // comes, and a read between the two would see it.
    Hold(connection, op, xid, body, identities, arrived_ms);
    return;
  }
  switch (op.kind) {
    case OpKind::kPing:
    case OpKind::kRead:
      break;
    case OpKind::kSync:
      AwaitTurn(connection, op, xid, body, arrived_ms);
      return;
    case OpKind::kWrite:
      if (Write(connection, xid, op, body, identities, arrived_ms)) {
        return;
      }
      break;  // Not decodable: no transaction, and an error in its turn
    case OpKind::kClose: {
      const SessionId session = connection.session->id;
      int64_t zxid = 0;
      if (leads_) {
        zxid = peer_->NextZxid().ToWire();
        CloseSession(session, xid, connection.id);
      } else {
        Forward(session, xid, op.code, "", {}, connection.id);
      }
      AwaitTransaction(connection, op, xid, zxid, arrived_ms);
      return;
    }
    case OpKind::kAuth:
    case OpKind::kSasl:
    case OpKind::kSession:
      CHECK(false) << "taken care of before";
  }
  if (connection.waiting.empty()) {
    Evaluate(connection, op, xid, body, identities, arrived_ms);
  } else {
    AwaitTurn(connection, op, xid, body, arrived_ms);
  }
}

// False when the request cannot be decoded.
bool Replica::Write(Connection& connection, int32_t xid, const Op& op,
                    std::string_view body, size_t identities,
                    int64_t arrived_ms) {
  Session& session = *connection.session;
  const auto ids = absl::MakeConstSpan(connection.identities).first(identities);
  if (!leads_) {
    if (!DecodesWrite(op.code, body)) {
      return false;
    }
    Forward(session.id, xid, op.code, body, ids, connection.id);
    AwaitTransaction(connection, op, xid, /*zxid=*/0, arrived_ms);
    return true;
  }
  CHECK(session.owner == options_.server_id);
  const Caller caller = NextCaller(session.id, xid, ids);
  auto txn = preparer_.Prepare(caller, op.code, body);
  if (!txn) {
    return false;
  }
  Propose(*std::move(txn), caller, connection.id);
  AwaitTransaction(connection, op, xid, caller.zxid, arrived_ms);
  return true;
}

Waiting Replica::Take(Connection& connection,
                      std::deque<Waiting>::iterator request) {
  Waiting taken = std::move(*request);
  if (request == connection.waiting.begin()) {  // Nearly always
    connection.waiting.pop_front();
  } else {
    connection.waiting.erase(request);
  }
  --outstanding_;
  connection.holding -=
      taken.what == Waiting::For::kSync || taken.what == Waiting::For::kHeld
          ? 1
          : 0;
  connection.waiting_reply_bytes -= taken.reply_bytes;
  waiting_reply_bytes_ -= taken.reply_bytes;
  return taken;
}

// The reply to a read that waits.  What a znode holds then may lie between what
// it holds now and what the writes that are on their way make of it.
size_t Replica::EstimateReply(const Op& op, std::string_view body) const {
  return replica::EstimateReply(op.code, body, [this](std::string_view path) {
    const tree::Znode* const node = tree_.Find(path);
    const auto later = preparer_.Find(path);
    int64_t data_bytes = 0;
    int32_t children = 0;
    if (node != nullptr) {
      data_bytes = static_cast<int64_t>(node->data().size());
      children = node->num_children();
    }
    if (later) {
      data_bytes = std::max(data_bytes, later->data_bytes());
      children = std::max(children, later->num_children());
    }
    return NodeSize{static_cast<size_t>(data_bytes),
                    static_cast<size_t>(children)};
  });
}

void Replica::AwaitTurn(Connection& connection, const Op& op, int32_t xid,
                        std::string_view body, int64_t arrived_ms) {
  const size_t reply_bytes = EstimateReply(op, body);
  connection.waiting_reply_bytes += reply_bytes;
  waiting_reply_bytes_ += reply_bytes;
  connection.waiting.push_back({.what = Waiting::For::kTurn,
                                .op = &op,
                                .xid = xid,
                                .arrived_ms = arrived_ms,
                                .identities = connection.identities.size(),
                                .text = std::string(body),
                                .reply_bytes = reply_bytes});
  ++outstanding_;
  if (op.kind == OpKind::kSync) {
    connection.waiting.back().what = Waiting::For::kSync;
    ++connection.holding;
    if (leads_) {
      AwaitSync({.connection = connection.id});
    } else {
      syncs_.push_back({.connection = connection.id});
      peer_->SendToLeader(zab::Request{connection.session->id, xid,
                                       static_cast<int32_t>(op.code),
                                       std::string(body)});
    }
  } else if (op.kind == OpKind::kPing) {
    impatient_pings_.push_back({now_ms_ + kPingPatienceMs, connection.id});
  }
}

// A ping keeps its place among the requests of its connection, unless these
// take long: heartbeats must survive any storm, and clients take them out of
// turn.
void Replica::AnswerImpatientPings() {
  while (!impatient_pings_.empty() &&
         impatient_pings_.front().deadline_ms <= now_ms_) {
    Connection* connection = Find(impatient_pings_.front().connection);
    impatient_pings_.pop_front();
    if (connection == nullptr || !connection->handshake_done) {
      continue;
    }
    auto& waiting = connection->waiting;
    const auto ping =
        std::find_if(waiting.begin(), waiting.end(), [&](const Waiting& w) {
          return w.op != nullptr && w.op->kind == OpKind::kPing &&
                 w.arrived_ms + kPingPatienceMs <= now_ms_;
        });
    if (ping != waiting.end()) {
      const Waiting request = Take(*connection, ping);
      Evaluate(*connection, *request.op, request.xid, "", 0,
               request.arrived_ms);
    }
  }
}

void Replica::AwaitTransaction(Connection& connection, const Op& op,
                               int32_t xid, int64_t zxid, int64_t arrived_ms) {
  Waiting& request = connection.waiting.emplace_back();
  request.what = Waiting::For::kTransaction;
  request.op = &op;
  request.xid = xid;
  request.zxid = zxid;
  request.arrived_ms = arrived_ms;
  ++outstanding_;
}

void Replica::Authenticate(Connection& connection, int32_t xid,
                           std::string_view body) {
  jute::AuthPacket packet;
  if (!jute::Read(body, &packet)) {
    Close(connection);
    return;
  }
  if (AddIdentity(connection, packet.scheme, packet.auth)) {
    Enqueue(connection, MakeFrame(xid, 0, Error::kOk, ""), false);
  } else {
    ++stats_.auth_failures;
    Refuse(connection, xid, 0, Error::kAuthFailed);
  }
}

void Replica::Evaluate(Connection& connection, const Op& op, int32_t xid,
                       std::string_view body, size_t identities,
                       int64_t arrived_ms) {
  const size_t start = connection.out.size();
  connection.out.resize(start + kFrameHeadBytes);
  Error error = Error::kMarshallingError;  // Of a write without transaction
  if (op.kind == OpKind::kPing) {
    error = Error::kOk;
  } else if (op.read != nullptr) {
    const Reader reader{
        .tree = tree_,
        .watches = watches_,
        .connection = connection.id,
        .session =
            connection.session == nullptr ? kNoSession : connection.session->id,
        .identities =
            absl::MakeConstSpan(connection.identities).first(identities),
        .skip_acl = options_.skip_acl,
        .multi_read_bytes_max = options_.multi_read_bytes_max,
        .missed = &missed_};
    error = op.read(reader, body, &connection.out);
  }
  if (error != Error::kOk) {
    connection.out.resize(start + kFrameHeadBytes);
  }
  if (!missed_.empty()) {
    // setWatches: what was missed goes in front of the reply, which is empty.
    connection.out.resize(start);
    for (const MissedEvent& event : missed_) {
      SendEvent(connection, event.type, event.path, /*zxid=*/-1);
    }
    missed_.clear();
    connection.out.append(MakeFrame(xid, tree_.last_zxid(), error, ""));
  } else {
    const int32_t reply_xid = op.kind == OpKind::kPing ? jute::kPingXid : xid;
    FinishFrame(start, reply_xid, tree_.last_zxid(), error, &connection.out);
  }
  CountReply(connection, op, xid, arrived_ms, connection.out.size() - start);
}

void Replica::ReplyToWrite(Connection& connection, const Waiting& request,
                           const jute::TxnHeader& header) {
  if (request.op->kind == OpKind::kSession) {
    if (connection.session == nullptr) {
      return;
    }
    SendConnectResponse(connection, /*accepted=*/true);
    ++stats_.op_counts[OpIndex(*request.op)];
    return;
  }
  const size_t start = connection.out.size();
  connection.out.resize(start + kFrameHeadBytes);
  Error error = Error::kOk;
  if (request.op->code != OpCode::kMulti ||
      header.type == static_cast<int32_t>(OpCode::kError)) {
    CHECK(!results_.empty() || request.op->kind == OpKind::kClose);
    error = results_.empty() ? Error::kOk : results_.front().error;
  }
  if (error == Error::kOk && request.op->kind == OpKind::kWrite) {
    WriteResult(*request.op, results_, &connection.out);
  }
  FinishFrame(start, request.xid, tree_.last_zxid(), error, &connection.out);
  CountReply(connection, *request.op, request.xid, request.arrived_ms,
             connection.out.size() - start);
}

void Replica::Enqueue(Connection& connection, std::string frame,
                      bool then_close) {
  connection.waiting.push_back({.what = Waiting::For::kNothing,
                                .arrived_ms = now_ms_,
                                .then_close = then_close,
                                .text = std::move(frame)});
  ++outstanding_;
  ++connection.packets_sent;
  ++stats_.packets_sent;
  AdvanceQueue(connection);
}

void Replica::Refuse(Connection& connection, int32_t xid, int64_t zxid,
                     Error error) {
  connection.deaf = true;
  Enqueue(connection, MakeFrame(xid, zxid, error, ""), /*then_close=*/true);
}

void Replica::AdvanceQueue(Connection& connection) {
  while (!connection.closing && !connection.waiting.empty()) {
    Waiting& head = connection.waiting.front();
    if (head.what == Waiting::For::kTransaction ||
        head.what == Waiting::For::kSync) {
      return;
    }
    if (head.what == Waiting::For::kHeld) {
      AskForHeld(connection);
      return;
    }
    const Waiting request = Take(connection, connection.waiting.begin());
    if (request.what == Waiting::For::kTurn) {
      Evaluate(connection, *request.op, request.xid, request.text,
               request.identities, request.arrived_ms);
      continue;
    }
    connection.out.append(request.text);
    MarkDirty(connection);
    if (request.then_close) {
      Close(connection);
    }
  }
}

void Replica::SendEvent(Connection& connection, tree::EventType type,
                        std::string_view path, int64_t zxid) {
  const size_t start = connection.out.size();
  connection.out.resize(start + kFrameHeadBytes);
  jute::Write(jute::WatcherEvent{.type = static_cast<int32_t>(type),
                                 .state = kSyncConnected,
                                 .path = path},
              &connection.out);
  FinishFrame(start, jute::kWatchEventXid, zxid, Error::kOk, &connection.out);
  ++connection.packets_sent;
  ++stats_.packets_sent;
  stats_.watch_bytes +=
      static_cast<int64_t>(connection.out.size() - start - kLengthBytes);
  MarkDirty(connection);
}

void Replica::CountReply(Connection& connection, const Op& op, int32_t xid,
                         int64_t arrived_ms, size_t bytes) {
  const int64_t latency_ms = now_ms_ - arrived_ms;
  const auto size = static_cast<int64_t>(bytes - kLengthBytes);
  ++connection.packets_sent;
  ++stats_.packets_sent;
  connection.last_op = op.last_op;
  if (xid >= 0) {
    connection.last_cxid = xid;
  }
  connection.last_zxid = tree_.last_zxid();
  connection.last_response_ms = now_ms_;
  connection.last_latency_ms = latency_ms;
  connection.latency.Add(latency_ms);
  stats_.latency.Add(latency_ms);
  (op.kind == OpKind::kWrite ? stats_.update_latency : stats_.read_latency)
      .Add(latency_ms);
  ++stats_.op_counts[OpIndex(op)];
  stats_.response_bytes += size;
  stats_.last_response_size = size;
  stats_.max_response_size = std::max(stats_.max_response_size, size);
  stats_.min_response_size = stats_.min_response_size < 0
                                 ? size
                                 : std::min(stats_.min_response_size, size);
  MarkDirty(connection);
}

void Replica::MarkDirty(Connection& connection) {
  if (!connection.dirty) {
    connection.dirty = true;
    dirty_.push_back(connection.id);
  }
}

void Replica::Close(Connection& connection) {
  CHECK(!connection.closing);
  connection.closing = true;
  connection.deaf = true;
  watches_.RemoveConnection(connection.id);
  if (connection.session != nullptr) {
    connection.session->connection = kNoConnection;
    connection.session = nullptr;
  }
  stats_.stale_replies += static_cast<int64_t>(connection.waiting.size());
  outstanding_ -= connection.waiting.size();
  waiting_reply_bytes_ -= std::exchange(connection.waiting_reply_bytes, 0);
  connection.waiting.clear();
  connection.holding = 0;
  MarkDirty(connection);
}

}  // namespace paddock::replica
