#include "replica/replica.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "jute/proto.h"

namespace paddock::replica {

using jute::OpCode;

namespace {

// Paths of the requests or transactions that come next.
class PathsAhead {
 public:
  // Of messages with headers of so many bytes.
  explicit PathsAhead(size_t header_bytes) : begin_(header_bytes + 4) {}

  void Add(std::string_view message) {
    if (count_ < paths_.size() && message.size() > begin_ &&
        message[begin_] == '/') {
      paths_[count_++] = message.substr(
          begin_, jute::LoadBigEndian<uint32_t>(message.data() + begin_ - 4));
    }
  }
  absl::Span<const std::string_view> paths() const {
    return absl::MakeConstSpan(paths_.data(), count_);
  }

 private:
  // Of the path: nearly all that concern a znode have that, and its length
  // before it, behind the header.
  const size_t begin_;
  std::array<std::string_view, Replica::kAheadMax> paths_;
  size_t count_ = 0;
};

}  // namespace

Replica::Replica(const Options& options)
    : options_(options),
      tree_(options.tree),
      restorer_(options.tree.digest, &tree_, &restored_sessions_),
      sessions_(absl::ToInt64Milliseconds(options.tick_time)),
      preparer_(options_, tree_, &stats_) {}

Replica::~Replica() = default;

absl::Status Replica::RestoreSnapshot(zab::Zxid zxid, ByteSource source) {
  CHECK(!peer_.has_value()) << "restored while running";
  return restorer_.RestoreSnapshot(zxid.ToWire(), source);
}

absl::Status Replica::RestoreCheckpoint(
    zab::Zxid zxid, std::optional<uint64_t> digest,
    tree::SessionTimeouts sessions,
    absl::FunctionRef<absl::StatusOr<std::string>()> source) {
  CHECK(!peer_.has_value()) << "restored while running";
  const absl::Status status = restorer_.RestoreCheckpoint(
      zxid.ToWire(), digest, std::move(sessions), source);
  if (status.ok() && options_.checkpoints) {
    tree_.TrackChanges(/*all=*/false);
    restored_checkpoint_ = true;
  }
  return status;
}

bool Replica::Restore(const zab::Txn& txn) {
  CHECK(!peer_.has_value()) << "restored while running";
  return restorer_.RestoreTxn(txn.bytes);
}

std::vector<std::string> Replica::FinishRestore(const Tick& tick) {
  CHECK(!options_.ensemble.has_value());
  return FinishRestore(tick, {});
}

std::vector<std::string> Replica::FinishRestore(
    const Tick& tick, const zab::DurableState& durable) {
  CHECK(!peer_.has_value());
  for (const auto& [id, timeout_ms] : restored_sessions_) {
    sessions_.Add(SessionId{id}, timeout_ms)->committed = true;
  }
  restored_sessions_.clear();
  if (options_.checkpoints && !restored_checkpoint_) {
    tree_.TrackChanges(/*all=*/true);
    all_nodes_due_ = true;
  }
  next_session_id_ =
      ToWire(FirstSessionId(options_.server_id, options_.session_id_seed_ms));
  for (const auto& [id, session] : sessions_.all()) {
    // The wall clock may have gone back since an id was given out.  Ids with
    // another top byte are those of other servers.
    constexpr int kServerShift = 56;
    if (ToWire(id) >> kServerShift == next_session_id_ >> kServerShift) {
      next_session_id_ = std::max(next_session_id_, ToWire(id) + 1);
    }
  }
  if (options_.ensemble.has_value()) {
    CHECK_EQ(durable.state_zxid.ToWire(), tree_.last_zxid());
    peer_.emplace(*options_.ensemble, durable);
  } else {
    peer_.emplace(zab::Zxid::FromWire(tree_.last_zxid()));
  }
  Step(tick);
  return restorer_.Findings();
}

void Replica::Step(const Tick& event) {
  const int64_t now_ms = absl::ToInt64Milliseconds(event.now);
  CHECK_GE(now_ms, now_ms_);
  now_ms_ = now_ms;
  wall_ms_ = event.wall_ms;
  if (now_ms_ >= sessions_.NextExpiryMs()) {
    for (const SessionId id : sessions_.TakeExpired(now_ms_)) {
      ExpireSession(id);
    }
  }
  if (options_.ensemble.has_value()) {
    peer_->Step(zab::Tick{event.now});
  }
  Drain();
  AnswerImpatientPings();
  SweepContainers();
}

void Replica::Step(const Connected& event) {
  auto connection = std::make_unique<Connection>();
  connection->id = event.connection;
  connection->address = event.address;
  connection->port = event.port;
  connection->established_wall_ms = wall_ms_;
  connection->identities.push_back({"ip", event.address});
  const bool is_new =
      connections_.emplace(event.connection, std::move(connection)).second;
  CHECK(is_new) << static_cast<uint64_t>(event.connection);
}

void Replica::Step(const Disconnected& event) {
  if (Connection* connection = Find(event.connection)) {
    Close(*connection);
  }
}

void Replica::Step(const StillThere& event) {
  const Connection* connection = Find(event.connection);
  if (connection != nullptr && connection->session != nullptr &&
      !connection->session->closing) {
    Touch(connection->session);
  }
}

void Replica::Step(const Persisted& event) {
  CHECK(peer_.has_value());
  peer_->Step(event);
  Drain();
}

Checkpoint Replica::BeginCheckpoint() {
  Checkpoint checkpoint{.zxid = zab::Zxid::FromWire(tree_.last_zxid()),
                        .has_all_nodes = all_nodes_due_,
                        .has_all_sessions = all_sessions_due_,
                        .deleted_ids = tree_.BeginCapture(),
                        .closed_sessions = std::exchange(closed_sessions_, {})};
  if (options_.tree.digest) {
    checkpoint.digest = tree_.digest();
  }
  const auto add = [&checkpoint](const Session& session) {
    checkpoint.sessions[ToWire(session.id)] = session.timeout_ms;
  };
  if (all_sessions_due_) {
    for (const auto& [id, session] : sessions_.all()) {
      if (session->committed) {
        add(*session);
      }
    }
  } else {
    for (const SessionId id : new_sessions_) {
      if (const Session* session = sessions_.Find(id)) {
        add(*session);
      }
    }
  }
  new_sessions_.clear();
  return checkpoint;
}

bool Replica::Capture(size_t bytes_max, std::string* nodes) {
  return tree_.Capture(bytes_max, nodes);
}

void Replica::EndCheckpoint(bool is_durable) {
  tree_.EndCapture(is_durable);
  if (is_durable) {
    all_nodes_due_ = false;
  }
  all_sessions_due_ = !is_durable;
}

Ready Replica::TakeReady() {
  if (peer_.has_value()) {
    Drain();
  }
  for (const ConnectionId id : dirty_) {
    const auto it = connections_.find(id);
    CHECK(it != connections_.end());
    Connection& connection = *it->second;
    ready_.outputs.push_back(
        {id, std::exchange(connection.out, {}), connection.closing});
    connection.dirty = false;
    if (connection.closing) {
      connections_.erase(it);
    }
  }
  dirty_.clear();
  ready_.notices = preparer_.TakeNotices();
  return std::exchange(ready_, Ready());
}

absl::Duration Replica::NextDeadline() const {
  int64_t deadline_ms = sessions_.NextExpiryMs();
  if (leads_) {
    deadline_ms = std::min(deadline_ms, next_sweep_ms_);
  }
  if (options_.ensemble.has_value() &&
      peer_->NextDeadline() < absl::InfiniteDuration()) {
    deadline_ms = std::min(deadline_ms,
                           absl::ToInt64Milliseconds(absl::Ceil(
                               peer_->NextDeadline(), absl::Milliseconds(1))));
  }
  if (!sweep_.empty()) {
    deadline_ms = std::min(deadline_ms, next_sweep_deletion_ms_);
  }
  if (!impatient_pings_.empty()) {
    deadline_ms = std::min(deadline_ms, impatient_pings_.front().deadline_ms);
  }
  return absl::Milliseconds(deadline_ms);
}

size_t Replica::outstanding() const { return outstanding_; }

size_t Replica::outstanding(ConnectionId id) const {
  const Connection* connection = Find(id);
  return connection == nullptr ? 0 : connection->waiting.size();
}

bool Replica::MustWait(ConnectionId id) const {
  const Connection* connection = Find(id);
  if (connection == nullptr) {
    return false;
  }
  if (connection->wanted != kNoSession) {
    return true;
  }
  const size_t owed = connection->out.size() + connection->waiting_reply_bytes;
  return owed > (waiting_reply_bytes_ > options_.owed_bytes_total_soft
                     ? 0
                     : options_.owed_bytes_soft);
}

bool Replica::IsDropped(ConnectionId id, absl::Duration waited) const {
  const Connection* connection = Find(id);
  return options_.drop_stale_requests && connection != nullptr &&
         connection->session != nullptr &&
         IsStale(*connection->session, absl::ToInt64Milliseconds(waited));
}

bool Replica::HasSession(ConnectionId id) const {
  const Connection* connection = Find(id);
  return connection != nullptr && connection->handshake_done;
}

Connection* Replica::Find(ConnectionId id) {
  const auto it = connections_.find(id);
  return it == connections_.end() || it->second->closing ? nullptr
                                                         : it->second.get();
}

const Connection* Replica::Find(ConnectionId id) const {
  return const_cast<Replica*>(this)->Find(id);
}

Caller Replica::NextCaller(SessionId session, int32_t cxid,
                           absl::Span<const tree::Identity> identities) const {
  return {.session = session,
          .cxid = cxid,
          .identities = identities,
          .zxid = peer_->NextZxid().ToWire(),
          .wall_ms = wall_ms_};
}

void Replica::Propose(std::string txn, const Caller& caller,
                      ConnectionId connection) {
  peer_->Propose({zab::Zxid::FromWire(caller.zxid), std::move(txn)});
  proposals_.push_back(
      {caller.zxid, caller.session, caller.cxid, connection, now_ms_});
}

void Replica::Commit(const zab::Txn& txn) {
  jute::InputArchive in(txn.bytes);
  jute::TxnHeader header;
  CHECK(jute::Read(in, &header));
  CHECK_EQ(header.zxid, txn.zxid.ToWire());
  const std::string_view record =
      std::string_view(txn.bytes).substr(txn.bytes.size() - in.remaining());
  results_.clear();
  const bool applied = tree_.Apply(
      header, record, &results_,
      [&](const tree::Change& change) { ReportChange(change, header.zxid); });
  CHECK(applied) << "a transaction of ours, zxid " << header.zxid;
  CheckDigest(header);
  preparer_.Forget(header.zxid);
  ++stats_.commits;

  const Proposal proposal = TakeProposal(header);
  if (wall_ms_ >= header.time) {  // The wall clock may have gone back
    stats_.propagation_latency.Add(wall_ms_ - header.time);
  }
  Complete(header, record, proposal.connection);
}

// The proposal that became this transaction; none of ours if another member
// asked for it, or proposed it before this one led.
Replica::Proposal Replica::TakeProposal(const jute::TxnHeader& header) {
  if (proposals_.empty()) {
    return {};
  }
  const Proposal& front = proposals_.front();
  const bool is_ours = front.zxid == 0
                           ? ToWire(front.session) == header.clientId &&
                                 front.cxid == header.cxid
                           : front.zxid == header.zxid;
  if (!is_ours) {
    CHECK(front.zxid == 0 || header.zxid < front.zxid);
    return {};
  }
  const Proposal proposal = front;
  proposals_.pop_front();
  stats_.log_time.Add(now_ms_ - proposal.since_ms);
  return proposal;
}

void Replica::ReportChange(const tree::Change& change, int64_t zxid) {
  std::array<int64_t, 5> counts{};
  watches_.Trigger(change, [&](const tree::Notification& notification) {
    counts[static_cast<size_t>(notification.type)] +=
        static_cast<int64_t>(notification.connections.size());
    Deliver(notification, zxid);
  });
  for (size_t type = 0; type < counts.size(); ++type) {
    if (counts[type] > 0) {
      stats_.watches_triggered[type].Add(counts[type]);
    }
  }
}

// What was prepared must be what happened: the transaction tells the digest of
// the tree after it.  Where another member prepared it, that may be wrong: this
// one goes on, as a Java member does (zab-and-disk.md 5.5).
void Replica::CheckDigest(const jute::TxnHeader& header) {
  if (!options_.tree.digest ||
      header.type == static_cast<int32_t>(OpCode::kError)) {
    return;
  }
  const std::optional<uint64_t> announced = tree_.announced_digest();
  if (leads_) {
    CHECK(announced.has_value()) << "at zxid " << header.zxid;
    CHECK_EQ(*announced, tree_.digest()) << "at zxid " << header.zxid;
  } else if (announced.has_value() && *announced != tree_.digest()) {
    ++stats_.digest_mismatches;
    if (mismatch_log_.Allow(absl::Milliseconds(now_ms_))) {
      log::Error(
          "the leader announced digest {:x} for zxid 0x{:x}, but the digest "
          "of this tree is {:x}{}",
          *announced, header.zxid, tree_.digest(),
          mismatch_log_.TakeSuppressedText());
    }
  }
}

// Tells the requester, and does to sessions what the transaction says.
void Replica::Complete(const jute::TxnHeader& header, std::string_view record,
                       ConnectionId requester) {
  ConnectionId bound = kNoConnection;
  if (header.type == static_cast<int32_t>(OpCode::kCreateSession)) {
    const SessionId id{header.clientId};
    Session* session = sessions_.Find(id);
    if (session == nullptr) {  // A client of another member
      jute::CreateSessionTxn txn;
      jute::InputArchive in(record);
      CHECK(jute::Read(in, &txn));
      session = sessions_.Add(id, txn.timeOut);
      if (leads_) {
        sessions_.Touch(session, now_ms_);
      }
    }
    session->committed = true;
    if (options_.checkpoints) {
      new_sessions_.push_back(id);
    }
  }
  if (header.type == static_cast<int32_t>(OpCode::kCloseSession)) {
    const SessionId id{header.clientId};
    if (Session* session = sessions_.Find(id)) {
      bound = session->connection;
      if (Connection* connection = Find(bound)) {
        connection->session = nullptr;
      }
      sessions_.Remove(id);
    }
    if (options_.checkpoints) {
      closed_sessions_.push_back(id);
    }
  }
  if (Connection* connection = Find(requester)) {
    CHECK(!connection->waiting.empty());
    const Waiting request = Take(*connection, connection->waiting.begin());
    CHECK(request.what == Waiting::For::kTransaction);
    CHECK(request.zxid == 0 || request.zxid == header.zxid) << request.zxid;
    if (header.type == static_cast<int32_t>(OpCode::kError) &&
        results_.front().error == Error::kSessionMoved) {
      Close(*connection);  // The client is elsewhere
      return;
    }
    ReplyToWrite(*connection, request, header);
    if (request.op->kind == OpKind::kClose) {
      Close(*connection);
    }
    AdvanceQueue(*connection);
  }
  // Who asked for the end of its session is closed behind the reply.
  if (Connection* connection = Find(bound); bound != requester && connection) {
    Close(*connection);
  }
}

void Replica::Deliver(const tree::Notification& notification, int64_t zxid) {
  const auto& ids = notification.connections;
  for (size_t i = 0; i < ids.size(); ++i) {
    PrefetchEntries(connections_, i, ids.size(),
                    [&](size_t later) { return ids[later]; });
    Connection* connection = Find(ids[i]);
    CHECK(connection != nullptr) << "a watch outlived its connection";
    if (options_.skip_acl ||
        tree::Permits(notification.acl->entries(), jute::kPermRead,
                      connection->identities)) {
      SendEvent(*connection, notification.type, notification.path, zxid);
    }
  }
}

void Replica::ExpireSession(SessionId id) {
  ++stats_.expired_sessions;
  CloseSession(id, /*cxid=*/0, kNoConnection);
}

void Replica::CloseSession(SessionId id, int32_t cxid, ConnectionId requester) {
  const Caller caller = NextCaller(id, cxid, {});
  Propose(preparer_.CloseSession(caller), caller, requester);
  if (Session* session = sessions_.Find(id)) {
    sessions_.SetClosing(session);
  }
}

// Whether a container, or a TTL node, is empty and old enough to go.
bool Replica::IsSweepDue(const jute::StatPersisted& stat,
                         int32_t num_children) const {
  if (num_children > 0) {
    return false;
  }
  const int64_t age_ms = wall_ms_ - stat.mtime;
  if (stat.ephemeralOwner == tree::kContainerOwner) {
    const int64_t never_used_ms =
        absl::ToInt64Milliseconds(options_.container_max_never_used);
    return stat.cversion > 0 || (never_used_ms > 0 && age_ms > never_used_ms);
  }
  const auto ttl_ms = tree_.TtlOf(stat.ephemeralOwner);
  return ttl_ms.has_value() && age_ms > *ttl_ms;
}

// Looks for containers and TTL nodes to delete, and deletes those found
// earlier at the pace that the configuration allows (chapter 7), if they are
// still due: clients may have put something else in their place.
void Replica::SweepContainers() {
  if (!leads_) {
    return;
  }
  if (now_ms_ >= next_sweep_ms_) {
    next_sweep_ms_ =
        now_ms_ + absl::ToInt64Milliseconds(options_.container_check_interval);
    if (sweep_.empty()) {
      for (const auto* nodes : {&tree_.containers(), &tree_.ttl_nodes()}) {
        for (const tree::Znode* node : *nodes) {
          if (IsSweepDue(node->stat(), node->num_children())) {
            sweep_.emplace_back(node->path());
          }
        }
      }
      next_sweep_deletion_ms_ = now_ms_;
    }
  }
  const int64_t pace_ms = 60000 / options_.container_deletions_per_minute;
  while (!sweep_.empty() && now_ms_ >= next_sweep_deletion_ms_) {
    const std::string path = std::move(sweep_.front());
    sweep_.pop_front();
    const auto node = preparer_.Find(path);
    if (node.has_value() && IsSweepDue(node->stat(), node->num_children())) {
      const Caller caller = NextCaller(kNoSession, /*cxid=*/0, {});
      Propose(preparer_.SweepContainer(caller, path), caller, kNoConnection);
      next_sweep_deletion_ms_ += pace_ms;
    }
  }
}

MemoryUse Replica::memory_use() const {
  size_t connections = TableBytes(connections_);
  for (const auto& [id, connection] : connections_) {
    connections += HeapBytes(sizeof(Connection)) + connection->out.capacity() +
                   connection->waiting.size() * sizeof(Waiting);
    for (const Waiting& waiting : connection->waiting) {
      connections += waiting.text.capacity();
    }
  }
  return {.znodes = tree_.node_bytes(),
          .data = tree_.data_bytes(),
          .watches = watches_.memory_bytes(),
          .sessions = sessions_.memory_bytes(),
          .connections = connections};
}

void Replica::CheckInvariants() const {
  tree_.CheckInvariants();
  size_t waiting = 0;
  size_t reply_bytes = 0;
  for (const auto& [id, connection] : connections_) {
    CHECK(connection->id == id);
    waiting += connection->waiting.size();
    reply_bytes += connection->waiting_reply_bytes;
    int64_t last_zxid = 0;
    for (const Waiting& request : connection->waiting) {
      if (request.what == Waiting::For::kTransaction && leads_) {
        CHECK_GT(request.zxid, last_zxid);
        CHECK_GT(request.zxid, tree_.last_zxid());
        last_zxid = request.zxid;
      }
    }
    if (connection->session != nullptr) {
      CHECK(connection->session->connection == id);
    }
  }
  CHECK_EQ(waiting, outstanding_);
  CHECK_EQ(reply_bytes, waiting_reply_bytes_);
  for (size_t i = 1; i < proposals_.size() && leads_; ++i) {
    CHECK_LT(proposals_[i - 1].zxid, proposals_[i].zxid);
  }
  if (proposals_.empty()) {
    CHECK(!preparer_.has_pending_changes());
  }
}

void Replica::LookAhead(absl::Span<const std::string_view> requests) const {
  constexpr size_t kHeaderBytes = 8;
  PathsAhead ahead(kHeaderBytes);
  for (const std::string_view request : requests) {
    ahead.Add(request);
  }
  tree_.Prefetch(ahead.paths());
}

// A set takes 3.4 us of CPU for it instead of 3.9 where sets go all over a
// million znodes.
void Replica::LookAhead(absl::Span<const zab::Txn> txns) const {
  constexpr size_t kHeaderBytes = 32;
  PathsAhead ahead(kHeaderBytes);
  for (const zab::Txn& txn : txns) {
    ahead.Add(txn.bytes);
  }
  tree_.Prefetch(ahead.paths());
}

}  // namespace paddock::replica
