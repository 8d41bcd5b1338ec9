// Who the members of an ensemble are, and how patient they are.

#ifndef PADDOCK_ZAB_CONFIG_H_
#define PADDOCK_ZAB_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"

namespace paddock::zab {

struct Member {
  ServerId id{0};
  bool is_observer = false;
  // Of hierarchical quorums (zab-and-disk.md 7.1); a group of 0 is none.
  int64_t group = 0;
  int64_t weight = 1;
};

struct Config {
  ServerId id{0};               // Of this member
  std::vector<Member> members;  // This one included
  std::string text;             // As notifications and NEWLEADER carry it
  int64_t version = 0;

  // zoo.cfg's tickTime, and initLimit and syncLimit in ticks.
  absl::Duration tick_time = absl::Milliseconds(2000);
  int init_limit = 10;
  int sync_limit = 5;

  // How long an election waits for a better vote once a quorum agrees, and how
  // often it repeats its own (doubled up to the maximum).
  absl::Duration finalize_wait = absl::Milliseconds(50);
  absl::Duration notification_min = absl::Milliseconds(200);
  absl::Duration notification_max = absl::Milliseconds(2000);

  // How long a learner waits for the first answer of the leader it elected,
  // doubled with each failure in turn up to init_limit: the member may be one
  // that can be heard and hears nobody.
  absl::Duration first_answer_min = absl::Milliseconds(1000);
  absl::Duration reconnect_delay = absl::Milliseconds(20);

  // How long a leader's disk may keep a write before it gives up leading.
  absl::Duration disk_stall_max = absl::Milliseconds(2000);

  // Committed transactions kept for learners that come back: as many as fit,
  // but at least zookeeper.commitLogCount.
  size_t history_count_min = 500;
  size_t history_bytes_max = 32 << 20;

  // Whether a learner may be told to truncate its log.  Java members keep the
  // first record at or above a target that they lack: with any of them in the
  // ensemble it must be a snapshot (zab-and-disk.md 3.5, 12.B 1).
  bool truncates_learners = true;

  // The counter of a zxid at which a leader gives up once that is committed, so
  // that the next epoch begins before the counter is used up (zab-and-disk.md
  // 1.1).  What is left is more than can be proposed until then.
  uint32_t counter_max = 0xff000000;

  bool IsMember(ServerId member) const;
};

// What is wrong with `config`, if anything: no such member, no voter, one in
// no group while others are, a negative weight, a limit below 1.
absl::Status ValidateConfig(const Config& config);

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_CONFIG_H_
