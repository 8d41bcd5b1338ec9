// SessionTable knows the sessions and when each expires (client-protocol.md
// chapter 5).
//
// Expiry works in buckets one tick wide: a session moves to a later bucket
// when it is touched and expires with its bucket, so more than its time-out
// and at most its time-out plus one tick after it was last heard of.
//
// Pure; not thread-safe.  Times are monotonic, in ms.

#ifndef PADDOCK_REPLICA_SESSIONS_H_
#define PADDOCK_REPLICA_SESSIONS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "base/ids.h"

namespace paddock::replica {

struct Session {
  SessionId id = kNoSession;
  int32_t timeout_ms = 0;  // Negotiated last; the log keeps the first one
  bool committed = false;  // Its creation is
  bool closing = false;    // Its close is proposed; it can do no more
  int64_t bucket_ms = 0;   // When it expires; 0 when it cannot
  ConnectionId connection = kNoConnection;  // Through which it is served
  ServerId owner{0};  // The member that has the client, as the leader knows it
};

class SessionTable {
 public:
  explicit SessionTable(int64_t tick_ms);

  // Adds a session, or replaces the one of that id.  It cannot expire before
  // it is touched for the first time.
  Session* Add(SessionId id, int32_t timeout_ms);

  // The session, or null.  Valid until it is removed.
  Session* Find(SessionId id);
  const Session* Find(SessionId id) const;

  // The session was heard of.  REQUIRES: !session->closing
  void Touch(Session* session, int64_t now_ms);

  // From now on the session cannot be touched and does not expire.
  void SetClosing(Session* session);

  // No session expires, or is closing, any more: another member decides that.
  void StopClocks();
  void Remove(SessionId id);

  // Removes and returns the sessions whose buckets lie at or before `now_ms`;
  // they stay in the table, without a bucket.
  std::vector<SessionId> TakeExpired(int64_t now_ms);

  // The next bucket's time; INT64_MAX when there is none.
  int64_t NextExpiryMs() const;

  size_t size() const { return sessions_.size(); }
  size_t memory_bytes() const;  // Roughly

  using Buckets = absl::btree_map<int64_t, absl::btree_set<SessionId>>;
  const Buckets& buckets() const { return buckets_; }
  const absl::btree_map<SessionId, std::unique_ptr<Session>>& all() const {
    return sessions_;
  }

 private:
  void LeaveBucket(Session* session);

  const int64_t tick_ms_;
  absl::btree_map<SessionId, std::unique_ptr<Session>> sessions_;
  Buckets buckets_;
};

// The 16 bytes that a client must present to take a session up again: a
// function of its id, so that every member can check it (2.5).
std::array<char, 16> SessionPassword(SessionId id);

// The first of the session ids that a server gives out (2.4).
SessionId FirstSessionId(ServerId server, int64_t seed_ms);

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_SESSIONS_H_
