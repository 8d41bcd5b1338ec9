#include "net/client_connections.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/check.h"
#include "base/memory.h"
#include "net/address.h"

namespace paddock::net {
namespace {

using boost::asio::ip::tcp;

constexpr int kFramesPerTurn = 64;

// A send takes 5 to 15 us.  Where there is output for more connections than
// this, a change has been told to many: nearly all of them are late then, and a
// few at a time follow between others.
constexpr size_t kFlushesMax = 256;
constexpr size_t kLateFlushesMax = 64;

// In each batch, however little time is left.
constexpr size_t kClosesMin = 4;

}  // namespace

ClientConnections::ClientConnections(const ClientOptions& options,
                                     EventLoop* loop, ClientEvents* events)
    : options_(options),
      loop_(loop),
      events_(events),
      throttle_(options.throttle) {}

ClientConnections::~ClientConnections() {
  // The owner is not told any more: it is going away itself.
  const auto connections = std::exchange(connections_, {});
  for (const auto& [id, connection] : connections) {
    connection->Close();
  }
  for (const Closing& closing : closing_) {
    closing.connection->Close();
  }
}

bool ClientConnections::IsRefused(
    const boost::asio::ip::address& address) const {
  const auto total_max = static_cast<size_t>(options_.connections_max);
  if (total_max > 0 && connections_.size() >= total_max) {
    return true;
  }
  const auto found = per_address_.find(address);
  return options_.connections_per_address_max > 0 &&
         found != per_address_.end() &&
         found->second >= options_.connections_per_address_max;
}

void ClientConnections::Add(Descriptor socket, const tcp::endpoint& remote) {
  const tcp::endpoint client(Unmapped(remote.address()), remote.port());
  if (IsRefused(client.address())) {
    ++stats_.rejected;
    if (hang_up_log_.Allow(events_->Now())) {
      log::Warning(
          "refusing connection from {}: maxClientCnxns or maxCnxns is reached",
          FormatAddress(client.address()));
    }
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return;
  }
  const ConnectionId id{++last_id_};
  auto connection =
      std::make_shared<ClientConnection>(this, id, std::move(socket), client);
  connections_.emplace(id, connection);
  ++per_address_[client.address()];
  events_->OnConnected(id, FormatAddress(client.address()), client.port());
  connection->Start();
}

void ClientConnections::Remove(const ClientConnection& connection) {
  if (connections_.erase(connection.id()) == 0) {
    return;
  }
  const auto found = per_address_.find(connection.remote().address());
  CHECK(found != per_address_.end());
  if (--found->second == 0) {
    per_address_.erase(found);
  }
  events_->OnDisconnected(connection.id());
}

void ClientConnections::AddClosing(Pointer connection) {
  ++closing_count_;
  closing_.push_back({.deadline = events_->Now() + options_.close_timeout,
                      .connection = std::move(connection)});
}

void ClientConnections::LogHangUp(const ClientConnection& connection,
                                  std::string_view why) {
  if (!hang_up_log_.Allow(events_->Now())) {
    return;
  }
  log::Warning("closing connection of {}:{}: {}{}",
               FormatAddress(connection.remote().address()),
               connection.remote().port(), why,
               hang_up_log_.TakeSuppressedText());
}

void ClientConnections::Append(ConnectionId connection, std::string bytes,
                               bool close) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) {
    return;
  }
  found->second->Append(std::move(bytes));
  if (close) {
    found->second->CloseGently();
  }
}

bool ClientConnections::Flush() {
  // The last ones go at once: events come before replies.
  const size_t late =
      dirty_.size() > kFlushesMax ? dirty_.size() - kLateFlushesMax : 0;
  std::move(dirty_.begin(), dirty_.begin() + static_cast<ptrdiff_t>(late),
            std::back_inserter(late_));
  // By index: what closes during it may add to the list.
  for (size_t i = late; i < dirty_.size(); ++i) {
    const Pointer connection = std::move(dirty_[i]);
    connection->Flush();
  }
  dirty_.clear();
  for (size_t i = 0; i < kLateFlushesMax && !late_.empty(); ++i) {
    const Pointer connection = std::move(late_.front());
    late_.pop_front();
    connection->Flush();
  }
  const bool has_closed_all = CloseAnswered();
  return !late_.empty() || !has_closed_all;
}

// A client that goes may leave a million watches, and others go with it.  False
// when time is up.
bool ClientConnections::CloseAnswered() {
  size_t done = 0;
  while (done < half_closed_.size() &&
         (done < kClosesMin || !events_->IsTimeUp())) {
    half_closed_[done++]->CloseIfAnswered();
  }
  const bool is_all = done == half_closed_.size();
  // Those that still wait for answers stay, behind the others.
  std::vector<Pointer> rest(half_closed_.begin() + static_cast<ptrdiff_t>(done),
                            half_closed_.end());
  std::copy_if(half_closed_.begin(),
               half_closed_.begin() + static_cast<ptrdiff_t>(done),
               std::back_inserter(rest),
               [](const Pointer& c) { return c->is_accepting(); });
  half_closed_ = std::move(rest);
  return is_all;
}

bool ClientConnections::Resume() {
  const std::vector<Pointer> to_read = std::exchange(to_read_, {});
  for (const Pointer& connection : to_read) {
    connection->Read();
  }
  bool handed_on = !to_read.empty();
  for (size_t turns = reading_ ? held_.size() : 0; turns > 0; --turns) {
    if (events_->IsTimeUp()) {
      return true;
    }
    const Pointer connection = std::move(held_.front());
    held_.pop_front();
    handed_on |= connection->TakeTurn(kFramesPerTurn);
  }
  return handed_on;
}

absl::Duration ClientConnections::NextDeadline() const {
  absl::Duration next = absl::InfiniteDuration();
  if (!connections_.empty()) {
    next = std::min(next, next_sessionless_check_);
  }
  if (!held_.empty()) {
    next = std::min(next, next_held_tick_);
  }
  if (!closing_.empty()) {
    next = std::min(next, closing_.front().deadline);
  }
  return next;
}

void ClientConnections::RunTimers() {
  const absl::Duration now = events_->Now();
  RunClosingTimers(now);
  if (now >= next_held_tick_ && !held_.empty()) {
    next_held_tick_ = now + options_.held_tick;
    for (const Pointer& connection : held_) {
      // One that takes nothing waits for itself, and may be dead.
      if (connection->HasTakenOutputSince(now - options_.held_tick)) {
        events_->OnHeld(connection->id());
      }
    }
  }
  if (now >= next_sessionless_check_ && !connections_.empty()) {
    next_sessionless_check_ = now + options_.sessionless_timeout;
    CloseSessionless(now);
  }
}

void ClientConnections::RunClosingTimers(absl::Duration now) {
  while (!closing_.empty() && (closing_.front().deadline <= now ||
                               !closing_.front().connection->is_open())) {
    const Pointer connection = std::move(closing_.front().connection);
    closing_.pop_front();
    if (!connection->is_open()) {
      continue;
    }
    if (connection->last_io() + options_.close_timeout > now) {
      closing_.push_back(
          {.deadline = now + options_.close_timeout, .connection = connection});
    } else {
      connection->Close();
    }
  }
}

void ClientConnections::CloseSessionless(absl::Duration now) {
  std::vector<Pointer> expired;
  for (const auto& [id, connection] : connections_) {
    if (connection->is_accepting() &&
        now - connection->last_io() >= options_.sessionless_timeout &&
        !events_->HasSession(id)) {
      expired.push_back(connection);
    }
  }
  for (const Pointer& connection : expired) {
    ++stats_.sessionless_expired;
    connection->Close();
  }
}

size_t ClientConnections::memory_bytes() const {
  size_t bytes = TableBytes(connections_);
  for (const auto& [id, connection] : connections_) {
    bytes += connection->memory_bytes();
  }
  return bytes;
}

void ClientConnections::CloseAll() {
  StopReading();
  std::vector<Pointer> all;
  for (const auto& [id, connection] : connections_) {
    all.push_back(connection);
  }
  for (const Pointer& connection : all) {
    connection->CloseGently();
  }
  while (Flush()) {
  }
}

}  // namespace paddock::net
