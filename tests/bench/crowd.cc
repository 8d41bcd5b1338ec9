// paddock_crowd: many clients that mostly wait, and what becomes of others
// meanwhile.  Prints one JSON line.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/check.h"
#include "jute/archive.h"
#include "jute/proto.h"

namespace paddock::bench {
namespace {

constexpr char kHelp[] = R"(usage: paddock_crowd MODE PORT CONNECTIONS [N]
  fanout PORT CONNECTIONS [ROUNDS]    one change of a znode that all watch, and
                                      a write of another client behind it
  rewatch PORT CONNECTIONS [WATCHES]  all reconnect and set their watches again,
                                      while another client pings
  hold PORT CONNECTIONS [WATCHES]     keeps sessions and watches until its input
                                      ends; each pings every 10 s
)";

using Clock = std::chrono::steady_clock;

constexpr int32_t kTimeoutMs = 30000;
constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kPathsPerFrame = 1000;
constexpr int kWaitMaxMs = 60000;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

std::string Framed(std::string_view payload) {
  std::string frame(4, '\0');
  jute::StoreBigEndian(frame.data(), static_cast<int32_t>(payload.size()));
  frame += payload;
  return frame;
}

template <class Body>
std::string MakeFrame(int32_t xid, jute::OpCode op, const Body& body) {
  std::string bytes;
  jute::Write(jute::RequestHeader{xid, static_cast<int32_t>(op)}, &bytes);
  jute::Write(body, &bytes);
  return Framed(bytes);
}

std::string PingFrame() {
  std::string bytes;
  jute::Write(jute::RequestHeader{jute::kPingXid,
                                  static_cast<int32_t>(jute::OpCode::kPing)},
              &bytes);
  return Framed(bytes);
}

int Dial(uint16_t port, uint32_t source) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_GE(fd, 0) << std::strerror(errno);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  CHECK_EQ(bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0)
      << std::strerror(errno);
  return fd;
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    CHECK_GT(sent, 0) << std::strerror(errno);
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

struct Client {
  int fd = -1;
  std::string input;
  bool greeted = false;
  int64_t session = 0;
  std::string password;
};

// Clients on one thread.
class Crowd {
 public:
  Crowd(uint16_t port, int connections)
      : port_(port), epoll_(epoll_create1(0)), buffer_(kReadBytes, '\0') {
    clients_.resize(static_cast<size_t>(connections));
    Connect();
  }
  ~Crowd() {
    Disconnect();
    close(epoll_);
  }

  size_t size() const { return clients_.size(); }
  size_t replies = 0;
  size_t events = 0;

  // With the sessions that there are; else with new ones.
  void Connect() {
    constexpr size_t kPerSource = 20000;
    // What the server's backlog takes.
    constexpr size_t kAtATime = 50;
    greeted_ = 0;
    for (size_t i = 0; i < clients_.size(); ++i) {
      Client& client = clients_[i];
      client.fd = Dial(port_, static_cast<uint32_t>(i / kPerSource));
      client.input.clear();
      client.greeted = false;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      CHECK_EQ(epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event), 0);
      std::string password = client.password;
      password.resize(16);
      std::string bytes(4, '\0');
      jute::Write(jute::ConnectRequest{.timeOut = kTimeoutMs,
                                       .sessionId = client.session,
                                       .passwd = password},
                  &bytes);
      bytes.push_back(0);
      jute::StoreBigEndian(bytes.data(),
                           static_cast<int32_t>(bytes.size() - 4));
      SendAll(client.fd, bytes);
      if (i % kAtATime == 0) {
        Await([&] { return greeted_ + kAtATime > i; });
      }
    }
  }

  void AwaitGreetings() {
    Await([&] { return greeted_ == clients_.size(); });
  }

  void Disconnect() {
    for (Client& client : clients_) {
      close(client.fd);
    }
  }

  void Send(size_t client, std::string_view frame) {
    SendAll(clients_[client].fd, frame);
  }
  void SendToAll(std::string_view frame) {
    for (size_t i = 0; i < clients_.size(); ++i) {
      Send(i, frame);
    }
  }

  // Reads until it is so; at most for a minute without any news.
  void Await(const std::function<bool()>& done) {
    while (!done()) {
      CHECK(Read(kWaitMaxMs)) << "nothing comes: " << greeted_ << " greetings, "
                              << replies << " replies, " << events << " events";
    }
  }

  // False when nothing came.
  bool Read(int wait_ms) {
    std::array<epoll_event, 256> ready;
    const int count = epoll_wait(epoll_, ready.data(),
                                 static_cast<int>(ready.size()), wait_ms);
    for (int i = 0; i < count; ++i) {
      ReadClient(clients_[ready[static_cast<size_t>(i)].data.u64]);
    }
    return count > 0;
  }

 private:
  void ReadClient(Client& client) {
    const ssize_t got =
        recv(client.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    CHECK_GT(got, 0) << "a client was cut off";
    client.input.append(buffer_, 0, static_cast<size_t>(got));
    std::string_view rest = client.input;
    while (rest.size() >= 4) {
      const auto size =
          static_cast<size_t>(jute::LoadBigEndian<int32_t>(rest.data()));
      if (rest.size() < 4 + size) {
        break;
      }
      Take(client, rest.substr(4, size));
      rest.remove_prefix(4 + size);
    }
    client.input.erase(0, client.input.size() - rest.size());
  }

  void Take(Client& client, std::string_view frame) {
    if (!client.greeted) {
      jute::ConnectResponse response;
      CHECK(jute::Read(frame, &response) && response.sessionId != 0);
      client.greeted = true;
      client.session = response.sessionId;
      client.password = std::string(response.passwd);
      ++greeted_;
      return;
    }
    const auto xid = jute::LoadBigEndian<int32_t>(frame.data());
    ++(xid == jute::kWatchEventXid ? events : replies);
  }

  const uint16_t port_;
  const int epoll_;
  std::string buffer_;
  std::vector<Client> clients_;
  size_t greeted_ = 0;
};

std::string WatchFrame(size_t client, size_t first, size_t count) {
  std::vector<std::string> paths;
  for (size_t i = first; i < first + count; ++i) {
    paths.push_back(fmt::format("/w/{:05}/{:011}", client, i));  // 20 bytes
  }
  jute::SetWatches request;
  request.existWatches.assign(paths.begin(), paths.end());
  return MakeFrame(-8, jute::OpCode::kSetWatches, request);
}

void SetWatches(Crowd& crowd, size_t watches) {
  for (size_t first = 0; first < watches; first += kPathsPerFrame) {
    const size_t count = std::min(kPathsPerFrame, watches - first);
    const size_t before = crowd.replies;
    for (size_t i = 0; i < crowd.size(); ++i) {
      crowd.Send(i, WatchFrame(i, first, count));
    }
    crowd.Await([&] { return crowd.replies == before + crowd.size(); });
  }
}

// One client, one request after the other.
class Single {
 public:
  explicit Single(uint16_t port) : crowd_(port, 1) { crowd_.AwaitGreetings(); }

  // In ms.
  double Call(std::string_view frame) {
    const Clock::time_point start = Clock::now();
    const size_t before = crowd_.replies;
    crowd_.Send(0, frame);
    crowd_.Await([&] { return crowd_.replies > before; });
    return MillisecondsSince(start);
  }

 private:
  Crowd crowd_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double Max(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

void FanOut(uint16_t port, int connections, int rounds) {
  const std::string path = "/crowd";
  Single writer(port);
  for (const std::string& created : {path, path + "-other"}) {
    writer.Call(MakeFrame(
        1, jute::OpCode::kCreate,
        jute::CreateRequest{
            created, "", {{jute::kPermAll, {"world", "anyone"}}}, 0}));
  }
  const std::string other = MakeFrame(
      1, jute::OpCode::kSetData, jute::SetDataRequest{path + "-other", "", -1});
  const std::string change =
      MakeFrame(1, jute::OpCode::kSetData, jute::SetDataRequest{path, "", -1});
  const std::string watch =
      MakeFrame(1, jute::OpCode::kGetData, jute::GetDataRequest{path, true});
  std::vector<double> quiet;
  for (int i = 0; i < 200; ++i) {
    quiet.push_back(writer.Call(other));
  }
  Single neighbour(port);
  Crowd crowd(port, connections);
  crowd.AwaitGreetings();
  std::vector<double> all;
  std::vector<double> first;
  std::vector<double> next;
  for (int round = 0; round < rounds; ++round) {
    const size_t replies = crowd.replies;
    crowd.SendToAll(watch);
    crowd.Await([&] { return crowd.replies == replies + crowd.size(); });
    const size_t events = crowd.events;
    const Clock::time_point start = Clock::now();
    std::atomic<bool> notified = false;
    std::thread changing([&] { first.push_back(writer.Call(change)); });
    std::thread writing([&] {
      // Some fall into the time when the server notifies.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      double longest = 0;
      do {
        longest = std::max(longest, neighbour.Call(other));
      } while (!notified);
      next.push_back(longest);
    });
    crowd.Await([&] { return crowd.events == events + crowd.size(); });
    notified = true;
    all.push_back(MillisecondsSince(start));
    changing.join();
    writing.join();
  }
  fmt::print(
      "{{\"connections\": {}, \"rounds\": {}, \"quiet_write_ms\": {:.2f}, "
      "\"change_ms\": {:.2f}, \"next_write_ms\": {:.2f}, "
      "\"next_write_max_ms\": {:.2f}, \"all_notified_ms\": {:.1f}, "
      "\"all_notified_max_ms\": {:.1f}}}\n",
      connections, rounds, Median(quiet), Median(first), Median(next),
      Max(next), Median(all), Max(all));
}

void Rewatch(uint16_t port, int connections, size_t watches) {
  Single other(port);
  Crowd crowd(port, connections);
  crowd.AwaitGreetings();
  SetWatches(crowd, watches);
  std::vector<std::string> frames;
  for (size_t i = 0; i < crowd.size(); ++i) {
    frames.push_back(WatchFrame(i, 0, watches));
  }
  std::vector<double> pings;
  std::atomic<bool> done = false;
  std::thread pinging([&] {
    const std::string ping = PingFrame();
    while (!done) {
      pings.push_back(other.Call(ping));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  const Clock::time_point start = Clock::now();
  crowd.Disconnect();
  crowd.Connect();
  crowd.AwaitGreetings();
  const double connected_ms = MillisecondsSince(start);
  const size_t replies = crowd.replies;
  for (size_t i = 0; i < crowd.size(); ++i) {
    crowd.Send(i, frames[i]);
  }
  crowd.Await([&] { return crowd.replies == replies + crowd.size(); });
  const double all_ms = MillisecondsSince(start);
  done = true;
  pinging.join();
  fmt::print(
      "{{\"connections\": {}, \"watches\": {}, \"connected_ms\": {:.0f}, "
      "\"all_ms\": {:.0f}, \"ping_ms\": {:.2f}, \"ping_max_ms\": {:.1f}}}\n",
      connections, watches, connected_ms, all_ms, Median(pings), Max(pings));
}

void Hold(uint16_t port, int connections, size_t watches) {
  const Clock::time_point start = Clock::now();
  Crowd crowd(port, connections);
  crowd.AwaitGreetings();
  SetWatches(crowd, watches);
  fmt::print("{{\"connections\": {}, \"watches\": {}, \"ms\": {:.0f}}}\n",
             connections, watches, MillisecondsSince(start));
  std::fflush(stdout);
  // Pings spread over the time, as those of clients that do not know of each
  // other.
  const std::string ping = PingFrame();
  constexpr double kPingEachMs = 10000;
  size_t pinged = 0;
  const Clock::time_point began = Clock::now();
  while (true) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) > 0) {
      return;
    }
    const auto due =
        static_cast<size_t>(MillisecondsSince(began) / kPingEachMs *
                            static_cast<double>(crowd.size()));
    for (; pinged < due; ++pinged) {
      crowd.Send(pinged % crowd.size(), ping);
    }
    crowd.Read(/*wait_ms=*/2);
  }
}

}  // namespace
}  // namespace paddock::bench

int main(int argc, char** argv) {
  using namespace paddock::bench;  // NOLINT: the file's own names
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const int port = argc > 2 ? std::atoi(argv[2]) : 0;
  const int connections = argc > 3 ? std::atoi(argv[3]) : 0;
  if (argc < 4 || argc > 5 || port < 1 || port > 65535 || connections < 1) {
    std::fputs(kHelp, stderr);
    return 2;
  }
  const auto number = [&](int otherwise) {
    return argc == 5 ? std::atoi(argv[4]) : otherwise;
  };
  if (mode == "fanout") {
    FanOut(static_cast<uint16_t>(port), connections, number(5));
  } else if (mode == "rewatch") {
    Rewatch(static_cast<uint16_t>(port), connections,
            static_cast<size_t>(number(1000)));
  } else if (mode == "hold") {
    Hold(static_cast<uint16_t>(port), connections,
         static_cast<size_t>(number(0)));
  } else {
    std::fputs(kHelp, stderr);
    return 2;
  }
  return 0;
}
