// What each part of a server is told, and how it follows from zoo.cfg.

#ifndef PADDOCK_SERVER_SERVER_OPTIONS_H_
#define PADDOCK_SERVER_SERVER_OPTIONS_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "net/client_options.h"
#include "paddock/config.h"
#include "replica/options.h"
#include "storage/storage.h"

namespace paddock::server {

struct ServerOptions {
  replica::Options replica;  // Its session_id_seed_ms is set by the Server
  storage::Options storage;
  net::ClientOptions clients;

  // Where these values come from: what messages about them begin with.
  std::string client_port_origin;
  std::string client_address_origin;

  // Requests in progress, above which a connection that has one of them must
  // wait with its next: globalOutstandingLimit.
  size_t outstanding_max = 1000;

  // Requests in progress, at which every connection must wait with its next:
  // request_throttle_max_requests.  0: no limit.
  size_t requests_max = 0;

  // A checkpoint is due when so many znodes have changed since the last one, or
  // so many bytes of transactions were logged: checkpoint.changes and
  // checkpoint.logKb.
  size_t checkpoint_changes_max = 50000;
  int64_t checkpoint_log_bytes_max = int64_t{32} << 20;

  // How often old logs and snapshots are removed, first when the server starts:
  // autopurge.purgeInterval.
  absl::Duration purge_interval = absl::InfiniteDuration();

  // How long a stop waits for requests in progress and for clients to take
  // their answers.
  absl::Duration stop_timeout = absl::Seconds(3);
};

ServerOptions ServerOptionsFrom(const ParsedConfig& parsed);

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_SERVER_OPTIONS_H_
