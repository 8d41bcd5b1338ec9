// How a Replica takes part in an ensemble: what it does when its role changes,
// what learners ask of their leader, and what a leader answers
// (zab-and-disk.md 3.10, 4).

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/log.h"
#include "jute/archive.h"
#include "jute/data.h"
#include "jute/txn.h"
#include "replica/replica.h"
#include "tree/operation.h"

namespace paddock::replica {
namespace {

using jute::OpCode;

// As the packet of a request carries them.
std::string EncodeIdentities(absl::Span<const tree::Identity> identities) {
  std::string bytes;
  jute::OutputArchive out(&bytes);
  out.WriteInt(static_cast<int32_t>(identities.size()));
  for (const tree::Identity& identity : identities) {
    jute::Write(jute::Id{identity.scheme, identity.id}, &bytes);
  }
  return bytes;
}

absl::Status RestoreFrom(std::string_view bytes, int64_t zxid,
                         tree::Restorer* restorer) {
  return restorer->RestoreSnapshot(zxid, [&](char* buffer, size_t size) {
    const size_t taken = std::min(size, bytes.size());
    bytes.copy(buffer, taken);
    bytes.remove_prefix(taken);
    return absl::StatusOr<size_t>(taken);
  });
}

bool DecodeIdentities(std::string_view bytes,
                      std::vector<tree::Identity>* identities) {
  if (bytes.empty()) {
    return true;
  }
  jute::InputArchive in(bytes);
  const int32_t count = in.ReadInt();
  for (int32_t i = 0; i < count && in.ok(); ++i) {
    jute::Id id;
    if (!jute::Read(in, &id)) {
      return false;
    }
    identities->push_back({std::string(id.scheme), std::string(id.id)});
  }
  return in.ok();
}

}  // namespace

// What cannot be read is not passed on, for it could not be applied later.
void Replica::Step(zab::Received event) {
  const bool is_leaders = !leads_ && peer_->leader() == event.from;
  if (is_leaders && !IsReadable(event.message)) {
    if (unreadable_log_.Allow(absl::Milliseconds(now_ms_))) {
      log::Error("cannot read what server {} sent: {}{}",
                 static_cast<int64_t>(event.from), zab::Describe(event.message),
                 unreadable_log_.TakeSuppressedText());
    }
    peer_->Step(zab::LinkLost{event.from});  // It hangs up
  } else {
    peer_->Step(std::move(event));
  }
  Drain();
}

bool Replica::IsReadable(const zab::Message& message) const {
  if (const auto* proposal = std::get_if<zab::Proposal>(&message)) {
    return IsReadable(proposal->zxid, proposal->txn);
  }
  if (const auto* inform = std::get_if<zab::Inform>(&message)) {
    return IsReadable(inform->zxid, inform->txn);
  }
  if (const auto* inform = std::get_if<zab::InformAndActivate>(&message)) {
    return IsReadable(inform->zxid, inform->txn);
  }
  if (const auto* snap = std::get_if<zab::Snap>(&message)) {
    tree::DataTree tree(options_.tree);
    tree::SessionTimeouts timeouts;
    tree::Restorer restorer(options_.tree.digest, &tree, &timeouts);
    return RestoreFrom(snap->state, snap->zxid.ToWire(), &restorer).ok();
  }
  return true;
}

bool Replica::IsReadable(zab::Zxid zxid, std::string_view txn) const {
  jute::InputArchive in(txn);
  jute::TxnHeader header;
  if (!jute::Read(in, &header) || header.zxid != zxid.ToWire()) {
    return false;
  }
  const OpCode type{header.type};
  std::string_view record = txn.substr(txn.size() - in.remaining());
  std::vector<tree::Operation> operations;
  // Only an error may come under the zxid before it (zab-and-disk.md 12.B 8).
  return tree::DecodeTxn(header.type, &record, &operations) &&
         (type != OpCode::kCreateSession ||
          SessionId{header.clientId} != kNoSession) &&
         (type == OpCode::kError || zxid != peer_->last_logged());
}

void Replica::Step(const zab::LinkLost& event) {
  peer_->Step(event);
  Drain();
}

void Replica::Step(const Stop& event) {
  peer_->Step(event);
  Drain();
}

// Carries out what the peer wants, and what it wants because of that.
void Replica::Drain() {
  if (draining_) {
    return;  // What is under way will get there
  }
  draining_ = true;
  while (CarryOut(peer_->TakeReady())) {
  }
  draining_ = false;
}

// False when there was nothing that could make the peer want more.
bool Replica::CarryOut(zab::Ready ready) {
  std::move(ready.writes.begin(), ready.writes.end(),
            std::back_inserter(ready_.writes));
  if (ready.install.has_value()) {
    Install(*ready.install);
  }
  if (!ready.committed.empty()) {
    stats_.batch_size.Add(static_cast<int64_t>(ready.committed.size()));
  }
  // A sync is answered before what comes behind it is applied.
  auto sync = ready.syncs.begin();
  const auto release = [&] {
    for (; sync != ready.syncs.end() && sync->ToWire() <= tree_.last_zxid();
         ++sync) {
      ReleaseSync();
    }
  };
  release();
  const absl::Span<const zab::Txn> committed = ready.committed;
  for (size_t i = 0; i < committed.size(); ++i) {
    if (i % kAheadMax == 0) {
      LookAhead(committed.subspan(i, kAheadMax));
    }
    Commit(committed[i]);
    release();
  }
  CHECK(sync == ready.syncs.end());
  for (zab::Envelope& envelope : ready.messages) {
    if (auto* snap = std::get_if<zab::Snap>(&envelope.message)) {
      snap->state = Snapshot();
    } else if (auto* ping = std::get_if<zab::Ping>(&envelope.message);
               ping != nullptr && !leads_) {
      for (const auto& [session, timeout_ms] : touched_) {
        ping->sessions.push_back({session, timeout_ms});
      }
      touched_.clear();
    }
    ready_.messages.push_back(std::move(envelope));
  }
  std::move(ready.hang_ups.begin(), ready.hang_ups.end(),
            std::back_inserter(ready_.hang_ups));
  UpdateRole();
  for (zab::Delivery& delivery : ready.deliveries) {
    Take(std::move(delivery));
  }
  return !ready.committed.empty() || !ready.syncs.empty() ||
         !ready.deliveries.empty() || ready.install.has_value();
}

// Whether the peer has gone on from what this server still does: the last
// commits of a role are applied before it ends.
bool Replica::HasLostRole() const {
  return serving_ && (!peer_->IsServing() || leads_ != peer_->CanPropose() ||
                      serving_epoch_ != peer_->current_epoch());
}

void Replica::UpdateRole() {
  if (HasLostRole()) {
    StopServing();
  }
  // A leader that is to stop only hands over what it has.
  const bool hands_over =
      peer_->role() == zab::Role::kLeading && !peer_->CanPropose();
  if (peer_->IsServing() && !hands_over && !serving_) {
    StartServing();
  }
}

void Replica::StartServing() {
  serving_ = true;
  leads_ = peer_->CanPropose();
  serving_epoch_ = peer_->current_epoch();
  if (leads_) {
    StartLeading();
  }
}

// Clients go and look for another member.  What they wait for may be committed
// yet; who proposed it does not know any more.
void Replica::StopServing() {
  serving_ = false;
  leads_ = false;
  std::vector<ConnectionId> open;
  for (const auto& [id, connection] : connections_) {
    if (!connection->closing) {
      open.push_back(id);
    }
  }
  std::sort(open.begin(), open.end());  // The order shows in the output
  for (const ConnectionId id : open) {
    Close(*Find(id));
  }
  proposals_.clear();
  revalidations_.clear();
  syncs_.clear();
  impatient_pings_.clear();
  touched_.clear();
  sweep_.clear();
  preparer_.Forget(std::numeric_limits<int64_t>::max());
  sessions_.StopClocks();
  std::vector<SessionId> unborn;
  for (const auto& [id, session] : sessions_.all()) {
    session->owner = ServerId{0};
    if (!session->committed) {
      unborn.push_back(id);
    }
  }
  for (const SessionId id : unborn) {
    sessions_.Remove(id);
  }
}

// Every session's clock starts afresh; what sessions left behind goes.
void Replica::StartLeading() {
  for (const auto& [id, session] : sessions_.all()) {
    sessions_.Touch(session.get(), now_ms_);
  }
  next_sweep_ms_ =
      now_ms_ + absl::ToInt64Milliseconds(options_.container_check_interval);
  std::vector<SessionId> owners_gone;
  for (const auto& [owner, nodes] : tree_.ephemerals()) {
    if (sessions_.Find(SessionId{owner}) == nullptr) {
      owners_gone.push_back(SessionId{owner});
    }
  }
  for (const SessionId owner : owners_gone) {
    CloseSession(owner, /*cxid=*/0, kNoConnection);
  }
}

// Replaces all there is.  Nobody is served meanwhile.
void Replica::Install(const zab::Snapshot& snapshot) {
  CHECK(!serving_);
  restored_sessions_.clear();
  const absl::Status status =
      RestoreFrom(snapshot.state, snapshot.zxid.ToWire(), &restorer_);
  CHECK(status.ok() || snapshot.state.empty()) << status.ToString();
  while (sessions_.size() > 0) {
    sessions_.Remove(sessions_.all().begin()->first);
  }
  for (const auto& [id, timeout_ms] : restored_sessions_) {
    sessions_.Add(SessionId{id}, timeout_ms)->committed = true;
  }
  restored_sessions_.clear();
  new_sessions_.clear();
  closed_sessions_.clear();
  if (options_.checkpoints) {
    tree_.TrackChanges(/*all=*/true);
    all_nodes_due_ = true;
    all_sessions_due_ = true;
  }
}

// What a leader has that is to be established is part of its epoch, but not yet
// of its tree.
std::string Replica::Snapshot() const {
  std::string bytes;
  const auto sink = [&bytes](std::string_view piece) {
    bytes.append(piece);
    return absl::OkStatus();
  };
  tree::SessionTimeouts timeouts;
  for (const auto& [id, session] : sessions_.all()) {
    if (session->committed) {
      timeouts[ToWire(id)] = session->timeout_ms;
    }
  }
  CHECK(tree::WriteSnapshot(tree_, timeouts, sink).ok());
  if (peer_->IsServing()) {
    return bytes;
  }
  const zab::History& history = peer_->history();
  zab::Zxid zxid = zab::Zxid::FromWire(tree_.last_zxid());
  if (history.pending_state().has_value()) {
    zxid = history.pending_state()->zxid;
    bytes = history.pending_state()->state;
  }
  if (zxid == history.last_logged()) {
    return bytes;
  }
  tree::DataTree tree(options_.tree);
  timeouts.clear();
  tree::Restorer restorer(options_.tree.digest, &tree, &timeouts);
  CHECK(RestoreFrom(bytes, zxid.ToWire(), &restorer).ok());
  history.ForEach(zxid, history.last_logged(), [&](const zab::Txn& txn) {
    CHECK(restorer.RestoreTxn(txn.bytes)) << txn.zxid;
  });
  bytes.clear();
  CHECK(tree::WriteSnapshot(tree, timeouts, sink).ok());
  return bytes;
}

// A client was heard of.
void Replica::Touch(Session* session) {
  if (leads_) {
    sessions_.Touch(session, now_ms_);
  } else {
    touched_[session->id] = session->timeout_ms;
  }
}

void Replica::Forward(SessionId session, int32_t cxid, OpCode op,
                      std::string_view body,
                      absl::Span<const tree::Identity> identities,
                      ConnectionId connection) {
  peer_->SendToLeader(zab::Request{session, cxid, static_cast<int32_t>(op),
                                   std::string(body),
                                   EncodeIdentities(identities)});
  proposals_.push_back({/*zxid=*/0, session, cxid, connection, now_ms_});
}

// A write behind a sync waits until the sync is answered.
void Replica::Hold(Connection& connection, const Op& op, int32_t xid,
                   std::string_view body, size_t identities,
                   int64_t arrived_ms) {
  connection.waiting.push_back({.what = Waiting::For::kHeld,
                                .op = &op,
                                .xid = xid,
                                .arrived_ms = arrived_ms,
                                .identities = identities,
                                .text = std::string(body)});
  ++connection.holding;
  ++outstanding_;
}

// The sync in front of them is answered: asks for what was held, in order.
void Replica::AskForHeld(Connection& connection) {
  std::deque<Waiting> rest;
  while (!connection.waiting.empty()) {
    rest.push_back(Take(connection, connection.waiting.begin()));
  }
  for (Waiting& request : rest) {
    if (connection.closing || connection.session->closing) {
      return;  // As in Step()
    }
    if (request.what == Waiting::For::kNothing) {
      connection.waiting.push_back(std::move(request));
      ++outstanding_;
    } else {
      Request(connection, request.xid, *request.op, request.text,
              request.identities, request.arrived_ms);
    }
  }
}

void Replica::Take(zab::Delivery delivery) {
  if (auto* request = std::get_if<zab::Request>(&delivery.message)) {
    if (leads_) {
      TakeRequest(delivery.from, *request);
    }
  } else if (auto* ping = std::get_if<zab::Ping>(&delivery.message)) {
    for (const zab::Touch& touch : ping->sessions) {
      Session* session = sessions_.Find(touch.session);
      if (leads_ && session != nullptr && !session->closing) {
        session->timeout_ms = touch.timeout_ms;
        sessions_.Touch(session, now_ms_);
      }
    }
  } else if (auto* ask = std::get_if<zab::Revalidate>(&delivery.message)) {
    if (leads_) {
      Session* session = sessions_.Find(ask->session);
      if (session == nullptr || session->closing) {
        AwaitSync({.session = ask->session, .learner = delivery.from});
        return;  // As in RenewSession()
      }
      if (Connection* old = Find(session->connection)) {
        Close(*old);  // The client is there now
      }
      session->owner = delivery.from;
      session->timeout_ms = ask->timeout_ms;
      sessions_.Touch(session, now_ms_);
      peer_->SendToLearner(delivery.from,
                           zab::Revalidated{ask->session, /*valid=*/true});
    }
  } else if (auto* answer = std::get_if<zab::Revalidated>(&delivery.message)) {
    TakeAnswer(*answer);
  } else if (std::holds_alternative<zab::Sync>(delivery.message)) {
    ReleaseSync();
  } else if (std::holds_alternative<zab::CommitAndActivate>(delivery.message) ||
             std::holds_alternative<zab::InformAndActivate>(delivery.message)) {
    log::Error(
        "the ensemble was reconfigured, which this server is not: it follows "
        "server {} as long as that leads, and must then be started with the "
        "new configuration",
        static_cast<int64_t>(delivery.from));
  }
}

Error Replica::CheckOwner(Session* session, ServerId from) const {
  if (session == nullptr || session->closing) {
    return Error::kSessionExpired;
  }
  if (session->owner == ServerId{0}) {
    session->owner = from;  // Another leader knew
  }
  return session->owner == from ? Error::kOk : Error::kSessionMoved;
}

// Each becomes exactly one transaction: the learner counts on that.
void Replica::TakeRequest(ServerId from, const zab::Request& request) {
  std::vector<tree::Identity> identities;
  const Op* op = FindOp(request.op);
  const bool is_whole =
      op != nullptr && DecodeIdentities(request.identities, &identities);
  if (is_whole && op->kind == OpKind::kSync) {
    peer_->Sync(from);
    return;
  }
  const Caller caller = NextCaller(request.session, request.cxid, identities);
  Session* session = sessions_.Find(request.session);
  if (is_whole && op->code == OpCode::kCreateSession &&
      request.session != kNoSession &&
      (session == nullptr || !session->closing)) {
    jute::CreateSessionTxn create;
    jute::InputArchive in(request.body);
    if (jute::Read(in, &create)) {
      session = sessions_.Add(request.session, create.timeOut);
      session->owner = from;
      sessions_.Touch(session, now_ms_);
      Propose(preparer_.CreateSession(caller, create.timeOut), caller,
              kNoConnection);
      return;
    }
  }
  std::string txn;
  if (!is_whole) {
    txn = preparer_.Refuse(caller, Error::kMarshallingError);
  } else if (const Error error = CheckOwner(session, from);
             error != Error::kOk) {
    txn = preparer_.Refuse(caller, error);
  } else if (op->kind == OpKind::kClose) {
    CloseSession(request.session, request.cxid, kNoConnection);
    return;
  } else if (op->kind == OpKind::kWrite) {
    auto prepared = preparer_.Prepare(caller, op->code, request.body);
    txn = prepared.has_value()
              ? *std::move(prepared)
              : preparer_.Refuse(caller, Error::kMarshallingError);
  } else {
    txn = preparer_.Refuse(caller, Error::kUnimplemented);
  }
  Propose(std::move(txn), caller, kNoConnection);
}

// Of those that want the session, it is for the one that asked first.
void Replica::TakeAnswer(const zab::Revalidated& answer) {
  std::erase_if(revalidations_,
                [&](ConnectionId id) { return Find(id) == nullptr; });
  const auto asked = std::find_if(
      revalidations_.begin(), revalidations_.end(),
      [&](ConnectionId id) { return Find(id)->wanted == answer.session; });
  if (asked == revalidations_.end()) {
    return;  // It is gone, or nobody asked
  }
  Connection& connection = *Find(*asked);
  revalidations_.erase(asked);
  Resume(connection, answer.session, connection.wanted_timeout_ms,
         answer.valid);
}

void Replica::AwaitSync(const SyncWaiter& waiter) {
  syncs_.push_back(waiter);
  peer_->Sync(options_.ensemble.has_value() ? options_.ensemble->id
                                            : zab::kStandalone);
  Drain();
}

// The oldest sync of this member is done.
void Replica::ReleaseSync() {
  if (syncs_.empty()) {
    return;  // Its member stopped serving meanwhile
  }
  const SyncWaiter waiter = syncs_.front();
  syncs_.pop_front();
  if (waiter.learner != ServerId{0}) {
    peer_->SendToLearner(waiter.learner,
                         zab::Revalidated{waiter.session, /*valid=*/false});
    return;
  }
  Connection* connection = Find(waiter.connection);
  if (connection == nullptr) {
    return;
  }
  if (waiter.session != kNoSession) {
    Resume(*connection, waiter.session, connection->wanted_timeout_ms,
           /*accepted=*/false);
    return;
  }
  const auto sync = std::find_if(
      connection->waiting.begin(), connection->waiting.end(),
      [](const Waiting& w) { return w.what == Waiting::For::kSync; });
  CHECK(sync != connection->waiting.end());
  sync->what = Waiting::For::kTurn;
  --connection->holding;
  AdvanceQueue(*connection);
}

}  // namespace paddock::replica
