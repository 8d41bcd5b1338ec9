// How a Replica gives a connection its session (client-protocol.md 2.2 to 2.5).

#include <algorithm>
#include <array>

#include "jute/archive.h"
#include "jute/proto.h"
#include "jute/txn.h"
#include "replica/replica.h"

namespace paddock::replica {

using jute::OpCode;

void Replica::Connect(Connection& connection, std::string_view frame) {
  ++stats_.connection_requests;
  jute::InputArchive in(frame);
  jute::ConnectRequest request;
  if (!jute::Read(in, &request)) {
    ++stats_.unsuccessful_handshakes;
    Close(connection);
    return;
  }
  connection.sends_read_only = in.remaining() > 0;
  if (request.lastZxidSeen > tree_.last_zxid()) {
    // The client knows more than this server: let it find another (15.1).
    ++stats_.unsuccessful_handshakes;
    Close(connection);
    return;
  }
  const int64_t timeout_ms = std::min(
      std::max<int64_t>(request.timeOut, absl::ToInt64Milliseconds(
                                             options_.min_session_timeout)),
      absl::ToInt64Milliseconds(options_.max_session_timeout));
  if (request.sessionId == 0) {
    CreateSession(connection, static_cast<int32_t>(timeout_ms));
  } else {
    RenewSession(connection, SessionId{request.sessionId}, request.passwd,
                 static_cast<int32_t>(timeout_ms));
  }
}

void Replica::CreateSession(Connection& connection, int32_t timeout_ms) {
  const SessionId id{next_session_id_++};
  connection.session = sessions_.Add(id, timeout_ms);
  connection.session->connection = connection.id;
  connection.session->owner = options_.server_id;
  Touch(connection.session);
  const Op* op = FindOp(static_cast<int32_t>(OpCode::kCreateSession));
  if (!leads_) {
    std::string body;
    jute::Write(jute::CreateSessionTxn{.timeOut = timeout_ms}, &body);
    Forward(id, /*cxid=*/0, OpCode::kCreateSession, body, {}, connection.id);
    AwaitTransaction(connection, *op, /*xid=*/0, /*zxid=*/0, now_ms_);
    return;
  }
  const Caller caller = NextCaller(id, /*cxid=*/0, {});
  Propose(preparer_.CreateSession(caller, timeout_ms), caller, connection.id);
  AwaitTransaction(connection, *op, /*xid=*/0, caller.zxid, now_ms_);
}

void Replica::RenewSession(Connection& connection, SessionId id,
                           std::string_view password, int32_t timeout_ms) {
  ++stats_.revalidations;
  Session* session = sessions_.Find(id);
  if (session != nullptr) {
    // One connection serves a session; the old one goes first, even when the
    // password then turns out wrong (2.3).
    if (Connection* old = Find(session->connection)) {
      Close(*old);
    }
  }
  const std::array<char, 16> expected = SessionPassword(id);
  const bool is_right =
      password == std::string_view(expected.data(), expected.size());
  const bool is_open = session != nullptr && !session->closing;
  if (!is_right || (leads_ && is_open)) {
    Resume(connection, id, timeout_ms, is_right);
    return;
  }
  connection.wanted = id;
  connection.wanted_timeout_ms = timeout_ms;
  if (leads_) {
    // Unless another leads by now: then it may know the session, or may never
    // hear of its end.
    AwaitSync({.connection = connection.id, .session = id});
  } else {
    revalidations_.push_back(connection.id);
    peer_->SendToLeader(zab::Revalidate{id, timeout_ms});
  }
}

// Answers a client that wants to go on with its session.
void Replica::Resume(Connection& connection, SessionId id, int32_t timeout_ms,
                     bool accepted) {
  connection.wanted = kNoSession;
  if (accepted) {
    Session* session = sessions_.Find(id);
    if (session == nullptr) {  // The leader knows it, and it will come
      session = sessions_.Add(id, timeout_ms);
    }
    if (Connection* old = Find(session->connection)) {
      Close(*old);
    }
    connection.session = session;
    session->connection = connection.id;
    session->owner = options_.server_id;
    session->timeout_ms = timeout_ms;
    Touch(session);
  } else {
    ++stats_.unsuccessful_handshakes;
  }
  SendConnectResponse(connection, accepted);
  if (!accepted) {
    Close(connection);
  }
}

void Replica::SendConnectResponse(Connection& connection, bool accepted) {
  std::array<char, 16> password{};
  jute::ConnectResponse response;
  if (accepted) {
    response.timeOut = connection.session->timeout_ms;
    response.sessionId = ToWire(connection.session->id);
    password = SessionPassword(connection.session->id);
  }
  response.passwd = {password.data(), password.size()};
  std::string body;
  jute::Write(response, &body);
  if (connection.sends_read_only) {
    body.push_back(0);  // This server is not read-only
  }
  jute::OutputArchive out(&connection.out);
  out.WriteInt(static_cast<int32_t>(body.size()));
  connection.out.append(body);
  connection.handshake_done = accepted;
  ++connection.packets_sent;
  ++stats_.packets_sent;
  MarkDirty(connection);
}

}  // namespace paddock::replica
