// What a Replica is told once, when it is made.  Values are already checked:
// the server takes them from zoo.cfg (client-protocol.md chapter 11).

#ifndef PADDOCK_REPLICA_OPTIONS_H_
#define PADDOCK_REPLICA_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "tree/data_tree.h"
#include "zab/config.h"

namespace paddock::replica {

struct Options {
  ServerId server_id{1};                // Top byte of session ids
  std::optional<zab::Config> ensemble;  // Of one that is not standalone
  absl::Duration tick_time = absl::Milliseconds(3000);
  absl::Duration min_session_timeout = absl::Milliseconds(6000);
  absl::Duration max_session_timeout = absl::Milliseconds(60000);

  // Seeds the session ids of this run: wall clock in ms.  Later runs must
  // pass larger values, for ids are never used again (2.4).
  int64_t session_id_seed_ms = 0;

  tree::TreeOptions tree;

  bool enforce_quota = false;
  bool skip_acl = false;
  bool reconfig_enabled = false;

  // Digest authentication (6.4).
  bool digest_auth_enabled = true;
  std::string digest_algorithm = "SHA1";
  std::string super_digest;  // "super:<base64>"; empty: none

  // Schemes one of which a connection must have before it may send anything
  // but auth (2.12); empty: not enforced.
  std::vector<std::string> enforced_auth_schemes;

  // Names that the auth scheme "ensemble" accepts; empty: any.
  bool ensemble_auth_enabled = false;
  std::vector<std::string> ensemble_auth_names;

  // The container and TTL sweeper (chapter 7).
  absl::Duration container_check_interval = absl::Minutes(1);
  absl::Duration container_max_never_used = absl::Minutes(5);  // Zero: never
  int container_deletions_per_minute = 10000;

  // Replies that a connection is owed: those ready, and, as far as one can
  // tell, those to reads that wait behind a write.  Above the soft limit its
  // next request must wait; so must, while all together are above the total
  // limit, that of a connection that is owed anything.
  size_t owed_bytes_soft = size_t{1} << 20;
  size_t owed_bytes_total_soft = size_t{256} << 20;

  // A multiRead whose reply would be larger is refused: a few bytes may ask for
  // gigabytes.  Stock clients take no more than 1 MB unless they are told to.
  size_t multi_read_bytes_max = size_t{16} << 20;

  // A request that the request throttle held back for longer is answered with
  // THROTTLEDOP (2.9); zero: never.
  absl::Duration throttled_op_wait_time;

  // Whether a request is stale that was held back for longer than the time-out
  // of its session, and whether its connection is closed for it.
  bool stale_latency_check = false;
  bool drop_stale_requests = true;

  // Whether the owner takes checkpoints.
  bool checkpoints = false;

  // Four-letter words that may be used (9.2); "*" allows all.
  std::set<std::string> four_letter_words = {"srvr"};
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_OPTIONS_H_
