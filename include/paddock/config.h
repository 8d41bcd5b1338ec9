// What a server is told in zoo.cfg: ZooKeeper's keys, as typed values.
// conf/zoo.cfg documents each key; src/server/config_keys.cc is the table that
// the parser, the documentation and the tests share.

#ifndef PADDOCK_CONFIG_H_
#define PADDOCK_CONFIG_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace paddock {

// Fields are named after their keys; a field without a comment means what
// conf/zoo.cfg says.  Values are within the ranges given there.
struct Config {
  // Where the data is and where clients connect.
  std::string data_dir;
  std::string data_log_dir;         // data_dir, unless the file says otherwise
  std::string client_port_address;  // Host name or address; empty: all
  int client_port = 0;              // 0: any free port
  int client_port_listen_backlog = -1;  // -1: the system's default
  bool client_tcp_keep_alive = false;

  // Sessions.
  absl::Duration tick_time = absl::Milliseconds(3000);
  absl::Duration min_session_timeout = absl::Milliseconds(6000);
  absl::Duration max_session_timeout = absl::Milliseconds(60000);

  // Limits.
  int64_t jute_max_buffer_bytes = 0xfffff;
  int max_client_cnxns = 60;  // 0: no limit
  int max_cnxns = 0;          // 0: no limit
  int global_outstanding_limit = 1000;
  absl::Duration sessionless_cnxn_timeout = absl::Seconds(10);
  int64_t large_request_threshold_bytes = -1;  // < 0: no request is large
  int64_t large_request_max_bytes = 100 << 20;

  // Limits of our own: memory of clients' input and output.
  absl::Duration client_close_timeout = absl::Seconds(5);
  int client_closing_max = 1000;
  int64_t client_input_total_bytes = int64_t{1} << 30;
  int64_t client_unsent_soft_bytes = 1 << 20;
  int64_t client_unsent_total_soft_bytes = 256 << 20;
  int64_t client_unsent_hard_bytes = 256 << 20;
  int64_t client_unsent_total_hard_bytes = int64_t{1} << 30;

  // Throttles.
  int connection_throttle_tokens = 0;  // 0: off
  absl::Duration connection_throttle_fill_time = absl::Milliseconds(1);
  int connection_throttle_fill_count = 1;
  bool connection_throttle_weight_enabled = false;
  int connection_throttle_global_session_weight = 3;
  int connection_throttle_renew_session_weight = 2;
  int connection_throttle_local_session_weight = 1;
  absl::Duration connection_throttle_freeze_time = absl::Milliseconds(-1);
  double connection_throttle_drop_increase = 0.02;
  double connection_throttle_drop_decrease = 0.002;
  double connection_throttle_decrease_ratio = 0;
  int request_throttle_max_requests = 0;  // 0: off
  bool request_throttle_drop_stale = true;
  bool request_stale_latency_check = false;
  absl::Duration throttled_op_wait_time = absl::ZeroDuration();  // 0: off

  // The data model.
  bool extended_types_enabled = false;
  bool emulate_353_ttl_nodes = false;
  absl::Duration container_check_interval = absl::Minutes(1);
  int container_max_per_minute = 10000;
  absl::Duration container_max_never_used_interval = absl::Minutes(5);
  bool enforce_quota = false;
  bool digest_enabled = true;

  // Access.
  bool skip_acl = false;
  bool digest_auth_enabled = true;
  std::string digest_auth_algorithm = "SHA1";
  std::string digest_auth_super;  // "super:<base64>"; empty: none
  bool enforce_auth_enabled = false;
  std::set<std::string> enforce_auth_schemes;
  bool ensemble_auth_enabled = false;  // From an authProvider.* line
  std::string ensemble_auth_name;
  bool reconfig_enabled = false;

  // Storage.
  bool datadir_autocreate = true;
  int64_t pre_alloc_size_bytes = 64 << 20;
  int64_t txn_log_size_limit_bytes = -1;  // < 0: no limit
  int64_t snap_count = 100000;
  int64_t autopurge_snap_retain_count = 3;
  int64_t autopurge_purge_interval_hours = 0;
  int64_t checkpoint_changes = 50000;
  int64_t checkpoint_log_bytes = 32 << 20;
  bool force_sync = true;
  absl::Duration fsync_warning_threshold = absl::Seconds(1);

  // Four-letter words that are answered; "*" stands for all.
  std::set<std::string> four_letter_words = {"srvr"};
  bool read_only_mode_enabled = false;

  // The process's log.
  std::string log_level = "info";
  std::string log_file;  // Empty: stderr only
  int64_t log_max_file_size_bytes = 64 << 20;
  int log_max_files = 5;

  friend bool operator==(const Config&, const Config&) = default;
};

struct ParsedConfig {
  Config config;

  // One line each, "FILE:LINE: ...": unknown keys, and keys of features that
  // are yet to come.
  std::vector<std::string> warnings;

  // "FILE:LINE: KEY: ", or "FILE: KEY: " where the file does not state it: what
  // a message about the value of `key` begins with.
  std::string Origin(const std::string& key) const;

  std::string file_name;
  std::map<std::string, int> lines;  // Of the keys in the file, by name
};

// Parses zoo.cfg (client-protocol.md chapter 11).  `file_name` is for messages.
// Reads nothing but `text`: no file, no environment.
// Errors: kInvalidArgument, "FILE:LINE: what is wrong; what is allowed".
absl::StatusOr<ParsedConfig> ParseConfig(std::string_view text,
                                         std::string_view file_name);

}  // namespace paddock

#endif  // PADDOCK_CONFIG_H_
