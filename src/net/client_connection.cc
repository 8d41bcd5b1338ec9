#include "net/client_connection.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/memory.h"
#include "jute/archive.h"
#include "net/client_connections.h"

namespace paddock::net {
namespace {

constexpr int kFramesPerRead = 1024;
constexpr size_t kFramesAhead = 16;

// The arrival of input is known to this exactness, and for so many pieces of
// it; what comes beyond counts as younger than it is.
constexpr absl::Duration kArrivalStep = absl::Milliseconds(10);
constexpr size_t kArrivalsMax = 256;

}  // namespace

ClientConnection::ClientConnection(ClientConnections* all, ConnectionId id,
                                   Descriptor socket,
                                   const boost::asio::ip::tcp::endpoint& remote)
    : all_(all),
      id_(id),
      remote_(remote),
      socket_(std::move(socket)),
      last_io_(all->events_->Now()),
      last_send_(last_io_) {}

void ClientConnection::Start() {
  // Where one of them is refused, the connection works all the same.
  SetOption(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
  if (all_->options_.tcp_keep_alive) {
    SetOption(socket_, SOL_SOCKET, SO_KEEPALIVE, 1);
  }
  if (!all_->loop_->Watch(socket_.get(), this)) {
    HangUp("the system can watch no more connections");
  }
}

void ClientConnection::OnReady(Readiness readiness) {
  const auto self = shared_from_this();
  can_read_ |= readiness.can_read;
  has_ended_ |= readiness.has_ended;
  if (readiness.can_write && waiting_to_write_) {
    waiting_to_write_ = false;
    Flush();
  }
  Read();
}

// --- Input ---

size_t ClientConnection::InputBytesMax() const {
  const ClientOptions& options = all_->options_;
  if (all_->totals_.input_bytes >= options.input_bytes_total_max) {
    return InputBuffer::kBytesLarge;
  }
  const size_t one_frame =
      held_ ? kFramePrefixBytes + static_cast<size_t>(options.frame_bytes_max)
            : frame_bytes_wanted_;
  return InputBuffer::kBytesLarge + one_frame;
}

void ClientConnection::CountInputMemory() {
  const size_t bytes = std::max(input_.capacity(), InputBuffer::kBytesMin) -
                       InputBuffer::kBytesMin;
  all_->totals_.input_bytes += bytes - input_bytes_counted_;
  input_bytes_counted_ = bytes;
}

void ClientConnection::ReadSoon() {
  if (!will_read_) {
    will_read_ = true;
    all_->to_read_.push_back(shared_from_this());
  }
}

void ClientConnection::Read() {
  will_read_ = false;
  if (!can_read_ || end_of_input_ || state_ == State::kClosed ||
      (state_ == State::kOpen && !all_->reading_)) {
    return;
  }
  if (state_ != State::kOpen) {
    ReleaseInput();  // What still comes is thrown away
  }
  const bool keeps_all = held_ && state_ == State::kOpen;
  if (keeps_all || !input_.Borrow(&all_->read_buffer_)) {
    const bool has_room = input_.MakeRoom(InputBytesMax());
    CountInputMemory();
    if (!has_room) {
      if (!held_) {
        HangUp("no memory is left for input");
      }
      return;
    }
  }
  const size_t room_bytes = input_.room_bytes();
  const ssize_t count = recv(socket_.get(), input_.room(), room_bytes, 0);
  // A short read has taken all there was, and more will be told of.
  can_read_ = has_ended_ || count == static_cast<ssize_t>(room_bytes);
  if (count > 0) {
    OnRead(static_cast<size_t>(count));
  } else if (count == 0) {
    OnEndOfInput();
  } else if (errno != EAGAIN && errno != EINTR) {
    Close();
  } else {
    can_read_ = errno == EINTR;
  }
  input_.Return();
  CountInputMemory();
  if (can_read_ && !end_of_input_) {
    ReadSoon();
  }
}

void ClientConnection::OnRead(size_t count) {
  all_->stats_.bytes_received += static_cast<int64_t>(count);
  if (state_ != State::kOpen) {
    return;
  }
  input_.Commit(count);
  last_io_ = all_->events_->Now();
  if (held_) {
    NoteArrival();
    AnswerHeldPings();
  } else {
    Process(kFramesPerRead);
  }
}

void ClientConnection::OnEndOfInput() {
  end_of_input_ = true;
  all_->stats_.dropped_by_client += state_ == State::kOpen ? 1 : 0;
  if (state_ == State::kLingering) {
    Close();
    return;
  }
  if (state_ == State::kOpen && !held_) {
    Process(kFramesPerRead);
  }
  if (state_ == State::kOpen) {
    all_->half_closed_.push_back(shared_from_this());
  }
}

bool ClientConnection::Process(int frames_max) {
  if (!all_->reading_ || AnswerFourLetterWord()) {
    return false;
  }
  bool handed_on = false;
  size_t ahead_bytes = 0;  // Of the frames that have been told of
  while (state_ == State::kOpen) {
    if (ahead_bytes == 0) {
      ahead_bytes = LookAhead();
    }
    const FrameScan scan =
        ScanFrame(input_.data(), all_->options_.frame_bytes_max);
    if (scan.kind == FrameScan::Kind::kBad) {
      HangUp("the length of a request is negative or above jute.maxbuffer");
      break;
    }
    if (!AdmitLargeRequest(scan.bytes)) {
      HangUp("largeRequestMaxBytes is used up");
      break;
    }
    if (scan.kind == FrameScan::Kind::kPartial) {
      frame_bytes_wanted_ = scan.bytes;
      break;
    }
    if (handshake_begun_ && IsPing(scan.frame)) {
      if (pings_answered_bytes_ == 0) {
        all_->events_->OnFrame(id_, scan.frame, absl::ZeroDuration());
      }
    } else if (!handshake_begun_) {
      if (!AdmitHandshake(scan.frame)) {
        HangUp("the connection throttle has no tokens left");
        break;
      }
      handshake_begun_ = true;
      all_->events_->OnFrame(id_, scan.frame, absl::ZeroDuration());
      handed_on = true;
    } else {
      const absl::Duration waited = WaitOf(scan.bytes);
      const Turn turn = frames_max > 0 ? NextTurn(waited) : Turn::kNow;
      if (frames_max == 0 || turn != Turn::kNow) {
        Hold(turn);
        break;
      }
      all_->events_->OnFrame(id_, scan.frame, waited);
      handed_on = true;
      --frames_max;
    }
    Consume(scan.bytes);
    ahead_bytes -= std::min(ahead_bytes, scan.bytes);
  }
  if (!held_) {
    arrivals_.clear();
  }
  return handed_on;
}

size_t ClientConnection::LookAhead() const {
  std::array<std::string_view, kFramesAhead> frames;
  size_t count = 0;
  size_t bytes = 0;
  for (; count < frames.size(); ++count) {
    const FrameScan scan =
        ScanFrame(input_.data().substr(bytes), all_->options_.frame_bytes_max);
    if (scan.kind != FrameScan::Kind::kFrame) {
      break;
    }
    frames[count] = scan.frame;
    bytes += scan.bytes;
  }
  if (count > 1) {
    all_->events_->OnAhead(absl::MakeConstSpan(frames.data(), count));
  }
  return bytes;
}

bool ClientConnection::AnswerFourLetterWord() {
  const std::string_view data = input_.data();
  if (handshake_begun_ || data.size() < kFourLetterWordBytes) {
    return false;
  }
  const std::string_view word = data.substr(0, kFourLetterWordBytes);
  const std::optional<size_t> argument_bytes =
      all_->events_->FourLetterWordArgumentBytes(word);
  if (!argument_bytes.has_value()) {
    return false;
  }
  const std::string_view argument =
      data.substr(kFourLetterWordBytes, *argument_bytes);
  if (argument.size() == *argument_bytes || end_of_input_) {
    Append(all_->events_->FourLetterWord(id_, word, argument));
    CloseGently();
  }
  return true;
}

bool ClientConnection::AdmitLargeRequest(size_t bytes) {
  const int64_t threshold = all_->options_.large_request_threshold;
  const int64_t size =
      static_cast<int64_t>(bytes) - static_cast<int64_t>(kFramePrefixBytes);
  if (threshold <= 0 || size <= threshold || large_request_bytes_ > 0) {
    return true;
  }
  int64_t& total = all_->totals_.large_request_bytes;
  if (total + size > all_->options_.large_request_bytes_max) {
    ++all_->stats_.large_requests_rejected;
    return false;
  }
  total += size;
  large_request_bytes_ = size;
  return true;
}

bool ClientConnection::AdmitHandshake(std::string_view frame) {
  ++all_->stats_.handshakes;
  // ConnectRequest: protocolVersion, lastZxidSeen, timeOut, sessionId.
  constexpr size_t kSessionIdOffset = 16;
  const bool is_new =
      frame.size() < kSessionIdOffset + 8 ||
      jute::LoadBigEndian<int64_t>(frame.data() + kSessionIdOffset) == 0;
  const absl::Duration now = all_->events_->Now();
  const bool admitted = is_new ? all_->throttle_.AdmitNew(now)
                               : all_->throttle_.AdmitRenewal(now);
  if (admitted) {
    all_->stats_.token_deficit.Add(all_->throttle_.deficit());
  } else {
    ++all_->stats_.throttled;
  }
  return admitted;
}

Turn ClientConnection::NextTurn(absl::Duration waited) const {
  const ClientOptions& options = all_->options_;
  const bool all_behind =
      all_->totals_.unsent_bytes > options.unsent_bytes_total_soft;
  const size_t unsent_max = all_behind ? 0 : options.unsent_bytes_soft;
  return unsent_bytes() <= unsent_max ? all_->events_->NextTurn(id_, waited)
                                      : Turn::kUnread;
}

void ClientConnection::Hold(Turn turn) {
  CHECK(!held_);
  held_ = true;
  all_->held_.push_back(shared_from_this());
  if (turn == Turn::kUnread) {
    arrivals_.clear();
  } else {
    all_->stats_.waits += turn == Turn::kWait && arrivals_.empty() ? 1 : 0;
    NoteArrival();
  }
  AnswerHeldPings();
}

void ClientConnection::NoteArrival() {
  const size_t end = input_.data().size();
  const absl::Duration now = all_->events_->Now();
  if (!arrivals_.empty() && end == arrivals_.back().end) {
    return;
  }
  const auto step_of = [](absl::Duration time) {
    return absl::Floor(time, kArrivalStep);
  };
  if (arrivals_.empty() || (arrivals_.size() < kArrivalsMax &&
                            step_of(now) != step_of(arrivals_.back().time))) {
    arrivals_.push_back({end, now});
  } else {
    arrivals_.back() = {end, now};
  }
}

absl::Duration ClientConnection::WaitOf(size_t bytes) const {
  for (const Arrival& arrival : arrivals_) {
    if (bytes <= arrival.end) {
      return all_->events_->Now() - arrival.time;
    }
  }
  return absl::ZeroDuration();
}

void ClientConnection::AnswerHeldPings() {
  while (state_ == State::kOpen) {
    const FrameScan scan =
        ScanFrame(input_.data().substr(pings_answered_bytes_),
                  all_->options_.frame_bytes_max);
    if (scan.kind != FrameScan::Kind::kFrame) {
      return;  // A bad length is dealt with when its turn comes
    }
    if (IsPing(scan.frame)) {
      all_->events_->OnFrame(id_, scan.frame, absl::ZeroDuration());
    }
    pings_answered_bytes_ += scan.bytes;
  }
}

bool ClientConnection::TakeTurn(int frames_max) {
  held_ = false;
  if (state_ != State::kOpen) {
    return false;
  }
  const bool handed_on = Process(frames_max);
  input_.Return();
  CountInputMemory();
  Read();
  return handed_on;
}

void ClientConnection::Consume(size_t bytes) {
  input_.Consume(bytes);
  frame_bytes_wanted_ = 0;
  pings_answered_bytes_ -= std::min(pings_answered_bytes_, bytes);
  size_t used_up = 0;
  for (Arrival& arrival : arrivals_) {
    arrival.end -= std::min(arrival.end, bytes);
    used_up += arrival.end == 0 ? 1 : 0;
  }
  arrivals_.erase(arrivals_.begin(),
                  arrivals_.begin() + static_cast<ptrdiff_t>(used_up));
  all_->totals_.large_request_bytes -= std::exchange(large_request_bytes_, 0);
}

void ClientConnection::ReleaseInput() {
  Consume(0);
  arrivals_ = {};
  pings_answered_bytes_ = 0;
  input_.Release();
  CountInputMemory();
}

// --- Output ---

void ClientConnection::Append(std::string bytes) {
  if (state_ != State::kOpen || bytes.empty()) {
    return;
  }
  all_->totals_.unsent_bytes += bytes.size();
  if (output_.empty()) {
    output_ = std::move(bytes);
  } else {
    if (sent_ > output_.size() / 2) {
      output_.erase(0, sent_);
      sent_ = 0;
    }
    output_ += bytes;
  }
  MarkDirty();
}

void ClientConnection::MarkDirty() {
  if (!dirty_) {
    dirty_ = true;
    all_->dirty_.push_back(shared_from_this());
  }
}

void ClientConnection::Flush() {
  dirty_ = false;
  if (state_ == State::kClosed || state_ == State::kLingering) {
    return;
  }
  if (unsent_bytes() > 0 && !waiting_to_write_) {
    Send();
  }
  if (state_ == State::kClosed) {
    return;
  }
  if (unsent_bytes() == 0) {
    if (state_ == State::kFlushing) {
      Linger();
    }
    return;
  }
  const ClientOptions& options = all_->options_;
  const bool all_behind =
      all_->totals_.unsent_bytes > options.unsent_bytes_total_hard;
  if (unsent_bytes() > options.unsent_bytes_hard ||
      (all_behind && unsent_bytes() > options.unsent_bytes_soft)) {
    ++all_->stats_.slow_readers_closed;
    HangUp(fmt::format("it does not take its answers, {} bytes wait",
                       unsent_bytes()));
  }
}

void ClientConnection::Send() {
  const ssize_t count =
      send(socket_.get(), output_.data() + sent_, unsent_bytes(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    Close();
    return;
  }
  if (count > 0) {
    last_io_ = last_send_ = all_->events_->Now();
    all_->totals_.unsent_bytes -= static_cast<size_t>(count);
    sent_ += static_cast<size_t>(count);
  }
  if (unsent_bytes() == 0) {
    output_ = std::string();
    sent_ = 0;
    return;
  }
  waiting_to_write_ = true;
}

// --- The end ---

void ClientConnection::CloseGently() {
  if (state_ != State::kOpen) {
    return;
  }
  state_ = State::kFlushing;
  all_->AddClosing(shared_from_this());
  MarkDirty();
}

void ClientConnection::Linger() {
  CHECK_EQ(unsent_bytes(), 0u);
  if (shutdown(socket_.get(), SHUT_WR) != 0 || end_of_input_ ||
      all_->MustNotLinger()) {
    Close();
    return;
  }
  all_->Remove(*this);
  state_ = State::kLingering;
  ReleaseInput();
  ReadSoon();
}

void ClientConnection::CloseIfAnswered() {
  if (state_ == State::kOpen && !held_ && unsent_bytes() == 0 &&
      all_->events_->IsIdle(id_)) {
    Close();
  }
}

void ClientConnection::HangUp(std::string_view why) {
  all_->LogHangUp(*this, why);
  Close();
}

void ClientConnection::Close() {
  if (state_ == State::kClosed) {
    return;
  }
  all_->Remove(*this);
  if (state_ != State::kOpen) {
    --all_->closing_count_;
  }
  state_ = State::kClosed;
  socket_.Close();
  all_->loop_->Forget(this);
  ReleaseInput();
  all_->totals_.unsent_bytes -= unsent_bytes();
  output_ = std::string();
  sent_ = 0;
}

size_t ClientConnection::memory_bytes() const {
  return HeapBytes(sizeof *this) + input_.capacity() + output_.capacity() +
         arrivals_.capacity() * sizeof(Arrival);
}

}  // namespace paddock::net
