// A Replica is one whole server without I/O: sessions, requests, watches, the
// tree, and the Zab peer that orders its transactions.  Start here.
//
// The owner passes events to Step() one at a time, begins each batch of them
// with a Tick, and carries out what TakeReady() returns.  A Replica does no
// I/O, reads no clock and draws no random numbers, so equal events give equal
// results.  It may send what it hands out at once: a reply that promises a
// write is held back until a Persisted event has confirmed that write.
//
// How a request travels: Step(Received) decodes it.  A read is evaluated at
// once, unless an earlier request of its connection still waits; then it waits
// behind it.  A write is prepared into a transaction at once (prepare.h),
// proposed to the peer, and waits.  Step(Persisted) makes the peer commit;
// each committed transaction is applied to the tree, its watch events go out,
// then the reply of the request that waited for it, then the reads behind it.
//
// Invariants:
//
// (1) Replies leave in the order of the requests of their connection (but a
//     ping that has waited too long overtakes: its lane must stay free in any
//     storm).
// (2) The events of transaction Z are in a connection's output before any
//     reply to a read that was evaluated after Z; a read that was evaluated
//     before Z replied before them (client-protocol.md 2.8).
// (3) No output promises something that is not durable.
//
// Not thread-safe.

#ifndef PADDOCK_REPLICA_REPLICA_H_
#define PADDOCK_REPLICA_REPLICA_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/byte_stream.h"
#include "base/ids.h"
#include "base/log.h"
#include "jute/txn.h"
#include "replica/connection.h"
#include "replica/options.h"
#include "replica/prepare.h"
#include "replica/sessions.h"
#include "replica/stats.h"
#include "tree/data_tree.h"
#include "tree/restorer.h"
#include "tree/snapshot.h"
#include "tree/watches.h"
#include "zab/peer.h"
#include "zab/write.h"

namespace paddock::replica {

// Time passes.  `now` is monotonic from an origin of the owner's choice and
// never goes back; `wall_ms` is the wall clock in ms since the epoch, which is
// stamped into transactions and may jump.
struct Tick {
  absl::Duration now;
  int64_t wall_ms = 0;
};

// A client opened a connection from `address`: a numeric IPv4 or IPv6 address
// as ZooKeeper writes it (IPv6 as eight hexadecimal groups).
struct Connected {
  ConnectionId connection = kNoConnection;
  std::string address;
  uint16_t port = 0;
};

// One frame of a client, without its length prefix.  The first frame of a
// connection is its ConnectRequest.  The view is used during the call only.
struct Received {
  ConnectionId connection = kNoConnection;
  std::string_view frame;
  absl::Duration waited = absl::ZeroDuration();  // Held back by the owner
};

// The connection is gone: closed by the client, by the owner or by an error.
// The session that used it lives on.  Events for connections that are not (or
// no longer) known are ignored.
struct Disconnected {
  ConnectionId connection = kNoConnection;
};

// The owner holds back requests of this connection: its session must not
// expire for that.
struct StillThere {
  ConnectionId connection = kNoConnection;
};

using zab::Persisted;
using zab::Stop;

// Bytes for one connection, length prefixes included.
struct Output {
  ConnectionId connection = kNoConnection;
  std::string bytes;
  bool close = false;  // Close it once the bytes are flushed
};

struct Ready {
  std::vector<Output> outputs;     // At most one for each connection
  std::vector<zab::Write> writes;  // Keep the order, then report Persisted
  // To other members, and the links to close behind that (zab/peer.h).
  std::vector<zab::Envelope> messages;
  std::vector<ServerId> hang_ups;
  std::vector<std::string> notices;  // Lines for the log, for operators
};

// A checkpoint but for its znodes, which Capture() returns.
struct Checkpoint {
  zab::Zxid zxid;
  std::optional<uint64_t> digest;
  // Whether it has all znodes, or sessions, and not only what changed.
  bool has_all_nodes = false;
  bool has_all_sessions = false;
  std::shared_ptr<const std::vector<int64_t>> deleted_ids;  // Of znodes
  std::vector<SessionId> closed_sessions;
  tree::SessionTimeouts sessions;
};

class Replica {
 public:
  // Starts from an empty history.
  explicit Replica(const Options& options);
  ~Replica();

  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Starts from the snapshot `source` instead, which is named after `zxid`.
  // Errors: those of tree::ReadSnapshot(), after which the history is empty
  // again.  Before the first Restore().
  absl::Status RestoreSnapshot(zab::Zxid zxid, ByteSource source);

  // Likewise a checkpoint (tree::Restorer::RestoreCheckpoint()).
  absl::Status RestoreCheckpoint(
      zab::Zxid zxid, std::optional<uint64_t> digest,
      tree::SessionTimeouts sessions,
      absl::FunctionRef<absl::StatusOr<std::string>()> source);

  // Replays one transaction of the log; in zxid order, before FinishRestore().
  // False when its bytes cannot be decoded.
  [[nodiscard]] bool Restore(const zab::Txn& txn);

  // Ends the replay: every restored session's clock starts afresh at
  // `tick.now`, ephemerals without a session are marked for removal.  Called
  // exactly once, before the first Step().  Returns what an operator should
  // hear of the state restored (tree::Restorer::Findings()).
  std::vector<std::string> FinishRestore(const Tick& tick);

  // Likewise for a member of an ensemble: `durable` is what its disk holds
  // besides the state restored, the log behind it included.
  // REQUIRES: options.ensemble
  std::vector<std::string> FinishRestore(const Tick& tick,
                                         const zab::DurableState& durable);

  void Step(const Tick& event);
  void Step(const Connected& event);
  void Step(const Received& event);
  void Step(const Disconnected& event);
  void Step(const StillThere& event);
  void Step(const Persisted& event);

  // Of other members (zab/peer.h).
  void Step(zab::Received event);
  void Step(const zab::LinkLost& event);
  void Step(const Stop& event);

  // These requests are likely to be next: asks for the memory of the znodes
  // that the first kAheadMax name.  Changes nothing.
  void LookAhead(absl::Span<const std::string_view> requests) const;
  static constexpr size_t kAheadMax = 16;

  // A checkpoint: what changed since the last one, as it is now.
  // BeginCheckpoint(), then Capture() until it returns false, then
  // EndCheckpoint() with whether all of it is durable; meanwhile events go on
  // being stepped.  REQUIRES: options.checkpoints
  Checkpoint BeginCheckpoint();
  [[nodiscard]] bool Capture(size_t bytes_max, std::string* nodes);
  void EndCheckpoint(bool is_durable);

  // How many znodes the next one has to write, roughly.
  size_t change_count() const { return tree_.change_count(); }
  bool IsCaptureUrgent() const { return tree_.IsCaptureUrgent(); }

  // Returns the work that has accumulated since the last call.
  Ready TakeReady();

  // Whether there is output for TakeReady() to return.
  bool has_output() const { return !dirty_.empty(); }

  // When a Tick is due even if nothing else happens (sessions to expire,
  // containers to sweep); monotonic.
  absl::Duration NextDeadline() const;

  // Requests that wait for a transaction, in total and of one connection; what
  // globalOutstandingLimit is compared with.
  size_t outstanding() const;
  size_t outstanding(ConnectionId connection) const;

  // Whether a request that has waited so long would be dropped as stale, and
  // its connection closed.
  bool IsDropped(ConnectionId connection, absl::Duration waited) const;

  // Whether the connection's next request must not be handed in yet: it is owed
  // so much, or its session is still being asked for.
  bool MustWait(ConnectionId connection) const;

  // The digest of the tree, 0 where none is kept.
  uint64_t digest() const { return tree_.digest(); }

  const tree::DataTree& tree() const { return tree_; }

  // The state as a snapshot: all that an established leader has committed, or
  // all that a leader which is to be established has.
  std::string Snapshot() const;
  const zab::Peer& peer() const { return *peer_; }
  // Whether it answers clients.
  bool is_serving() const { return serving_; }

  // Whether the connection has completed its handshake.
  bool HasSession(ConnectionId connection) const;

  // The answer to a four-letter word (client-protocol.md chapter 9); it counts
  // as a packet of `connection`.  `argument` holds the bytes behind it.
  // REQUIRES: IsFourLetterWord(word), see admin.h; the connection is known.
  std::string FourLetterWord(ConnectionId connection, std::string_view word,
                             std::string_view argument,
                             const ProcessFacts& facts);

  // Where memory is.  Looks at each connection.
  MemoryUse memory_use() const;

  // Fails a CHECK when an invariant does not hold.  Slow; for tests.
  void CheckInvariants() const;

 private:
  // A transaction that this member proposed, or asked the leader for, and that
  // is not applied yet; and who waits for it.  What was asked for is known by
  // its session and cxid when it comes, and has no zxid before.
  struct Proposal {
    int64_t zxid = 0;
    SessionId session = kNoSession;
    int32_t cxid = 0;
    ConnectionId connection = kNoConnection;
    int64_t since_ms = 0;
  };

  // Who waits for a sync: a client's request; or on a leader, if `session` is
  // set, the refusal of that session, to its client or to `learner`.
  struct SyncWaiter {
    ConnectionId connection = kNoConnection;
    SessionId session = kNoSession;
    ServerId learner{0};
  };

  Connection* Find(ConnectionId id);
  const Connection* Find(ConnectionId id) const;

  // Handshakes (handshake.cc).
  void Connect(Connection& connection, std::string_view frame);
  void CreateSession(Connection& connection, int32_t timeout_ms);
  void RenewSession(Connection& connection, SessionId id,
                    std::string_view password, int32_t timeout_ms);
  void Resume(Connection& connection, SessionId id, int32_t timeout_ms,
              bool accepted);
  void SendConnectResponse(Connection& connection, bool accepted);

  // Intake (requests.cc).
  void Request(Connection& connection, int32_t xid, const Op& op,
               std::string_view body, size_t identities, int64_t arrived_ms);
  bool Write(Connection& connection, int32_t xid, const Op& op,
             std::string_view body, size_t identities, int64_t arrived_ms);
  void Hold(Connection& connection, const Op& op, int32_t xid,
            std::string_view body, size_t identities, int64_t arrived_ms);
  void AskForHeld(Connection& connection);
  bool IsStale(const Session& session, int64_t waited_ms) const;
  bool IsThrottled(const Op& op, int64_t waited_ms) const;
  void Authenticate(Connection& connection, int32_t xid, std::string_view body);
  void AnswerSasl(Connection& connection, int32_t xid, std::string_view body);
  bool AddIdentity(Connection& connection, std::string_view scheme,
                   std::string_view auth);
  bool IsAuthSufficient(const Connection& connection) const;
  void AwaitTurn(Connection& connection, const Op& op, int32_t xid,
                 std::string_view body, int64_t arrived_ms);
  void AnswerImpatientPings();
  void AwaitTransaction(Connection& connection, const Op& op, int32_t xid,
                        int64_t zxid, int64_t arrived_ms);

  // Answers (requests.cc).
  void Evaluate(Connection& connection, const Op& op, int32_t xid,
                std::string_view body, size_t identities, int64_t arrived_ms);
  void ReplyToWrite(Connection& connection, const Waiting& request,
                    const jute::TxnHeader& header);
  // Sends a finished frame when its turn comes.
  void Enqueue(Connection& connection, std::string frame, bool then_close);
  // Likewise an error that ends the connection.
  void Refuse(Connection& connection, int32_t xid, int64_t zxid, Error error);
  void AdvanceQueue(Connection& connection);
  void SendEvent(Connection& connection, tree::EventType type,
                 std::string_view path, int64_t zxid);
  void CountReply(Connection& connection, const Op& op, int32_t xid,
                  int64_t arrived_ms, size_t bytes);
  void MarkDirty(Connection& connection);
  // Takes the request out of its queue.
  Waiting Take(Connection& connection, std::deque<Waiting>::iterator request);
  size_t EstimateReply(const Op& op, std::string_view body) const;
  // Closes the connection behind what it is still owed; its session stays.
  void Close(Connection& connection);

  // The ensemble (ensemble.cc).
  void Drain();
  bool CarryOut(zab::Ready ready);
  // Whether what a leader sent can be applied later.
  bool IsReadable(const zab::Message& message) const;
  bool IsReadable(zab::Zxid zxid, std::string_view txn) const;
  bool HasLostRole() const;
  void UpdateRole();
  void StartServing();
  void StopServing();
  void StartLeading();
  void Install(const zab::Snapshot& snapshot);
  void LookAhead(absl::Span<const zab::Txn> txns) const;
  void Take(zab::Delivery delivery);
  void TakeRequest(ServerId from, const zab::Request& request);
  Error CheckOwner(Session* session, ServerId from) const;
  void Forward(SessionId session, int32_t cxid, jute::OpCode op,
               std::string_view body,
               absl::Span<const tree::Identity> identities,
               ConnectionId connection);
  void TakeAnswer(const zab::Revalidated& answer);
  void AwaitSync(const SyncWaiter& waiter);
  void ReleaseSync();
  void Touch(Session* session);

  // Transactions (replica.cc).
  Caller NextCaller(SessionId session, int32_t cxid,
                    absl::Span<const tree::Identity> identities) const;
  void Propose(std::string txn, const Caller& caller, ConnectionId connection);
  void Commit(const zab::Txn& txn);
  void ReportChange(const tree::Change& change, int64_t zxid);
  void CheckDigest(const jute::TxnHeader& header);
  Proposal TakeProposal(const jute::TxnHeader& header);
  void Complete(const jute::TxnHeader& header, std::string_view record,
                ConnectionId requester);
  void Deliver(const tree::Notification& notification, int64_t zxid);
  void ExpireSession(SessionId id);
  void CloseSession(SessionId id, int32_t cxid, ConnectionId requester);
  void SweepContainers();
  bool IsSweepDue(const jute::StatPersisted& stat, int32_t num_children) const;

  const Options options_;
  tree::DataTree tree_;
  tree::SessionTimeouts restored_sessions_;  // Until FinishRestore()
  tree::Restorer restorer_;                  // Likewise
  tree::WatchTable watches_;
  SessionTable sessions_;
  Preparer preparer_;
  std::optional<zab::Peer> peer_;  // Since FinishRestore()

  int64_t now_ms_ = 0;
  int64_t wall_ms_ = 0;
  int64_t next_session_id_ = 0;

  // By id; its order is never observed, `cons` and StopServing() sort.
  absl::flat_hash_map<ConnectionId, std::unique_ptr<Connection>> connections_;
  std::deque<Proposal> proposals_;
  // Connections that asked the leader for a session.
  std::vector<ConnectionId> revalidations_;
  std::deque<SyncWaiter> syncs_;  // In order
  // Since the last PING, for the leader.
  absl::btree_map<SessionId, int32_t> touched_;
  bool serving_ = false;
  bool leads_ = false;
  bool draining_ = false;
  int64_t serving_epoch_ = 0;
  // Pings that wait for their turn, and when they will no longer.
  struct ImpatientPing {
    int64_t deadline_ms = 0;
    ConnectionId connection = kNoConnection;
  };
  std::deque<ImpatientPing> impatient_pings_;
  size_t outstanding_ = 0;          // Requests in all queues
  size_t waiting_reply_bytes_ = 0;  // Estimated, of all these

  int64_t next_sweep_ms_ = 0;
  std::deque<std::string> sweep_;  // Paths due for the sweeper
  int64_t next_sweep_deletion_ms_ = 0;

  // For the next checkpoint.
  bool restored_checkpoint_ = false;
  bool all_nodes_due_ = false;
  bool all_sessions_due_ = true;
  std::vector<SessionId> new_sessions_;  // Some are closed again
  std::vector<SessionId> closed_sessions_;

  int64_t trace_mask_ = 306;  // What gtmk prints and stmk sets
  std::vector<ConnectionId> dirty_;
  Ready ready_;
  ServerStats stats_;
  LogLimit mismatch_log_{1};
  LogLimit unreadable_log_{1};
  std::vector<tree::OpResult> results_;  // Of the transaction being applied
  std::vector<MissedEvent> missed_;      // Of the setWatches being evaluated

  friend class AdminView;  // Prints all of this (admin.cc)
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_REPLICA_H_
