// paddock_floor: what no server can beat.  It answers every request with the
// same bytes without looking at it; or it appends to a file (--disk); or it
// sends to many connections, while a thread receives (--fan-out).

#include <fcntl.h>
#include <fmt/format.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/histogram.h"
#include "jute/proto.h"

namespace paddock::bench {
namespace {

constexpr char kHelp[] = R"(usage: paddock_floor --port=PORT [--body=200]
       paddock_floor --disk=FOLDER
       paddock_floor --fan-out=CONNECTIONS
  --port    serves 127.0.0.1:PORT until it is ended
  --body    bytes behind each reply's header: 200 for a get of 128 bytes, 12 for
            a sync
  --disk    appends records of 150 bytes to a file in FOLDER, fdatasync after
            each batch
  --fan-out sends 44 bytes, an event, to each of so many connections
)";

constexpr size_t kLengthBytes = 4;
constexpr size_t kInputBytes = 256 << 10;

[[noreturn]] void Exit(const std::string& what) {
  std::fprintf(stderr, "paddock_floor: %s\n", what.c_str());
  std::exit(2);
}

[[noreturn]] void ExitErrno(const std::string& what) {
  Exit(what + ": " + std::strerror(errno));
}

std::string Frame(std::string_view payload) {
  std::string frame(kLengthBytes, '\0');
  jute::StoreBigEndian(frame.data(), static_cast<int32_t>(payload.size()));
  frame += payload;
  return frame;
}

std::string Handshake() {
  const std::string password(16, 'p');
  std::string payload;
  jute::Write(
      jute::ConnectResponse{
          .timeOut = 30'000, .sessionId = 1, .passwd = password},
      &payload);
  payload.push_back('\0');  // readOnly
  return Frame(payload);
}

// A reply that reads as a buffer or a string, and then a Stat.
std::string ReplyTo(size_t body_bytes) {
  std::string payload;
  jute::Write(jute::ReplyHeader{0, 1, 0}, &payload);
  const size_t stat_bytes = body_bytes > 72 ? 68 : 0;
  jute::Write(jute::CreateResponse{std::string(
                  body_bytes - stat_bytes - kLengthBytes, 'v')},
              &payload);
  payload.append(stat_bytes, '\0');
  return Frame(payload);
}

// One connection of a client.
class Client {
 public:
  explicit Client(int fd) : fd_(fd), input_(kInputBytes) {}
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Answers all whole requests that have come; false when it has gone away.
  bool Answer(const std::string& handshake, const std::string& reply);

 private:
  int fd_;
  bool greeted_ = false;
  std::vector<char> input_;
  size_t input_end_ = 0;
  std::string output_;
};

bool Client::Answer(const std::string& handshake, const std::string& reply) {
  const ssize_t got =
      recv(fd_, input_.data() + input_end_, input_.size() - input_end_, 0);
  if (got <= 0) {
    return false;
  }
  input_end_ += static_cast<size_t>(got);
  const char* next = input_.data();
  const char* const end = next + input_end_;
  output_.clear();
  while (static_cast<size_t>(end - next) >= 2 * kLengthBytes) {
    const auto size = static_cast<size_t>(jute::LoadBigEndian<int32_t>(next));
    if (size > kInputBytes - kLengthBytes) {
      return false;
    }
    if (static_cast<size_t>(end - next) < kLengthBytes + size) {
      break;
    }
    const size_t start = output_.size();
    output_ += greeted_ ? reply : handshake;
    if (greeted_) {  // The reply's xid is the request's.
      std::memcpy(output_.data() + start + kLengthBytes, next + kLengthBytes,
                  sizeof(int32_t));
    }
    greeted_ = true;
    next += kLengthBytes + size;
  }
  input_end_ = static_cast<size_t>(end - next);
  std::memmove(input_.data(), next, input_end_);
  // Blocks where a client does not read: no bound to break.
  return output_.empty() ||
         send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(output_.size());
}

int Listen(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address),
           sizeof address) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    ExitErrno(fmt::format("port {}", port));
  }
  return listener;
}

void Watch(int epoll, int fd, void* context) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = context;
  CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

[[noreturn]] void Serve(uint16_t port, size_t body_bytes) {
  const std::string handshake = Handshake();
  const std::string reply = ReplyTo(body_bytes);
  const int listener = Listen(port);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  Watch(epoll, listener, nullptr);
  for (;;) {
    std::array<epoll_event, 64> events;
    const int count =
        epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto* client =
          static_cast<Client*>(events[static_cast<size_t>(i)].data.ptr);
      if (client != nullptr) {
        if (!client->Answer(handshake, reply)) {
          delete client;
        }
        continue;
      }
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Watch(epoll, fd, new Client(fd));
      }
    }
  }
}

// Appends batches for a second and prints how it went.
void AppendBatches(int fd, size_t records) {
  constexpr off_t kFileBytes = 64 << 20;
  const std::string batch(150 * records, 'r');
  Histogram latency;
  off_t offset = 0;
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto start = now();
  auto before = start;
  while (before - start < std::chrono::seconds(1)) {
    if (offset + static_cast<off_t>(batch.size()) > kFileBytes) {
      offset = 0;
    }
    if (pwrite(fd, batch.data(), batch.size(), offset) !=
            static_cast<ssize_t>(batch.size()) ||
        fdatasync(fd) != 0) {
      ExitErrno("append");
    }
    offset += static_cast<off_t>(batch.size());
    const auto after = now();
    latency.Add((after - before).count());
    before = after;
  }
  const double seconds = std::chrono::duration<double>(before - start).count();
  fmt::print(
      "{} x 150 B + fdatasync: p50 {:.0f} us, p99 {:.0f} us, {:.1f} k "
      "records/s\n",
      records, static_cast<double>(latency.Percentile(0.5)) / 1e3,
      static_cast<double>(latency.Percentile(0.99)) / 1e3,
      static_cast<double>(latency.count() * records) / seconds / 1e3);
}

void MeasureDisk(const std::string& folder) {
  const std::string path = folder + "/paddock_floor.tmp";
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || unlink(path.c_str()) != 0) {
    ExitErrno(path);
  }
  // Blocks that were written before need no change of the file's metadata.
  const std::string zeros(1 << 20, '\0');
  for (off_t mb = 0; mb < 64; ++mb) {
    if (pwrite(fd, zeros.data(), zeros.size(), mb << 20) !=
        static_cast<ssize_t>(zeros.size())) {
      ExitErrno(path);
    }
  }
  fsync(fd);
  for (size_t records : {1, 16, 256, 1024}) {
    AppendBatches(fd, records);
  }
  close(fd);
}

// One thread sends to all, another receives; prints how long that took.
void MeasureFanOut(int count) {
  const int listener = Listen(0);
  sockaddr_in address{};
  socklen_t address_bytes = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &address_bytes);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<int> near;
  std::vector<int> far;
  for (int i = 0; i < count; ++i) {
    far.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(far.back(), reinterpret_cast<sockaddr*>(&address),
                sizeof address) != 0) {
      ExitErrno(fmt::format("connection {} (see ulimit -n)", i));
    }
    near.push_back(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (near.back() < 0) {
      ExitErrno(fmt::format("connection {} (see ulimit -n)", i));
    }
    const int on = 1;
    setsockopt(near.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = far.back();
    CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, far.back(), &event), 0);
  }
  const std::string event(44, 'e');
  const auto receive_all = [&] {
    std::array<char, 4096> input;
    std::array<epoll_event, 256> ready;
    for (int received = 0; received < count;) {
      const int found =
          epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < found; ++i, ++received) {
        CHECK_EQ(recv(ready[static_cast<size_t>(i)].data.fd, input.data(),
                      input.size(), 0),
                 static_cast<ssize_t>(event.size()));
      }
    }
  };
  std::vector<double> all_ms;
  for (int round = 0; round < 11; ++round) {
    std::thread receiver(receive_all);
    const auto start = std::chrono::steady_clock::now();
    for (const int fd : near) {
      CHECK_EQ(send(fd, event.data(), event.size(), MSG_NOSIGNAL),
               static_cast<ssize_t>(event.size()));
    }
    receiver.join();
    all_ms.push_back(std::chrono::duration<double, std::milli>(
                         std::chrono::steady_clock::now() - start)
                         .count());
    for (const int fd : far) {  // As clients that set their watches again
      CHECK_EQ(send(fd, event.data(), event.size(), MSG_NOSIGNAL),
               static_cast<ssize_t>(event.size()));
    }
    std::string input(event.size(), '\0');
    for (const int fd : near) {
      CHECK_EQ(recv(fd, input.data(), input.size(), MSG_WAITALL),
               static_cast<ssize_t>(event.size()));
    }
  }
  std::sort(all_ms.begin(), all_ms.end());
  fmt::print("{} connections: {:.0f} ms ({:.0f}-{:.0f})\n", count,
             all_ms[all_ms.size() / 2], all_ms.front(), all_ms.back());
}

int Main(int argc, char** argv) {
  static const option kOptions[] = {
      {"port", required_argument, nullptr, 'p'},
      {"body", required_argument, nullptr, 'b'},
      {"disk", required_argument, nullptr, 'd'},
      {"fan-out", required_argument, nullptr, 'f'},
      {"help", no_argument, nullptr, 'h'},
      {}};
  long port = 0;
  long body_bytes = 200;
  int fan_out = 0;
  std::string folder;
  int found;
  while ((found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1) {
    if (found == 'p') {
      port = std::atol(optarg);
    } else if (found == 'b') {
      body_bytes = std::atol(optarg);
    } else if (found == 'd') {
      folder = optarg;
    } else if (found == 'f') {
      fan_out = std::atoi(optarg);
    } else {
      std::fputs(kHelp, stdout);
      return found == 'h' ? 0 : 2;
    }
  }
  if (!folder.empty()) {
    MeasureDisk(folder);
    return 0;
  }
  if (fan_out > 0) {
    MeasureFanOut(fan_out);
    return 0;
  }
  if (port < 1 || port > 65535 || body_bytes < 4 || body_bytes > 1'000'000) {
    std::fputs(kHelp, stderr);
    return 2;
  }
  Serve(static_cast<uint16_t>(port), static_cast<size_t>(body_bytes));
}

}  // namespace
}  // namespace paddock::bench

int main(int argc, char** argv) { return paddock::bench::Main(argc, argv); }
