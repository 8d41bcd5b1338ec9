#include "client/client.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <utility>

#include "base/check.h"

namespace paddock::client {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kHeaderBytes = 4;       // A frame's length
constexpr size_t kReadBytes = 64 << 10;  // Taken from the socket at a time

// No reply of a server that works is longer; a length beyond it means that
// the two sides have lost step.
constexpr int32_t kFrameBytesMax = 256 << 20;

// Appends to `out` the frame that `write_payload(out)` fills.
template <class WritePayload>
void AppendFrame(std::string* out, WritePayload write_payload) {
  const size_t start = out->size();
  out->append(kHeaderBytes, '\0');
  write_payload(out);
  jute::StoreBigEndian(
      out->data() + start,
      static_cast<int32_t>(out->size() - start - kHeaderBytes));
}

absl::Status Unavailable(const std::string& what) {
  return absl::UnavailableError(absl::string_view(what));
}

}  // namespace

class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(boost::asio::io_context& io, Handlers handlers)
      : socket_(io), timer_(io), handlers_(std::move(handlers)) {}

  void Connect(const tcp::endpoint& server, const Options& options);
  void Send(jute::OpCode type, std::string_view body, Client::Callback done);
  void Close();
  void Abandon();

  size_t outstanding() const { return callbacks_.size(); }
  int64_t last_zxid_seen() const { return last_zxid_seen_; }

 private:
  void AppendConnectRequest(const Options& options);
  void AppendRequest(int32_t xid, jute::OpCode type, std::string_view body);
  void StartWrite();
  void StartRead();
  void StartTimer();
  void OnTimer();

  // Takes all whole frames from input_.
  void TakeFrames();
  absl::Status TakeFrame(std::string_view payload);
  absl::Status TakeConnectResponse(std::string_view payload);
  absl::Status TakeReply(std::string_view payload);
  absl::Status TakeEvent(int64_t zxid, std::string_view body);

  void Finish(const absl::Status& status);

  tcp::socket socket_;
  boost::asio::steady_timer timer_;
  Handlers handlers_;

  bool connecting_ = false;  // The TCP connection is not made yet
  bool accepted_ = false;    // The handshake is over
  bool writing_ = false;
  bool closing_ = false;  // closeSession has been sent
  bool ended_ = false;
  Session session_;
  int64_t last_zxid_seen_ = 0;

  int32_t last_xid_ = 0;
  // Requests with xids last_xid_ - size() + 1 to last_xid_, oldest first.
  std::deque<Client::Callback> callbacks_;

  std::string handshake_;  // Its request
  std::string output_;     // Queued behind what is being written
  std::string in_flight_;  // What is being written
  std::string input_;      // A frame's beginning
  std::array<char, kReadBytes> chunk_;
  int silent_ticks_ = 0;  // Ticks of the timer since bytes last came
};

void Link::Connect(const tcp::endpoint& server, const Options& options) {
  CHECK(!connecting_ && !socket_.is_open() && !ended_);
  connecting_ = true;
  session_ = options.session;
  session_.timeout = options.timeout;
  last_zxid_seen_ = options.last_zxid_seen;
  AppendConnectRequest(options);
  StartTimer();
  socket_.async_connect(
      server, [self = shared_from_this()](const error_code& error) {
        if (self->ended_) {
          return;
        }
        if (error) {
          self->Finish(Unavailable("connect: " + error.message()));
          return;
        }
        self->connecting_ = false;
        error_code ignored;
        self->socket_.set_option(tcp::no_delay(true), ignored);
        self->output_.insert(0, self->handshake_);
        self->StartWrite();
        self->StartRead();
      });
}

void Link::AppendConnectRequest(const Options& options) {
  const std::string no_password(16, '\0');
  AppendFrame(&handshake_, [&](std::string* out) {
    jute::Write(
        jute::ConnectRequest{.lastZxidSeen = options.last_zxid_seen,
                             .timeOut = static_cast<int32_t>(
                                 absl::ToInt64Milliseconds(options.timeout)),
                             .sessionId = options.session.id,
                             .passwd = options.session.id == 0
                                           ? std::string_view(no_password)
                                           : options.session.password},
        out);
    out->push_back('\0');  // readOnly
  });
}

void Link::AppendRequest(int32_t xid, jute::OpCode type,
                         std::string_view body) {
  AppendFrame(&output_, [&](std::string* out) {
    jute::Write(jute::RequestHeader{xid, static_cast<int32_t>(type)}, out);
    out->append(body);
  });
}

void Link::Send(jute::OpCode type, std::string_view body,
                Client::Callback done) {
  if (ended_) {
    return;
  }
  CHECK(!closing_) << "request after Close()";
  CHECK_LT(last_xid_, INT32_MAX);
  ++last_xid_;
  callbacks_.push_back(std::move(done));
  AppendRequest(last_xid_, type, body);
  StartWrite();
}

void Link::Close() {
  Send(jute::OpCode::kCloseSession, {},
       [this](const Reply&) { Finish(absl::OkStatus()); });
  closing_ = true;
}

void Link::Abandon() {
  handlers_ = Handlers{};
  Finish(absl::OkStatus());
}

void Link::StartWrite() {
  if (writing_ || connecting_ || !socket_.is_open() || output_.empty()) {
    return;
  }
  writing_ = true;
  in_flight_.swap(output_);
  boost::asio::async_write(
      socket_, boost::asio::buffer(in_flight_),
      [self = shared_from_this()](const error_code& error, size_t) {
        if (self->ended_) {
          return;
        }
        self->writing_ = false;
        self->in_flight_.clear();
        // The reader learns of a broken connection too, after the last replies.
        if (!error) {
          self->StartWrite();
        }
      });
}

void Link::StartRead() {
  socket_.async_read_some(
      boost::asio::buffer(chunk_),
      [self = shared_from_this()](const error_code& error, size_t size) {
        if (self->ended_) {
          return;
        }
        if (error) {
          self->Finish(Unavailable("read: " + error.message()));
          return;
        }
        self->silent_ticks_ = 0;
        self->input_.append(self->chunk_.data(), size);
        self->TakeFrames();
        if (!self->ended_) {
          self->StartRead();
        }
      });
}

void Link::StartTimer() {
  timer_.expires_after(absl::ToChronoMilliseconds(session_.timeout / 3));
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!self->ended_ && !error) {
      self->OnTimer();
    }
  });
}

// A ping at each third of the time-out keeps the session alive.
void Link::OnTimer() {
  if (++silent_ticks_ > 2) {
    Finish(absl::DeadlineExceededError("the server is silent"));
    return;
  }
  if (accepted_) {
    AppendRequest(jute::kPingXid, jute::OpCode::kPing, {});
    StartWrite();
  }
  StartTimer();
}

void Link::TakeFrames() {
  size_t taken = 0;
  while (!ended_ && input_.size() - taken >= kHeaderBytes) {
    const auto size = jute::LoadBigEndian<int32_t>(input_.data() + taken);
    if (size < 0 || size > kFrameBytesMax) {
      Finish(Unavailable("frame of " + std::to_string(size) + " bytes"));
      return;
    }
    if (input_.size() - taken - kHeaderBytes < static_cast<size_t>(size)) {
      break;
    }
    const std::string_view payload(input_.data() + taken + kHeaderBytes,
                                   static_cast<size_t>(size));
    taken += kHeaderBytes + payload.size();
    if (absl::Status status = TakeFrame(payload); !status.ok()) {
      Finish(status);
    }
  }
  input_.erase(0, taken);
}

absl::Status Link::TakeFrame(std::string_view payload) {
  return accepted_ ? TakeReply(payload) : TakeConnectResponse(payload);
}

absl::Status Link::TakeConnectResponse(std::string_view payload) {
  jute::ConnectResponse response;
  if (!jute::Read(payload, &response)) {
    return Unavailable("malformed ConnectResponse");
  }
  if (response.timeOut <= 0 || response.sessionId == 0) {
    return absl::FailedPreconditionError("session expired");
  }
  accepted_ = true;
  session_ = Session{.id = response.sessionId,
                     .password = std::string(response.passwd),
                     .timeout = absl::Milliseconds(response.timeOut)};
  StartTimer();  // With the negotiated time-out
  if (handlers_.on_connected) {
    handlers_.on_connected(session_);
  }
  return absl::OkStatus();
}

absl::Status Link::TakeReply(std::string_view payload) {
  jute::InputArchive in(payload);
  jute::ReplyHeader header;
  if (!jute::Read(in, &header)) {
    return Unavailable("malformed reply header");
  }
  const std::string_view body = payload.substr(payload.size() - in.remaining());
  last_zxid_seen_ = std::max(last_zxid_seen_, header.zxid);
  if (header.xid == jute::kPingXid) {
    return absl::OkStatus();
  }
  if (header.xid == jute::kWatchEventXid) {
    return TakeEvent(header.zxid, body);
  }
  const int32_t oldest = last_xid_ - static_cast<int32_t>(outstanding()) + 1;
  if (callbacks_.empty() || header.xid != oldest) {
    return Unavailable("reply to xid " + std::to_string(header.xid) +
                       " out of order");
  }
  const Client::Callback done = std::move(callbacks_.front());
  callbacks_.pop_front();
  if (done) {
    done(Reply{static_cast<Error>(header.err), header.zxid, body});
  }
  return absl::OkStatus();
}

absl::Status Link::TakeEvent(int64_t zxid, std::string_view body) {
  jute::WatcherEvent event;
  if (!jute::Read(body, &event)) {
    return Unavailable("malformed watch event");
  }
  if (handlers_.on_event) {
    handlers_.on_event(zxid, event);
  }
  return absl::OkStatus();
}

void Link::Finish(const absl::Status& status) {
  if (ended_) {
    return;
  }
  ended_ = true;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  // They may own what owns the Client: let go of them when all is done.
  const auto callbacks = std::move(callbacks_);
  callbacks_.clear();
  const Handlers handlers = std::move(handlers_);
  handlers_ = Handlers{};
  if (handlers.on_closed) {
    handlers.on_closed(status);
  }
}

Client::Client(boost::asio::io_context& io, Handlers handlers)
    : link_(std::make_shared<Link>(io, std::move(handlers))) {}

Client::~Client() { link_->Abandon(); }

void Client::Connect(const tcp::endpoint& server, const Options& options) {
  link_->Connect(server, options);
}

void Client::Send(jute::OpCode type, std::string_view body, Callback done) {
  link_->Send(type, body, std::move(done));
}

void Client::Close() { link_->Close(); }

size_t Client::outstanding() const { return link_->outstanding(); }

int64_t Client::last_zxid_seen() const { return link_->last_zxid_seen(); }

}  // namespace paddock::client
