// PeerHarness: one Peer at a time, in a small language: something happens to
// it, and what it wants done is taken as lines of text.
//
//   PeerHarness follower = EstablishedFollower({.id = 2, .leader = 1});
//   follower.Receive(1, Proposal{{5, 1}, "txn"});
//   follower.FinishWrites();
//   EXPECT_THAT(follower.TakeMessages(), ElementsAre("1: ACK 5:1"));
//
// Time stands still but for Tick().  Writes become durable by FinishWrites().

#ifndef PADDOCK_TESTS_ZAB_PEER_HARNESS_H_
#define PADDOCK_TESTS_ZAB_PEER_HARNESS_H_

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"
#include "zab/peer.h"

namespace paddock::zab {

using Lines = std::vector<std::string>;

inline std::string ZxidText(Zxid zxid) {
  return fmt::format("{}:{}", zxid.epoch, zxid.counter);
}

inline std::string WriteText(const Write& write) {
  return std::visit(
      [](const auto& body) {
        using Type = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Type, Txn>) {
          return "append " + ZxidText(body.zxid);
        } else if constexpr (std::is_same_v<Type, Snapshot>) {
          return "snapshot " + ZxidText(body.zxid);
        } else if constexpr (std::is_same_v<Type, TruncateAfter>) {
          return "truncate after " + ZxidText(body.zxid);
        } else if constexpr (std::is_same_v<Type, SetAcceptedEpoch>) {
          return fmt::format("accepted epoch {}", body.epoch);
        } else {
          return fmt::format("current epoch {}", body.epoch);
        }
      },
      write.body);
}

// `voters` members numbered from 1, and then observers.
inline Config TestConfig(int id, int voters = 3, int observers = 0) {
  Config config;
  config.id = ServerId{id};
  for (int i = 1; i <= voters + observers; ++i) {
    config.members.push_back({.id = ServerId{i}, .is_observer = i > voters});
  }
  return config;
}

// The transactions `from` to `to`, of one epoch.
inline std::vector<Txn> Txns(Zxid from, Zxid to) {
  std::vector<Txn> txns;
  for (; from <= to; ++from.counter) {
    txns.push_back({from, "txn " + ZxidText(from)});
  }
  return txns;
}

inline Notification Note(Role role, int leader, Zxid zxid, int64_t round,
                         int64_t epoch) {
  return {role, {ServerId{leader}, zxid, round, epoch}, ""};
}

class PeerHarness {
 public:
  // Starts at once.
  explicit PeerHarness(const Config& config, const DurableState& state = {})
      : config_(config), peer_(std::make_unique<Peer>(config, state)) {
    Tick(absl::ZeroDuration());
  }

  // What happens.

  void Receive(int from, Message message) {
    peer_->Step(Received{ServerId{from}, std::move(message)});
    Collect();
  }
  void LoseLink(int from) {
    peer_->Step(LinkLost{ServerId{from}});
    Collect();
  }
  // Time passes; the owner wakes whenever it is due.
  void Tick(absl::Duration passed) {
    const absl::Duration end = now_ + passed;
    for (int ticks = 0; peer_->NextDeadline() <= end; ++ticks) {
      CHECK_LT(ticks, 10'000);
      now_ = std::max(now_, peer_->NextDeadline());
      peer_->Step(zab::Tick{now_});
      Collect();
    }
    now_ = end;
    peer_->Step(zab::Tick{now_});
    Collect();
  }
  // The first `count` writes that are not durable become so, or all.
  void FinishWrites(size_t count = SIZE_MAX) {
    count = std::min(count, unfinished_.size());
    if (count > 0) {
      const uint64_t last = unfinished_[count - 1];
      unfinished_.erase(unfinished_.begin(),
                        unfinished_.begin() + static_cast<ptrdiff_t>(count));
      peer_->Step(Persisted{last});
      Collect();
    }
  }
  Zxid Propose() {
    const Zxid zxid = peer_->NextZxid();
    peer_->Propose({zxid, "txn " + ZxidText(zxid)});
    Collect();
    return zxid;
  }
  void Sync(int origin) {
    peer_->Sync(ServerId{origin});
    Collect();
  }
  void Stop() {
    peer_->Step(zab::Stop{});
    Collect();
  }

  // What came of it since these were last called.

  Lines TakeMessages() { return std::exchange(messages_, {}); }  // "to: what"
  // Those to one member.
  Lines TakeMessagesTo(int to) {
    Lines lines;
    for (const std::string& line : TakeMessages()) {
      const std::string prefix = fmt::format("{}: ", to);
      if (line.starts_with(prefix)) {
        lines.push_back(line.substr(prefix.size()));
      }
    }
    return lines;
  }
  Lines TakeWrites() { return std::exchange(writes_, {}); }
  Lines TakeCommitted() { return std::exchange(committed_, {}); }
  Lines TakeDeliveries() { return std::exchange(deliveries_, {}); }
  std::vector<int64_t> TakeHangUps() { return std::exchange(hang_ups_, {}); }
  size_t TakeSyncs() { return std::exchange(syncs_, 0); }
  void Forget() {
    TakeMessages();
    TakeWrites();
    TakeCommitted();
    TakeDeliveries();
    TakeHangUps();
    TakeSyncs();
  }

  Peer& peer() { return *peer_; }
  const Peer& peer() const { return *peer_; }
  Role role() const { return peer_->role(); }
  const Config& config() const { return config_; }

 private:
  void Collect() {
    peer_->CheckInvariants();
    Ready ready = peer_->TakeReady();
    for (const Write& write : ready.writes) {
      unfinished_.push_back(write.id);
      writes_.push_back(WriteText(write));
    }
    if (ready.install.has_value()) {
      committed_.push_back("state " + ZxidText(ready.install->zxid));
    }
    for (const Txn& txn : ready.committed) {
      committed_.push_back(ZxidText(txn.zxid));
    }
    for (const Envelope& envelope : ready.messages) {
      messages_.push_back(fmt::format("{}: {}",
                                      static_cast<int64_t>(envelope.to),
                                      Describe(envelope.message)));
    }
    for (const ServerId id : ready.hang_ups) {
      hang_ups_.push_back(static_cast<int64_t>(id));
    }
    for (const Delivery& delivery : ready.deliveries) {
      deliveries_.push_back(fmt::format("{}: {}",
                                        static_cast<int64_t>(delivery.from),
                                        Describe(delivery.message)));
    }
    syncs_ += ready.syncs.size();
  }

  Config config_;
  std::unique_ptr<Peer> peer_;
  absl::Duration now_;
  std::vector<uint64_t> unfinished_;
  Lines messages_;
  Lines writes_;
  Lines committed_;
  Lines deliveries_;
  std::vector<int64_t> hang_ups_;
  size_t syncs_ = 0;
};

// Where a member is to be brought.  It and all others begin with `log` and the
// epoch before.
struct HarnessOptions {
  int id = 2;
  int leader = 1;
  int64_t epoch = 5;
  int voters = 3;
  int observers = 0;
  Zxid state_zxid;
  std::vector<Txn> log;
  // Of Config.
  uint32_t counter_max = 0xff000000;
  size_t history_count_min = 500;
  bool truncates_learners = true;
};

inline Zxid LastZxid(const HarnessOptions& options) {
  return options.log.empty() ? options.state_zxid : options.log.back().zxid;
}

// Looks for a leader, in round 1.
inline PeerHarness Looking(const HarnessOptions& options) {
  Config config = TestConfig(options.id, options.voters, options.observers);
  config.counter_max = options.counter_max;
  config.history_count_min = options.history_count_min;
  config.history_bytes_max = 0;
  config.truncates_learners = options.truncates_learners;
  return PeerHarness(config, {.state_zxid = options.state_zxid,
                              .log = options.log,
                              .accepted_epoch = options.epoch - 1,
                              .current_epoch = options.epoch - 1});
}

// Has heard who leads and sent FOLLOWERINFO.
inline PeerHarness Connecting(const HarnessOptions& options) {
  PeerHarness learner = Looking(options);
  for (int voter = 1; voter <= options.voters; ++voter) {
    if (voter != options.id) {
      learner.Receive(
          voter,
          Note(voter == options.leader ? Role::kLeading : Role::kFollowing,
               options.leader, LastZxid(options), 1, options.epoch - 1));
    }
  }
  CHECK(learner.peer().leader() == ServerId{options.leader});
  return learner;
}

// Has sent ACKEPOCH and waits for DIFF, TRUNC or SNAP.
inline PeerHarness Synchronizing(const HarnessOptions& options) {
  PeerHarness learner = Connecting(options);
  learner.Receive(options.leader, LeaderInfo{options.epoch});
  learner.FinishWrites();
  learner.Forget();
  return learner;
}

inline PeerHarness EstablishedFollower(const HarnessOptions& options) {
  PeerHarness learner = Synchronizing(options);
  learner.Receive(options.leader, Diff{LastZxid(options)});
  learner.Receive(options.leader, NewLeader{options.epoch, ""});
  learner.FinishWrites();
  learner.Receive(options.leader, UpToDate{});
  CHECK(learner.peer().IsServing());
  learner.Forget();
  return learner;
}

inline PeerHarness EstablishedObserver(HarnessOptions options) {
  options.observers = std::max(options.observers, 1);
  options.id = options.voters + 1;
  return EstablishedFollower(options);
}

// Is elected and waits for FOLLOWERINFO.  It is the highest of the voters.
inline PeerHarness Elected(HarnessOptions options) {
  options.id = options.voters;
  PeerHarness leader = Looking(options);
  for (int voter = 1; voter < options.voters; ++voter) {
    leader.Receive(voter, Note(Role::kLooking, options.id, LastZxid(options), 1,
                               options.epoch - 1));
  }
  CHECK(leader.role() == Role::kLeading);
  leader.Forget();
  return leader;
}

// `from` promises the epoch, as one that has the same.
inline void Promise(PeerHarness& leader, int from,
                    const HarnessOptions& options) {
  leader.Receive(from, AckEpoch{LastZxid(options), options.epoch - 1});
  leader.FinishWrites();
}

inline void Join(PeerHarness& leader, int from, const HarnessOptions& options) {
  leader.Receive(from, FollowerInfo{options.epoch - 1, from > options.voters});
  leader.FinishWrites();
  Promise(leader, from, options);
}

inline Ack AckOfNewLeader(int64_t epoch) {
  return {{static_cast<uint32_t>(epoch), 0}};
}

// All voters follow it, of three: 1 and 2 follow 3.
inline PeerHarness EstablishedLeader(const HarnessOptions& options) {
  PeerHarness leader = Elected(options);
  for (int voter = 1; voter < options.voters; ++voter) {
    leader.Receive(voter, FollowerInfo{options.epoch - 1});
    leader.FinishWrites();
  }
  for (int voter = 1; voter < options.voters; ++voter) {
    Promise(leader, voter, options);
  }
  for (int voter = 1; voter < options.voters; ++voter) {
    leader.Receive(voter, AckOfNewLeader(options.epoch));
  }
  CHECK(leader.peer().CanPropose());
  leader.Forget();
  return leader;
}

}  // namespace paddock::zab

#endif  // PADDOCK_TESTS_ZAB_PEER_HARNESS_H_
