#include "replica/sessions.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/memory.h"

namespace paddock::replica {

SessionTable::SessionTable(int64_t tick_ms) : tick_ms_(tick_ms) {
  CHECK_GT(tick_ms, 0);
}

Session* SessionTable::Add(SessionId id, int32_t timeout_ms) {
  CHECK(id != kNoSession);
  auto& session = sessions_[id];
  if (session == nullptr) {
    session = std::make_unique<Session>();
  }
  session->id = id;
  session->timeout_ms = timeout_ms;
  return session.get();
}

Session* SessionTable::Find(SessionId id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

const Session* SessionTable::Find(SessionId id) const {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

void SessionTable::Touch(Session* session, int64_t now_ms) {
  CHECK(!session->closing) << ToWire(session->id);
  const int64_t bucket_ms =
      ((now_ms + std::max(session->timeout_ms, 0)) / tick_ms_ + 1) * tick_ms_;
  if (bucket_ms == session->bucket_ms) {
    return;
  }
  LeaveBucket(session);
  session->bucket_ms = bucket_ms;
  buckets_[bucket_ms].insert(session->id);
}

void SessionTable::SetClosing(Session* session) {
  LeaveBucket(session);
  session->closing = true;
}

void SessionTable::StopClocks() {
  buckets_.clear();
  for (const auto& [id, session] : sessions_) {
    session->bucket_ms = 0;
    session->closing = false;
  }
}

void SessionTable::Remove(SessionId id) {
  if (Session* session = Find(id); session != nullptr) {
    LeaveBucket(session);
    sessions_.erase(id);
  }
}

std::vector<SessionId> SessionTable::TakeExpired(int64_t now_ms) {
  std::vector<SessionId> expired;
  while (!buckets_.empty() && buckets_.begin()->first <= now_ms) {
    for (const SessionId id : buckets_.begin()->second) {
      Session* session = Find(id);
      CHECK(session != nullptr) << ToWire(id);
      session->bucket_ms = 0;
      expired.push_back(id);
    }
    buckets_.erase(buckets_.begin());
  }
  return expired;
}

// Nearly all are in a bucket, too.
size_t SessionTable::memory_bytes() const {
  return TreeBytes(sessions_) + sessions_.size() * (HeapBytes(sizeof(Session)) +
                                                    sizeof(SessionId) * 4 / 3);
}

int64_t SessionTable::NextExpiryMs() const {
  return buckets_.empty() ? std::numeric_limits<int64_t>::max()
                          : buckets_.begin()->first;
}

void SessionTable::LeaveBucket(Session* session) {
  if (session->bucket_ms == 0) {
    return;
  }
  const auto bucket = buckets_.find(session->bucket_ms);
  CHECK(bucket != buckets_.end()) << session->bucket_ms;
  bucket->second.erase(session->id);
  if (bucket->second.empty()) {
    buckets_.erase(bucket);
  }
  session->bucket_ms = 0;
}

std::array<char, 16> SessionPassword(SessionId id) {
  // java.util.Random, seeded with the id: what the Java server does.
  constexpr uint64_t kMask = (uint64_t{1} << 48) - 1;
  constexpr uint64_t kMultiplier = 0x5DEECE66D;
  uint64_t state =
      ((static_cast<uint64_t>(id) ^ 0xB3415C00) ^ kMultiplier) & kMask;
  std::array<char, 16> password;
  for (size_t i = 0; i < password.size();) {
    state = (state * kMultiplier + 0xB) & kMask;
    uint32_t random = static_cast<uint32_t>(state >> 16);
    for (int byte = 0; byte < 4; ++byte, random >>= 8) {
      password[i++] = static_cast<char>(random & 0xff);
    }
  }
  return password;
}

SessionId FirstSessionId(ServerId server, int64_t seed_ms) {
  const uint64_t clock = (static_cast<uint64_t>(seed_ms) << 24) >> 8;
  const uint64_t id = clock | static_cast<uint64_t>(server) << 56;
  return SessionId{static_cast<int64_t>(id)};
}

}  // namespace paddock::replica
