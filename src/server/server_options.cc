#include "server/server_options.h"

#include <algorithm>

#include "absl/strings/str_split.h"

namespace paddock::server {
namespace {

replica::Options ReplicaOptionsFrom(const Config& config) {
  replica::Options options;
  options.tick_time = config.tick_time;
  options.min_session_timeout = config.min_session_timeout;
  options.max_session_timeout = config.max_session_timeout;
  options.tree = {.extended_types = config.extended_types_enabled,
                  .emulate_353_ttl = config.emulate_353_ttl_nodes,
                  .digest = config.digest_enabled};
  options.enforce_quota = config.enforce_quota;
  options.skip_acl = config.skip_acl;
  options.reconfig_enabled = config.reconfig_enabled;
  options.digest_auth_enabled = config.digest_auth_enabled;
  options.digest_algorithm = config.digest_auth_algorithm;
  options.super_digest = config.digest_auth_super;
  if (config.enforce_auth_enabled) {
    options.enforced_auth_schemes.assign(config.enforce_auth_schemes.begin(),
                                         config.enforce_auth_schemes.end());
  }
  options.ensemble_auth_enabled = config.ensemble_auth_enabled;
  options.ensemble_auth_names = absl::StrSplit(
      config.ensemble_auth_name, absl::ByAnyChar(", "), absl::SkipEmpty());
  options.throttled_op_wait_time = config.throttled_op_wait_time;
  options.stale_latency_check = config.request_stale_latency_check;
  options.drop_stale_requests = config.request_throttle_drop_stale;
  options.container_check_interval = config.container_check_interval;
  options.container_max_never_used = config.container_max_never_used_interval;
  options.container_deletions_per_minute = config.container_max_per_minute;
  options.four_letter_words = config.four_letter_words;
  return options;
}

storage::Options StorageOptionsFrom(const Config& config) {
  storage::Options options;
  options.data_dir = config.data_dir;
  options.data_log_dir = config.data_log_dir;
  options.create_dirs = config.datadir_autocreate;
  options.preallocate_bytes = config.pre_alloc_size_bytes;
  options.log_bytes_max = config.txn_log_size_limit_bytes;
  // Smaller values mean these, as in ZooKeeper.
  options.log_txns_max = std::max<int64_t>(config.snap_count, 2);
  options.purge_retain_count = static_cast<size_t>(
      std::max<int64_t>(config.autopurge_snap_retain_count, 3));
  options.sync = config.force_sync;
  options.sync_warning = config.fsync_warning_threshold;
  return options;
}

net::ConnectionThrottleOptions ThrottleOptionsFrom(const Config& config) {
  const int least = config.connection_throttle_local_session_weight;
  net::ConnectionThrottleOptions options;
  options.weight_enabled = config.connection_throttle_weight_enabled;
  options.new_session_weight =
      std::max(config.connection_throttle_global_session_weight, least);
  options.renew_session_weight =
      std::max(config.connection_throttle_renew_session_weight, least);
  // With weights, the bucket is measured in new sessions.
  const int64_t unit = options.weight_enabled ? options.new_session_weight : 1;
  options.tokens_max = unit * config.connection_throttle_tokens;
  options.fill_time = config.connection_throttle_fill_time;
  options.fill_count = unit * config.connection_throttle_fill_count;
  options.freeze_time = config.connection_throttle_freeze_time;
  options.drop_increase = config.connection_throttle_drop_increase;
  options.drop_decrease = config.connection_throttle_drop_decrease;
  options.decrease_ratio = config.connection_throttle_decrease_ratio;
  return options;
}

net::ClientOptions ClientOptionsFrom(const Config& config) {
  const auto bytes = [](int64_t value) { return static_cast<size_t>(value); };
  net::ClientOptions options;
  options.address = config.client_port_address;
  options.port = static_cast<uint16_t>(config.client_port);
  options.listen_backlog = config.client_port_listen_backlog;
  options.connections_per_address_max = config.max_client_cnxns;
  options.connections_max = config.max_cnxns;
  options.throttle = ThrottleOptionsFrom(config);
  options.tcp_keep_alive = config.client_tcp_keep_alive;
  options.sessionless_timeout = config.sessionless_cnxn_timeout;
  options.close_timeout = config.client_close_timeout;
  options.closing_connections_max = bytes(config.client_closing_max);
  options.frame_bytes_max = static_cast<int32_t>(config.jute_max_buffer_bytes);
  options.large_request_threshold = config.large_request_threshold_bytes;
  options.large_request_bytes_max = config.large_request_max_bytes;
  options.input_bytes_total_max = bytes(config.client_input_total_bytes);
  options.unsent_bytes_soft = bytes(config.client_unsent_soft_bytes);
  options.unsent_bytes_total_soft =
      bytes(config.client_unsent_total_soft_bytes);
  options.unsent_bytes_hard = bytes(config.client_unsent_hard_bytes);
  options.unsent_bytes_total_hard =
      bytes(config.client_unsent_total_hard_bytes);
  return options;
}

}  // namespace

ServerOptions ServerOptionsFrom(const ParsedConfig& parsed) {
  const Config& config = parsed.config;
  ServerOptions options;
  options.client_port_origin = parsed.Origin("clientPort");
  options.client_address_origin = parsed.Origin("clientPortAddress");
  options.replica = ReplicaOptionsFrom(config);
  options.storage = StorageOptionsFrom(config);
  options.storage.data_dir_origin = parsed.Origin("dataDir");
  options.storage.data_log_dir_origin = parsed.Origin("dataLogDir");
  options.clients = ClientOptionsFrom(config);
  options.replica.owed_bytes_soft = options.clients.unsent_bytes_soft;
  options.replica.owed_bytes_total_soft =
      options.clients.unsent_bytes_total_soft;
  options.replica.checkpoints = true;
  if (config.autopurge_purge_interval_hours > 0) {
    options.purge_interval = absl::Hours(config.autopurge_purge_interval_hours);
  }
  options.checkpoint_changes_max =
      static_cast<size_t>(config.checkpoint_changes);
  options.checkpoint_log_bytes_max = config.checkpoint_log_bytes;
  options.outstanding_max =
      static_cast<size_t>(config.global_outstanding_limit);
  options.requests_max =
      static_cast<size_t>(config.request_throttle_max_requests);
  return options;
}

}  // namespace paddock::server
