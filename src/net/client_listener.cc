#include "net/client_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "net/address.h"

namespace paddock::net {
namespace {

using boost::asio::ip::tcp;

// In one batch, for others want their turn.
constexpr int kAcceptsMax = 64;

constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

Descriptor OpenSpare() {
  return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

tcp::endpoint LocalEndpoint(const Descriptor& socket) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (getsockname(socket.get(), endpoint.data(), &size) == 0) {
    endpoint.resize(size);
  }
  return endpoint;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientListener>> ClientListener::Bind(
    const ClientOptions& options, EventLoop* loop, ClientEvents* events,
    ClientConnections* connections) {
  std::unique_ptr<ClientListener> listener(
      new ClientListener(options, loop, events, connections));
  if (options.address.empty()) {
    RETURN_IF_ERROR(listener->BindAnyAddress());
  } else {
    boost::asio::io_context io;
    tcp::resolver resolver(io);
    boost::system::error_code error;
    const tcp::resolver::results_type found =
        resolver.resolve(options.address, std::to_string(options.port),
                         tcp::resolver::passive, error);
    if (error || found.empty()) {
      return absl::InvalidArgumentError(fmt::format(
          "cannot find the address {}: {}", options.address, error.message()));
    }
    RETURN_IF_ERROR(listener->BindTo(found.begin()->endpoint()));
  }
  return listener;
}

ClientListener::ClientListener(const ClientOptions& options, EventLoop* loop,
                               ClientEvents* events,
                               ClientConnections* connections)
    : backlog_(options.listen_backlog),
      host_(options.address),
      port_(options.port),
      loop_(loop),
      events_(events),
      connections_(connections),
      spare_(OpenSpare()) {}

ClientListener::~ClientListener() { Close(); }

absl::Status ClientListener::BindAnyAddress() {
  // One IPv6 socket serves both families, where the system has IPv6.
  if (BindTo(tcp::endpoint(tcp::v6(), port_)).ok()) {
    return absl::OkStatus();
  }
  return BindTo(tcp::endpoint(tcp::v4(), port_));
}

absl::Status ClientListener::BindTo(const tcp::endpoint& endpoint) {
  const bool is_v6 = endpoint.address().is_v6();
  const bool only_v6 = is_v6 && !endpoint.address().is_unspecified();
  socket_ = Descriptor(socket(endpoint.protocol().family(),
                              SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_.is_open() ||
      (is_v6 &&
       !SetOption(socket_, IPPROTO_IPV6, IPV6_V6ONLY, only_v6 ? 1 : 0)) ||
      !SetOption(socket_, SOL_SOCKET, SO_REUSEADDR, 1) ||
      bind(socket_.get(), endpoint.data(),
           static_cast<socklen_t>(endpoint.size())) != 0) {
    const int error = errno;
    const std::string message = fmt::format(
        "cannot use {}:{} for clients: {}", FormatAddress(endpoint.address()),
        endpoint.port(), std::strerror(error));
    return error == EADDRINUSE ? absl::UnavailableError(message)
                               : absl::InvalidArgumentError(message);
  }
  port_ = LocalEndpoint(socket_).port();
  return absl::OkStatus();
}

absl::Status ClientListener::Listen() {
  if (listen(socket_.get(), backlog_ > 0 ? backlog_ : SOMAXCONN) != 0 ||
      !loop_->Watch(socket_.get(), this)) {
    return absl::UnavailableError(fmt::format("cannot use {} for clients: {}",
                                              address(), std::strerror(errno)));
  }
  return absl::OkStatus();
}

void ClientListener::Close() {
  socket_.Close();
  loop_->Forget(this);
  retry_at_ = absl::InfiniteDuration();
}

std::string ClientListener::address() const {
  const tcp::endpoint local = LocalEndpoint(socket_);
  if (local.port() == 0) {
    return fmt::format("{}:{}", host_, port_);
  }
  return local.address().is_v4()
             ? fmt::format("{}:{}", local.address().to_string(), port_)
             : fmt::format("[{}]:{}", local.address().to_string(), port_);
}

void ClientListener::OnReady(Readiness) { Accept(); }

void ClientListener::Accept() {
  if (events_->Now() < retry_at_ && retry_at_ < absl::InfiniteDuration()) {
    return;  // RunTimers() goes on
  }
  retry_at_ = absl::InfiniteDuration();
  for (int i = 0; i < kAcceptsMax; ++i) {
    tcp::endpoint remote;
    auto size = static_cast<socklen_t>(remote.capacity());
    Descriptor client(accept4(socket_.get(), remote.data(), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.is_open()) {
      remote.resize(size);
      connections_->Add(std::move(client), remote);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != ECONNABORTED && errno != EPROTO && errno != EINTR) {
      OnError(errno);
      return;
    }
  }
  retry_at_ = events_->Now();
}

void ClientListener::OnError(int error) {
  if (error_log_.Allow(events_->Now())) {
    log::Error("cannot accept a client: {}", std::strerror(error));
  }
  if (error == EMFILE) {
    TurnOneAway();
  }
  retry_at_ = events_->Now() + kRetryDelay;
}

void ClientListener::TurnOneAway() {
  if (!spare_.is_open()) {
    return;
  }
  spare_.Close();
  Descriptor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)).Close();
  spare_ = OpenSpare();
}

void ClientListener::RunTimers() {
  if (events_->Now() >= retry_at_) {
    Accept();
  }
}

}  // namespace paddock::net
