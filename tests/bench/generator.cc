#include "bench/generator.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "jute/proto.h"

namespace paddock::bench {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kReplyHeaderBytes = 16;
constexpr int kSessionTimeoutMs = 30'000;
constexpr int64_t kSilenceNsMax = 60'000'000'000;
constexpr int kEventsMax = 64;
// A reply is at most the value and a Stat, or a path.
constexpr size_t kInputBytes = 256 << 10;

int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

double OwnCpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::Status SystemError(const char* what) {
  return absl::UnavailableError(
      absl::string_view(fmt::format("{}: {}", what, std::strerror(errno))));
}

// A multi fails with header error 0; its first result tells.
int32_t ErrorInMulti(const char* body) {
  const auto type = jute::LoadBigEndian<int32_t>(body);
  if (type != -1) {
    return 0;
  }
  const auto error = jute::LoadBigEndian<int32_t>(body + 5);
  return error == 0 ? -1 : error;
}

// One connection with a session of its own.
class Connection {
 public:
  Connection(const Requests::Options& requests, int outstanding, int64_t count)
      : left_(count),
        requests_(requests),
        is_multi_(requests.work == Work::kMulti),
        is_ping_(requests.work == Work::kPing),
        sent_at_(static_cast<size_t>(outstanding)),
        output_(requests_.frame_bytes_max() * static_cast<size_t>(outstanding)),
        input_(kInputBytes + 2 * static_cast<size_t>(requests.value_bytes)) {}
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  int outstanding() const { return static_cast<int>(sent_ - received_); }
  bool has_output() const { return output_begin_ != output_end_; }

  absl::Status Open(const sockaddr_in& server);

  // Queues `count` requests, or as many as are left to send, as sent at `now`.
  void Queue(int64_t count, int64_t now);
  // Sends what is queued and the socket takes.
  absl::Status Flush();
  // Reads once; returns the number of replies, their latencies in `result`.
  absl::StatusOr<int64_t> Receive(Result* result, int64_t* now);
  // Ends the session, so that its expiry disturbs nobody later.
  void Close();

 private:
  // The xid of the request with this number.
  int32_t Xid(uint32_t number) const {
    return is_ping_ ? jute::kPingXid : static_cast<int32_t>(number & INT32_MAX);
  }
  absl::Status TakeReply(const char* payload, size_t size, Result* result,
                         int64_t now);

  int fd_ = -1;
  int64_t left_;  // To be sent
  Requests requests_;
  const bool is_multi_;
  const bool is_ping_;
  uint32_t sent_ = 0;  // Requests so far
  uint32_t received_ = 0;
  uint32_t next_slot_ = 0;   // In sent_at_, of the next request
  uint32_t first_slot_ = 0;  // Of the oldest one without a reply
  std::vector<int64_t> sent_at_;
  std::vector<char> output_;
  size_t output_begin_ = 0;
  size_t output_end_ = 0;
  std::vector<char> input_;
  size_t input_end_ = 0;
};

absl::Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      return SystemError("send");
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

// Connects and makes a session, then makes the socket non-blocking.
absl::Status Connection::Open(const sockaddr_in& server) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0 || connect(fd_, reinterpret_cast<const sockaddr*>(&server),
                         sizeof server) != 0) {
    return SystemError("connect");
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string frame(kLengthBytes, '\0');
  const std::string password(16, '\0');
  jute::Write(
      jute::ConnectRequest{.timeOut = kSessionTimeoutMs, .passwd = password},
      &frame);
  frame.push_back('\0');  // readOnly
  jute::StoreBigEndian(frame.data(),
                       static_cast<int32_t>(frame.size() - kLengthBytes));
  RETURN_IF_ERROR(SendAll(fd_, frame));
  std::array<char, 41> reply;
  if (recv(fd_, reply.data(), reply.size(), MSG_WAITALL) !=
      static_cast<ssize_t>(reply.size())) {
    return SystemError("handshake");
  }
  timeval seconds{};
  seconds.tv_sec = 10;  // For Close(), which is the only one to block
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &seconds, sizeof seconds);
  return absl::OkStatus();
}

void Connection::Queue(int64_t count, int64_t now) {
  count = std::min(count, left_);
  left_ -= count;
  if (!has_output()) {
    output_begin_ = output_end_ = 0;
  } else if (output_.size() - output_end_ <
             static_cast<size_t>(count) * requests_.frame_bytes_max()) {
    std::memmove(output_.data(), output_.data() + output_begin_,
                 output_end_ - output_begin_);
    output_end_ -= std::exchange(output_begin_, 0);
  }
  char* end = output_.data() + output_end_;
  for (int64_t i = 0; i < count; ++i) {
    ++sent_;
    end = requests_.Append(Xid(sent_), end);
    sent_at_[next_slot_] = now;
    next_slot_ = next_slot_ + 1 == sent_at_.size() ? 0 : next_slot_ + 1;
  }
  output_end_ = static_cast<size_t>(end - output_.data());
}

absl::Status Connection::Flush() {
  const ssize_t sent =
      send(fd_, output_.data() + output_begin_, output_end_ - output_begin_,
           MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    return errno == EAGAIN ? absl::OkStatus() : SystemError("send");
  }
  output_begin_ += static_cast<size_t>(sent);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Connection::Receive(Result* result, int64_t* now) {
  const ssize_t got = recv(fd_, input_.data() + input_end_,
                           input_.size() - input_end_, MSG_DONTWAIT);
  *now = NowNs();
  if (got < 0 && errno == EAGAIN) {
    return 0;
  }
  if (got <= 0) {
    return got == 0 ? absl::UnavailableError("the server hung up")
                    : SystemError("recv");
  }
  input_end_ += static_cast<size_t>(got);
  const char* next = input_.data();
  const char* const end = input_.data() + input_end_;
  int64_t replies = 0;
  while (static_cast<size_t>(end - next) >= kLengthBytes) {
    const auto size = static_cast<size_t>(jute::LoadBigEndian<int32_t>(next));
    if (size > input_.size() - kLengthBytes || size < kReplyHeaderBytes) {
      return absl::UnavailableError("reply of an absurd length");
    }
    if (static_cast<size_t>(end - next) < kLengthBytes + size) {
      break;
    }
    RETURN_IF_ERROR(TakeReply(next + kLengthBytes, size, result, *now));
    next += kLengthBytes + size;
    ++replies;
  }
  input_end_ = static_cast<size_t>(end - next);
  std::memmove(input_.data(), next, input_end_);
  return replies;
}

absl::Status Connection::TakeReply(const char* payload, size_t size,
                                   Result* result, int64_t now) {
  ++received_;
  if (jute::LoadBigEndian<int32_t>(payload) != Xid(received_)) {
    return absl::UnavailableError("reply out of order");
  }
  auto error = jute::LoadBigEndian<int32_t>(payload + 12);
  if (is_multi_ && error == 0 && size >= kReplyHeaderBytes + 9) {
    error = ErrorInMulti(payload + kReplyHeaderBytes);
  }
  if (error != 0) {
    result->first_error = result->errors == 0 ? error : result->first_error;
    ++result->errors;
  }
  result->latency.Add(now - sent_at_[first_slot_]);
  first_slot_ = first_slot_ + 1 == sent_at_.size() ? 0 : first_slot_ + 1;
  return absl::OkStatus();
}

void Connection::Close() {
  std::string frame(kLengthBytes, '\0');
  jute::Write(
      jute::RequestHeader{1, static_cast<int32_t>(jute::OpCode::kCloseSession)},
      &frame);
  jute::StoreBigEndian(frame.data(),
                       static_cast<int32_t>(frame.size() - kLengthBytes));
  if (SendAll(fd_, frame).ok()) {
    std::array<char, kLengthBytes + kReplyHeaderBytes> reply;
    (void)recv(fd_, reply.data(), reply.size(), MSG_WAITALL);
  }
}

// Runs a Load; used once.
class Generator {
 public:
  Generator(const Load& load, Result* result) : load_(load), result_(result) {}
  ~Generator() { close(epoll_); }

  absl::Status Run();

 private:
  enum class Phase { kWarmUp, kMeasure, kDrain };

  absl::Status Open();
  absl::Status OnReady(Connection* connection, uint32_t events);
  absl::Status Send(Connection* connection, int64_t count, int64_t now);
  absl::Status Watch(Connection* connection, int operation, uint32_t events);
  void EnterMeasure(int64_t now);
  void LeaveMeasure(int64_t now);
  void AdvancePhase(int64_t now);
  bool AllIn() const;

  const Load& load_;
  Result* const result_;
  std::vector<std::unique_ptr<Connection>> connections_;
  int epoll_ = -1;
  Phase phase_ = Phase::kWarmUp;
  int64_t phase_end_ = 0;
  int64_t measure_start_ = 0;
  int64_t last_reply_ = 0;
};

absl::Status Generator::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < load_.connections; ++i) {
    Requests::Options requests = load_.requests;
    requests.connection = i;
    auto& connection = connections_.emplace_back(std::make_unique<Connection>(
        requests, load_.outstanding,
        load_.count_per_connection == 0 ? INT64_MAX
                                        : load_.count_per_connection));
    RETURN_IF_ERROR(connection->Open(load_.server));
    RETURN_IF_ERROR(Watch(connection.get(), EPOLL_CTL_ADD, EPOLLIN));
  }
  return absl::OkStatus();
}

absl::Status Generator::Watch(Connection* connection, int operation,
                              uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = connection;
  return epoll_ctl(epoll_, operation, connection->fd(), &event) == 0
             ? absl::OkStatus()
             : SystemError("epoll_ctl");
}

absl::Status Generator::Run() {
  RETURN_IF_ERROR(Open());
  const int64_t start = last_reply_ = NowNs();
  phase_end_ = start + static_cast<int64_t>(load_.warm_up_seconds * 1e9);
  if (load_.count_per_connection != 0) {
    EnterMeasure(start);
    phase_end_ = INT64_MAX;
  }
  for (const auto& connection : connections_) {
    RETURN_IF_ERROR(Send(connection.get(), load_.outstanding, NowNs()));
  }
  while (phase_ != Phase::kDrain || !AllIn()) {
    std::array<epoll_event, kEventsMax> events;
    const int count = epoll_wait(epoll_, events.data(), kEventsMax, 100);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      RETURN_IF_ERROR(
          OnReady(static_cast<Connection*>(event.data.ptr), event.events));
    }
    AdvancePhase(NowNs());
    if (NowNs() - last_reply_ > kSilenceNsMax) {
      return absl::DeadlineExceededError("no reply for 60 s");
    }
  }
  for (const auto& connection : connections_) {
    connection->Close();
  }
  return absl::OkStatus();
}

absl::Status Generator::OnReady(Connection* connection, uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    RETURN_IF_ERROR(Send(connection, 0, 0));
  }
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) {
    return absl::OkStatus();
  }
  // Replies that come in after the end are waited for, but not counted.
  static Result ignored;
  ASSIGN_OR_RETURN(
      const int64_t replies,
      connection->Receive(phase_ == Phase::kDrain ? &ignored : result_,
                          &last_reply_));
  return phase_ == Phase::kDrain || replies == 0
             ? absl::OkStatus()
             : Send(connection, replies, last_reply_);
}

// Sends `count` more requests, and what the socket did not take before.
absl::Status Generator::Send(Connection* connection, int64_t count,
                             int64_t now) {
  const bool was_blocked = connection->has_output();
  connection->Queue(count, now);
  if (!connection->has_output()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(connection->Flush());
  const bool is_blocked = connection->has_output();
  if (is_blocked == was_blocked) {
    return absl::OkStatus();
  }
  return Watch(connection, EPOLL_CTL_MOD,
               is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Generator::AdvancePhase(int64_t now) {
  if (phase_ == Phase::kWarmUp && now >= phase_end_) {
    EnterMeasure(now);
  } else if (phase_ == Phase::kMeasure && (now >= phase_end_ || AllIn())) {
    LeaveMeasure(now);
  }
}

void Generator::EnterMeasure(int64_t now) {
  phase_ = Phase::kMeasure;
  *result_ = Result{};
  result_->server_cpu_seconds = -CpuSeconds(load_.server_pid);
  result_->load_cpu_seconds = -OwnCpuSeconds();
  measure_start_ = now;
  phase_end_ = now + static_cast<int64_t>(load_.seconds * 1e9);
}

void Generator::LeaveMeasure(int64_t now) {
  phase_ = Phase::kDrain;
  result_->server_cpu_seconds += CpuSeconds(load_.server_pid);
  result_->load_cpu_seconds += OwnCpuSeconds();
  result_->seconds = static_cast<double>(now - measure_start_) / 1e9;
}

bool Generator::AllIn() const {
  for (const auto& connection : connections_) {
    if (connection->outstanding() != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::Status Run(const Load& load, Result* result) {
  return Generator(load, result).Run();
}

double CpuSeconds(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // The name in brackets may hold anything; utime is the 12th field after it.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  const char* next = text.c_str() + name_end + 1;
  char state;
  long skipped;
  unsigned long user = 0;
  unsigned long system = 0;
  int offset = 0;
  if (std::sscanf(next, " %c%n", &state, &offset) != 1) {
    return 0;
  }
  next += offset;
  for (int field = 0; field < 10; ++field) {
    if (std::sscanf(next, "%ld%n", &skipped, &offset) != 1) {
      return 0;
    }
    next += offset;
  }
  if (std::sscanf(next, "%lu %lu", &user, &system) != 2) {
    return 0;
  }
  return static_cast<double>(user + system) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

int64_t ResidentBytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

}  // namespace paddock::bench
