#include "net/client_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "base/status_macros.h"
#include "net/address.h"

namespace paddock::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

int OpenSpareDescriptor() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

absl::StatusOr<std::unique_ptr<ClientListener>> ClientListener::Bind(
    const ClientOptions& options, boost::asio::io_context* io,
    ClientEvents* events, ClientConnections* connections) {
  std::unique_ptr<ClientListener> listener(
      new ClientListener(options, io, events, connections));
  if (options.address.empty()) {
    RETURN_IF_ERROR(listener->BindAnyAddress());
  } else {
    tcp::resolver resolver(*io);
    error_code error;
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

ClientListener::ClientListener(const ClientOptions& options,
                               boost::asio::io_context* io,
                               ClientEvents* events,
                               ClientConnections* connections)
    : backlog_(options.listen_backlog),
      host_(options.address),
      port_(options.port),
      io_(io),
      events_(events),
      connections_(connections),
      acceptor_(*io),
      spare_descriptor_(OpenSpareDescriptor()) {}

ClientListener::~ClientListener() {
  *alive_ = false;
  Close();
  if (spare_descriptor_ >= 0) {
    close(spare_descriptor_);
  }
}

absl::Status ClientListener::BindAnyAddress() {
  // One IPv6 socket serves both families, where the system has IPv6.
  if (BindTo(tcp::endpoint(tcp::v6(), port_)).ok()) {
    return absl::OkStatus();
  }
  return BindTo(tcp::endpoint(tcp::v4(), port_));
}

absl::Status ClientListener::BindTo(const tcp::endpoint& endpoint) {
  error_code error;
  acceptor_.close(error);
  acceptor_.open(endpoint.protocol(), error);
  if (!error && endpoint.address().is_v6()) {
    const bool all = endpoint.address().is_unspecified();
    acceptor_.set_option(boost::asio::ip::v6_only(!all), error);
  }
  if (!error) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    acceptor_.bind(endpoint, error);
  }
  if (error) {
    const std::string message = fmt::format("cannot use {}:{} for clients: {}",
                                            FormatAddress(endpoint.address()),
                                            endpoint.port(), error.message());
    return error == boost::asio::error::address_in_use
               ? absl::UnavailableError(message)
               : absl::InvalidArgumentError(message);
  }
  port_ = acceptor_.local_endpoint(error).port();
  return absl::OkStatus();
}

absl::Status ClientListener::Listen() {
  error_code error;
  acceptor_.listen(
      backlog_ > 0 ? backlog_ : tcp::acceptor::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(fmt::format("cannot use {} for clients: {}",
                                              address(), error.message()));
  }
  Accept();
  return absl::OkStatus();
}

void ClientListener::Close() {
  error_code ignored;
  acceptor_.close(ignored);
  retry_at_ = absl::InfiniteDuration();
}

std::string ClientListener::address() const {
  error_code error;
  const tcp::endpoint local = acceptor_.local_endpoint(error);
  if (error) {
    return fmt::format("{}:{}", host_, port_);
  }
  return local.address().is_v4()
             ? fmt::format("{}:{}", local.address().to_string(), port_)
             : fmt::format("[{}]:{}", local.address().to_string(), port_);
}

void ClientListener::Accept() {
  acceptor_.async_accept(
      remote_,
      [this, alive = alive_](const error_code& error, tcp::socket socket) {
        if (*alive) {
          OnAccepted(error, std::move(socket));
        }
      });
}

void ClientListener::OnAccepted(const error_code& error, tcp::socket socket) {
  if (!acceptor_.is_open()) {
    return;
  }
  if (!error) {
    connections_->Add(std::move(socket), remote_);
    Accept();
    return;
  }
  if (error_log_.Allow(events_->Now())) {
    log::Error("cannot accept a client: {}", error.message());
  }
  if (error == boost::asio::error::no_descriptors) {
    TurnOneAway();
  }
  retry_at_ = events_->Now() + kRetryDelay;
}

void ClientListener::TurnOneAway() {
  if (spare_descriptor_ < 0) {
    return;
  }
  close(spare_descriptor_);
  error_code ignored;
  acceptor_.non_blocking(true, ignored);
  tcp::socket turned_away(*io_);
  acceptor_.accept(turned_away, ignored);
  turned_away.close(ignored);
  spare_descriptor_ = OpenSpareDescriptor();
}

void ClientListener::RunTimers() {
  if (events_->Now() >= retry_at_) {
    retry_at_ = absl::InfiniteDuration();
    Accept();
  }
}

}  // namespace paddock::net
