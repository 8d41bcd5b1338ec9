#include "server/config_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace paddock::server {
namespace {

constexpr Allowed kAnything = {};
constexpr Allowed kYesNo = {.choices = "yes|no"};
constexpr Allowed kPort = {.min = 0, .max = 65535};
constexpr Allowed kMs = {.min = 0, .unit = "ms"};
constexpr Allowed kPositiveMs = {.min = 1, .unit = "ms"};
constexpr Allowed kMsOrOff = {.min = -1, .unit = "ms"};
constexpr Allowed kCount = {.min = 0};
constexpr Allowed kPositive = {.min = 1};
constexpr Allowed kMegabytes = {.min = 1, .max = 1 << 20, .unit = "MB"};
constexpr Allowed kDigests = {
    .choices = "MD5|SHA1|SHA-1|SHA-224|SHA-256|SHA-384|SHA-512"};

constexpr Key kPlaces[] = {
    {"dataDir", &Config::data_dir, "", kAnything,
     "Required. Folder of the data; snapshots, also those that ZooKeeper left, "
     "are read from version-2 in it."},
    {"dataLogDir", &Config::data_log_dir, "", kAnything,
     "Folder of the transaction log, best on a disk of its own. Unset: "
     "dataDir."},
    {"clientPort", &Config::client_port, "", kPort,
     "Required. Port for clients; 0 takes a free one, which the log names."},
    {"clientPortAddress", &Config::client_port_address, "", kAnything,
     "Address or host name to listen on. Unset: all of the machine."},
    {"clientPortListenBacklog",
     &Config::client_port_listen_backlog,
     "-1",
     {.min = -1},
     "Connections that may wait to be accepted; -1: the system's default."},
    {"clientTcpKeepAlive", &Config::client_tcp_keep_alive, "false", kAnything,
     "Whether the system probes idle client connections."},
};

constexpr Key kSessions[] = {
    {"tickTime",
     &Config::tick_time,
     "3000",
     {.min = 1, .max = 100'000'000, .unit = "ms"},
     "The tick: sessions expire on multiples of it."},
    {"minSessionTimeout", &Config::min_session_timeout, "-1", kMsOrOff,
     "Shortest session time-out a client gets; -1: 2 ticks."},
    {"maxSessionTimeout", &Config::max_session_timeout, "-1", kMsOrOff,
     "Longest session time-out a client gets; -1: 20 ticks."},
};

constexpr Key kLimits[] = {
    {"jute.maxbuffer",
     &Config::jute_max_buffer_bytes,
     "1048575",
     {.min = 1, .unit = "bytes"},
     "Largest request; its sender is disconnected above that."},
    {"maxClientCnxns", &Config::max_client_cnxns, "60", kCount,
     "Connections from one address; 0: no limit."},
    {"maxCnxns", &Config::max_cnxns, "0", kCount,
     "Connections in total; 0: no limit."},
    {"globalOutstandingLimit", &Config::global_outstanding_limit, "1000",
     kPositive,
     "Unanswered requests in total above which the server reads no more from "
     "connections that have some. Heartbeats pass."},
    {"nio.sessionlessCnxnTimeout", &Config::sessionless_cnxn_timeout, "10000",
     kPositiveMs, "Time for a new connection to open its session."},
    {"largeRequestThreshold",
     &Config::large_request_threshold_bytes,
     "-1",
     {.min = -1, .unit = "bytes"},
     "From this size a request is large; -1: none is."},
    {"largeRequestMaxBytes",
     &Config::large_request_max_bytes,
     "104857600",
     {.min = 1, .unit = "bytes"},
     "Large requests in work, together; the sender of one too many is "
     "disconnected."},
};

constexpr Key kClientMemory[] = {
    {"client.inputTotalLimit", &Config::client_input_total_bytes, "1024",
     kMegabytes,
     "Memory for requests that are not handled yet, of all clients together."},
    {"client.unsentSoftLimit", &Config::client_unsent_soft_bytes, "1",
     kMegabytes,
     "Output a client has not taken above which its next request waits."},
    {"client.unsentTotalSoftLimit", &Config::client_unsent_total_soft_bytes,
     "256", kMegabytes,
     "Such output of all clients together above which each that is behind "
     "waits."},
    {"client.unsentHardLimit", &Config::client_unsent_hard_bytes, "256",
     kMegabytes,
     "Such output above which the client is disconnected; only watch events "
     "get there."},
    {"client.unsentTotalHardLimit", &Config::client_unsent_total_hard_bytes,
     "1024", kMegabytes,
     "Such output of all clients together above which those above their soft "
     "limit are disconnected."},
    {"client.closeTimeout", &Config::client_close_timeout, "5000", kPositiveMs,
     "Time for a client that is being disconnected to take its last bytes."},
    {"client.closingLimit", &Config::client_closing_max, "1000", kCount,
     "Clients in that state; more are cut off."},
};

constexpr Key kThrottles[] = {
    {"connection_throttle_tokens", &Config::connection_throttle_tokens, "0",
     kCount, "Tokens, of which a new session takes one; 0: not throttled."},
    {"connection_throttle_fill_time", &Config::connection_throttle_fill_time,
     "1", kPositiveMs, "Time after which tokens are added."},
    {"connection_throttle_fill_count", &Config::connection_throttle_fill_count,
     "1", kCount, "How many tokens are added then."},
    {"connection_throttle_weight_enabled",
     &Config::connection_throttle_weight_enabled, "false", kAnything,
     "Whether a session takes as many tokens as the next keys say; the two "
     "keys above then count in new sessions."},
    {"connection_throttle_global_session_weight",
     &Config::connection_throttle_global_session_weight, "3", kPositive,
     "Tokens for a new session."},
    {"connection_throttle_renew_session_weight",
     &Config::connection_throttle_renew_session_weight, "2", kPositive,
     "Tokens for a session that comes back."},
    {"connection_throttle_local_session_weight",
     &Config::connection_throttle_local_session_weight, "1", kPositive,
     "Least value of both; there are no local sessions here."},
    {"connection_throttle_freeze_time",
     &Config::connection_throttle_freeze_time, "-1", kMsOrOff,
     "When set, the throttle also refuses a share of all sessions at random; "
     "this is the least time between two changes of the share. -1: it does "
     "not."},
    {"connection_throttle_drop_increase",
     &Config::connection_throttle_drop_increase, "0.02", kAnything,
     "What the share grows by when there are no tokens."},
    {"connection_throttle_drop_decrease",
     &Config::connection_throttle_drop_decrease, "0.002", kAnything,
     "What it shrinks by when there are nearly all."},
    {"connection_throttle_decrease_ratio",
     &Config::connection_throttle_decrease_ratio, "0", kAnything,
     "Share of the tokens that may be missing then."},
    {"request_throttle_max_requests", &Config::request_throttle_max_requests,
     "0", kCount, "Requests in work above which all others wait; 0: no limit."},
    {"throttled_op_wait_time", &Config::throttled_op_wait_time, "0", kMs,
     "A request that request_throttle_max_requests made wait for longer is "
     "answered with an error instead of being carried out; 0: none is."},
    {"request_stale_latency_check", &Config::request_stale_latency_check,
     "false", kAnything,
     "Whether a request is stale that it made wait for longer than the "
     "time-out of its session."},
    {"request_throttle_drop_stale", &Config::request_throttle_drop_stale,
     "true", kAnything,
     "Whether the connection of a stale request is closed instead of carrying "
     "it out."},
};

constexpr Key kNodes[] = {
    {"extendedTypesEnabled", &Config::extended_types_enabled, "false",
     kAnything, "Whether nodes may have a time to live (TTL)."},
    {"emulate353TTLNodes", &Config::emulate_353_ttl_nodes, "false", kAnything,
     "Whether TTL nodes are kept as ZooKeeper 3.5.3 wrote them."},
    {"znode.container.checkIntervalMs", &Config::container_check_interval,
     "60000", kPositiveMs,
     "Time between searches for empty containers and expired TTL nodes."},
    {"znode.container.maxPerMinute", &Config::container_max_per_minute, "10000",
     kPositive, "How many of them are deleted in a minute."},
    {"znode.container.maxNeverUsedIntervalMs",
     &Config::container_max_never_used_interval, "300000", kMs,
     "Age at which a container goes that never had a child; 0: never."},
    {"enforceQuota", &Config::enforce_quota, "false", kAnything,
     "Whether quotas are looked at, and hard ones refuse writes."},
    {"digest.enabled", &Config::digest_enabled, "true", kAnything,
     "Whether a digest of the whole tree is kept and logged."},
};

constexpr Key kAccess[] = {
    {"skipACL", &Config::skip_acl, "no", kYesNo,
     "Whether every client may do everything."},
    {"DigestAuthenticationProvider.enabled", &Config::digest_auth_enabled,
     "true", kAnything, "Whether the scheme digest can be used."},
    {"DigestAuthenticationProvider.digestAlg", &Config::digest_auth_algorithm,
     "SHA1", kDigests, "Its hash function."},
    {"DigestAuthenticationProvider.superDigest", &Config::digest_auth_super, "",
     kAnything,
     "super:HASH, where HASH is the digest of the super user's user:password. "
     "Unset: there is none."},
    {"enforce.auth.enabled", &Config::enforce_auth_enabled, "false", kAnything,
     "Whether a client must authenticate before anything else."},
    {"enforce.auth.schemes", &Config::enforce_auth_schemes, "", kAnything,
     "Schemes one of which it must use then."},
    {"ensembleAuthName", &Config::ensemble_auth_name, "", kAnything,
     "Names of this ensemble, with authProvider.N naming "
     "EnsembleAuthenticationProvider."},
    {"reconfigEnabled", &Config::reconfig_enabled, "false", kAnything,
     "Whether the operation reconfig is more than refused."},
    {"4lw.commands.whitelist", &Config::four_letter_words, "srvr", kAnything,
     "Four-letter words that are answered, or * for all; srvr always is."},
    {"readonlymode.enabled", &Config::read_only_mode_enabled, "false",
     kAnything, "Here: whether the four-letter word isro is answered."},
};

constexpr Key kStorage[] = {
    {"datadir.autocreate", &Config::datadir_autocreate, "true", kAnything,
     "Whether missing data folders are created."},
    {"preAllocSize",
     &Config::pre_alloc_size_bytes,
     "65536",
     {.min = 0, .unit = "KB"},
     "Disk space taken ahead for the log; 0: none."},
    {"txnLogSizeLimitInKb",
     &Config::txn_log_size_limit_bytes,
     "-1",
     {.min = -1, .unit = "KB"},
     "Size at which a new log file begins; -1: no limit."},
    {"snapCount", &Config::snap_count, "100000", kCount,
     "Transactions, at least 2, after which a new log file begins."},
    {"autopurge.purgeInterval",
     &Config::autopurge_purge_interval_hours,
     "0",
     {.min = -1, .unit = "h"},
     "How often log files and snapshots are removed that are older than the "
     "checkpoint; 0: never."},
    {"autopurge.snapRetainCount", &Config::autopurge_snap_retain_count, "3",
     kCount,
     "How many of those older log files, and snapshots, are kept; at least 3."},
    {"checkpoint.changes",
     &Config::checkpoint_changes,
     "50000",
     {.min = 1},
     "Changed znodes after which a checkpoint is written."},
    {"checkpoint.logKb",
     &Config::checkpoint_log_bytes,
     "32768",
     {.min = 1, .unit = "KB"},
     "Size of logged transactions after which a checkpoint is written."},
    {"forceSync", &Config::force_sync, "yes", kYesNo,
     "Whether a write is answered only when it is on the disk. With no, a "
     "power cut loses acknowledged writes."},
    {"fsync.warningthresholdms", &Config::fsync_warning_threshold, "1000", kMs,
     "A sync of the log that takes longer is logged."},
};

constexpr Key kLog[] = {
    {"log.level",
     &Config::log_level,
     "info",
     {.choices = "debug|info|warning|error|off"},
     "Least important lines that are logged."},
    {"log.file", &Config::log_file, "", kAnything,
     "File for the log, besides stderr. Unset: stderr alone."},
    {"log.maxFileSize", &Config::log_max_file_size_bytes, "64", kMegabytes,
     "Size at which the file is renamed to a numbered one."},
    {"log.maxFiles",
     &Config::log_max_files,
     "5",
     {.min = 1, .max = 1000},
     "How many numbered files are kept."},
};

constexpr Section kAllSections[] = {
    {"Places", kPlaces},
    {"Sessions", kSessions},
    {"Limits", kLimits},
    {"Memory of clients (keys of Paddock's own)", kClientMemory},
    {"Throttles", kThrottles},
    {"The data model", kNodes},
    {"Access", kAccess},
    {"Storage", kStorage},
    {"The server's log (keys of Paddock's own)", kLog},
};

int64_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const auto lower = [](char c) {
        return std::tolower(static_cast<unsigned char>(c));
      };
      const int64_t replaced = diagonal + (lower(a[i]) != lower(b[j]) ? 1 : 0);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

// Appends `text` as comment lines of at most 79 columns.
void AppendComment(std::string_view text, std::string* out) {
  size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (column == 0 || column + 1 + word.size() > 79) {
      *out += column == 0 ? "# " : "\n# ";
      column = 2;
    } else {
      *out += ' ';
      ++column;
    }
    *out += word;
    column += word.size();
  }
  *out += '\n';
}

}  // namespace

std::span<const Section> Sections() { return kAllSections; }

const Key* FindKey(std::string_view name) {
  for (const Section& section : kAllSections) {
    for (const Key& key : section.keys) {
      if (key.name == name) {
        return &key;
      }
    }
  }
  return nullptr;
}

std::string_view NearestKey(std::string_view name) {
  std::string_view nearest;
  int64_t distance_max = std::max<int64_t>(2, name.size() / 3);
  const auto look_at = [&](std::string_view known) {
    const int64_t distance = EditDistance(name, known);
    if (distance <= distance_max) {
      nearest = known;
      distance_max = distance - 1;
    }
  };
  for (const Section& section : kAllSections) {
    for (const Key& key : section.keys) {
      look_at(key.name);
    }
  }
  for (const OtherKey& key : OtherKeys()) {
    look_at(key.name);
  }
  return nearest;
}

int64_t UnitScale(const Allowed& allowed) {
  if (allowed.unit == "KB") {
    return 1 << 10;
  }
  return allowed.unit == "MB" ? 1 << 20 : 1;
}

std::string DescribeAllowed(const Key& key) {
  const Allowed& allowed = key.allowed;
  if (std::holds_alternative<bool Config::*>(key.field)) {
    return allowed.choices.empty() ? "true or false" : "yes or no";
  }
  if (std::holds_alternative<double Config::*>(key.field)) {
    return "a number from 0 to 1";
  }
  if (std::holds_alternative<std::set<std::string> Config::*>(key.field)) {
    return "a comma separated list";
  }
  if (std::holds_alternative<std::string Config::*>(key.field)) {
    if (allowed.choices.empty()) {
      return "any text";
    }
    std::string text = "one of ";
    for (const char c : allowed.choices) {
      text += c == '|' ? std::string(", ") : std::string(1, c);
    }
    return text;
  }
  return fmt::format("a whole number{}{} from {} to {}",
                     allowed.unit.empty() ? "" : " of ", allowed.unit,
                     allowed.min, allowed.max);
}

std::string DescribeKeys() {
  std::string out;
  for (const Section& section : kAllSections) {
    out += fmt::format("\n### {}\n", section.title);
    for (const Key& key : section.keys) {
      out += '\n';
      AppendComment(key.meaning, &out);
      AppendComment(
          fmt::format("Value: {}. Default: {}.", DescribeAllowed(key),
                      key.default_value.empty() ? "unset" : key.default_value),
          &out);
      out += fmt::format("#{}={}\n", key.name, key.default_value);
    }
  }
  return out;
}

}  // namespace paddock::server
