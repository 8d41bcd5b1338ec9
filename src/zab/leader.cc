#include "zab/leader.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace paddock::zab {

Leader::Leader(Core& core) : core_(core), old_epoch_(core.current_epoch) {
  const Config& config = core_.config;
  phase_timer_.Start(core_.now + config.init_limit * config.tick_time);
  ping_timer_.Start(core_.now + config.tick_time / 2);
  ChooseEpoch();
}

Leader::Leader(Core& core, Standalone)
    : core_(core),
      is_standalone_(true),
      phase_(Phase::kBroadcast),
      old_epoch_(core.current_epoch) {}

template <class Predicate>
bool Leader::HasQuorum(bool with_self, Predicate holds) const {
  return core_.quorum.HasQuorum([&](ServerId id) {
    if (id == core_.config.id) {
      return with_self;
    }
    const auto it = learners_.find(id);
    return it != learners_.end() && holds(it->second);
  });
}

void Leader::GiveUp(std::string reason) {
  if (gave_up_.has_value()) {
    return;
  }
  gave_up_ = std::move(reason);
  HangUpAll();
}

void Leader::HangUpAll() {
  for (const auto& [id, learner] : learners_) {
    core_.out.HangUp(id);
  }
  learners_.clear();
}

void Leader::Finish() {
  for (const ServerId id : std::exchange(dropped_, {})) {
    if (learners_.contains(id)) {
      core_.out.HangUp(id);
      Forget(id);
    }
  }
}

void Leader::LinkLost(ServerId from) {
  core_.out.ForgetQuorumLink(from);
  if (learners_.contains(from)) {
    Forget(from);
  }
}

void Leader::Forget(ServerId id) {
  learners_.erase(id);
  // On its next link an answer would be taken for that of a later sync.
  std::erase_if(syncs_,
                [&](const WaitingSync& sync) { return sync.origin == id; });
  if (phase_ != Phase::kBroadcast) {
    return;
  }
  // A learner that lost its leader looks for another: so does a leader that
  // has no quorum left, at once.
  const auto is_active = [](const Learner& learner) {
    return learner.state == Learner::State::kActive;
  };
  if (!HasQuorum(/*with_self=*/true, is_active)) {
    GiveUp("its quorum is gone");
  }
}

void Leader::Step(ServerId from, Message& message) {
  Handle(from, message);
  Finish();
}

void Leader::Handle(ServerId from, Message& message) {
  if (const auto* info = std::get_if<FollowerInfo>(&message)) {
    OnFollowerInfo(from, *info);
    return;
  }
  const auto it = learners_.find(from);
  if (it == learners_.end()) {
    return;
  }
  Learner& learner = it->second;
  const Config& config = core_.config;
  learner.heard_by.Start(core_.now +
                         (1 + config.sync_limit +
                          (learner.is_up_to_date ? 0 : config.init_limit)) *
                             config.tick_time);
  if (const auto* ack_epoch = std::get_if<AckEpoch>(&message)) {
    OnAckEpoch(from, learner, *ack_epoch);
  } else if (const auto* ack = std::get_if<Ack>(&message)) {
    OnAck(from, learner, ack->zxid);
  } else if (auto* ping = std::get_if<Ping>(&message)) {
    OnPing(from, learner, *ping);
  } else if (std::holds_alternative<Request>(message) ||
             std::holds_alternative<Revalidate>(message)) {
    // A learner that does not serve yet has no clients.
    if (learner.is_up_to_date) {
      core_.out.ready().deliveries.push_back({from, std::move(message)});
    } else {
      dropped_.push_back(from);
    }
  } else {
    dropped_.push_back(from);  // Only a leader says such things
  }
}

// Discovery.

void Leader::OnFollowerInfo(ServerId from, const FollowerInfo& info) {
  if (info.config_version > core_.config.version ||
      info.accepted_epoch >= kEpochMax || from == core_.config.id) {
    // It knows of members that this one does not; or is none, for no epoch is
    // left to lead it in.
    core_.out.HangUp(from);
    return;
  }
  const Config& config = core_.config;
  if (epoch_ != 0 && info.accepted_epoch > epoch_ && config.IsMember(from)) {
    // It promised to follow nobody of an epoch as old as this one, and could
    // not come back before the next.
    core_.out.HangUp(from);
    GiveUp("a member promised a later epoch");
    return;
  }
  Learner& learner = learners_[from];
  learner = Learner();
  learner.is_observer = info.is_observer;
  learner.heard_by.Start(core_.now +
                         (1 + config.init_limit + config.sync_limit) *
                             config.tick_time);
  if (epoch_ == 0) {
    highest_promise_ = std::max(highest_promise_, info.accepted_epoch);
    ChooseEpoch();
  } else {
    core_.out.SendOnceDurable(core_.epoch_write, from, LeaderInfo{epoch_});
  }
}

void Leader::ChooseEpoch() {
  CHECK_EQ(epoch_, 0);
  if (!HasQuorum(/*with_self=*/true, [](const Learner&) { return true; })) {
    return;
  }
  const Config& config = core_.config;
  epoch_ = std::max(core_.accepted_epoch, highest_promise_) + 1;
  core_.SetAcceptedEpoch(epoch_);
  phase_timer_.Start(core_.now + config.init_limit * config.tick_time);
  for (const auto& [id, learner] : learners_) {
    core_.out.SendOnceDurable(core_.epoch_write, id, LeaderInfo{epoch_});
  }
  TrySynchronize();
}

void Leader::OnAckEpoch(ServerId from, Learner& learner, const AckEpoch& ack) {
  if (epoch_ == 0 || learner.state != Learner::State::kConnected) {
    dropped_.push_back(from);
    return;
  }
  const Zxid own_last = core_.history.last_logged();
  if (phase_ == Phase::kDiscovery && ack.current_epoch.has_value() &&
      std::pair(*ack.current_epoch, ack.last_zxid) >
          std::pair(old_epoch_, own_last)) {
    dropped_.push_back(from);  // It should lead
    return;
  }
  learner.state = Learner::State::kPromised;
  learner.last_zxid = ack.last_zxid;
  learner.promised_first = ack.current_epoch.has_value();
  if (phase_ == Phase::kDiscovery) {
    TrySynchronize();
  } else {
    Synchronize(from, learner);
  }
}

void Leader::TrySynchronize() {
  CHECK(phase_ == Phase::kDiscovery);
  if (!core_.out.IsDurable(core_.epoch_write)) {
    return;
  }
  // Who promised this epoch before does not count: it may have been to another
  // (zab-and-disk.md 3.3).
  if (!HasQuorum(/*with_self=*/true,
                 [](const Learner& l) { return l.promised_first; })) {
    if (HasQuorum(/*with_self=*/true, [](const Learner& l) {
          return l.state == Learner::State::kPromised;
        })) {
      GiveUp("its epoch was promised before");
    }
    return;
  }
  phase_ = Phase::kSynchronization;
  const Config& config = core_.config;
  phase_timer_.Start(core_.now + config.init_limit * config.tick_time);
  core_.SetCurrentEpoch(epoch_);
  for (auto& [id, learner] : learners_) {
    if (learner.state == Learner::State::kPromised) {
      Synchronize(id, learner);
    }
  }
}

// Synchronization.

void Leader::Synchronize(ServerId id, Learner& learner) {
  const History& history = core_.history;
  const bool is_established = phase_ == Phase::kBroadcast;
  // All that this leader brought along is what its epoch begins with.
  const Zxid through =
      is_established ? history.last_committed() : history.last_logged();
  const SyncPlan plan = history.PlanSync(learner.last_zxid, through,
                                         core_.config.truncates_learners);
  const Zxid epoch_start{static_cast<uint32_t>(epoch_), 0};
  Outbox& out = core_.out;
  Zxid from = plan.from;
  switch (plan.kind) {
    case SyncPlan::Kind::kDiff:
      out.Send(id, Diff{through});
      break;
    case SyncPlan::Kind::kTrunc:
      out.Send(id, Trunc{plan.from});
      break;
    case SyncPlan::Kind::kSnap:
      // A Java learner replays what it has above the zxid of a snapshot, so
      // that must be above all it can have.
      out.Send(id, Snap{core_.config.truncates_learners
                            ? through
                            : std::max(through, epoch_start)});
      from = through;
      break;
  }
  history.ForEach(from, through, [&](const Txn& txn) {
    out.Send(id, Proposal{txn.zxid, txn.bytes});
    out.Send(id, Commit{txn.zxid});
  });
  out.Send(id, NewLeader{epoch_, core_.config.text});
  learner.state = Learner::State::kSyncing;
  learner.told_committed = through;
  learner.acked = Zxid();
  if (!learner.is_observer) {
    history.ForEach(through, history.last_logged(), [&](const Txn& txn) {
      out.Send(id, Proposal{txn.zxid, txn.bytes});
    });
  }
}

void Leader::OnAck(ServerId from, Learner& learner, Zxid zxid) {
  if (learner.state < Learner::State::kSyncing) {
    dropped_.push_back(from);
    return;
  }
  if (zxid.epoch < epoch_) {
    return;  // Some Java releases acknowledge their initial history so
  }
  if (zxid.epoch > epoch_) {
    dropped_.push_back(from);
    return;
  }
  if (zxid.counter == 0) {
    if (learner.state == Learner::State::kSyncing) {
      learner.state = Learner::State::kActive;
      learner.acked = std::max(learner.acked, learner.told_committed);
      if (phase_ == Phase::kBroadcast) {
        Activate(from, learner);
        TryCommit();
      } else {
        TryEstablish();
      }
    }
    return;
  }
  if (learner.is_observer) {
    return;
  }
  if (zxid > core_.history.last_logged()) {
    dropped_.push_back(from);  // Nobody proposed that
    return;
  }
  learner.acked = std::max(learner.acked, zxid);
  if (learner.acked >= learner.acked_by) {
    learner.ack_due.Stop();
  }
  TryCommit();
}

void Leader::TryEstablish() {
  if (phase_ != Phase::kSynchronization ||
      !HasQuorum(core_.out.IsDurable(core_.epoch_write), [](const Learner& l) {
        return l.state == Learner::State::kActive;
      })) {
    return;
  }
  phase_ = Phase::kBroadcast;
  phase_timer_.Stop();
  core_.Commit(core_.history.last_logged());
  for (auto& [id, learner] : learners_) {
    if (learner.state == Learner::State::kActive) {
      Activate(id, learner);
    }
  }
}

void Leader::Activate(ServerId id, Learner& learner) {
  CHECK(phase_ == Phase::kBroadcast);
  CHECK(!learner.is_up_to_date);
  learner.is_up_to_date = true;
  core_.out.Send(id, UpToDate{});
  TellCommitted(id, learner, core_.history.last_committed());
}

// Broadcast.

Zxid Leader::Next(Zxid zxid) const {
  if (is_standalone_) {
    return zxid.counter == std::numeric_limits<uint32_t>::max()
               ? Zxid{zxid.epoch + 1, 1}
               : Zxid{zxid.epoch, zxid.counter + 1};
  }
  return zxid.epoch == epoch_ ? Zxid{zxid.epoch, zxid.counter + 1}
                              : Zxid{static_cast<uint32_t>(epoch_), 1};
}

void Leader::Propose(Txn txn) {
  CHECK(phase_ == Phase::kBroadcast && !gave_up_.has_value());
  CHECK_EQ(txn.zxid, NextZxid());
  for (auto& [id, learner] : learners_) {
    if (learner.state >= Learner::State::kSyncing && !learner.is_observer) {
      core_.out.Send(id, Proposal{txn.zxid, txn.bytes});
    }
  }
  core_.Append(std::move(txn));
}

void Leader::TryCommit() {
  if (phase_ != Phase::kBroadcast) {
    return;
  }
  const History& history = core_.history;
  const Zxid last = history.last_logged();
  Zxid committed = history.last_committed();
  for (;;) {
    const Zxid next = Next(committed);
    if (next > last ||
        !HasQuorum(history.last_persisted() >= next, [&](const Learner& l) {
          return l.state == Learner::State::kActive && l.acked >= next;
        })) {
      break;
    }
    committed = next;
  }
  if (committed == history.last_committed()) {
    return;
  }
  // Before the history forgets any of these.
  for (auto& [id, learner] : learners_) {
    if (learner.is_up_to_date) {
      TellCommitted(id, learner, committed);
    }
  }
  core_.Commit(committed);
  ReleaseSyncs();
  if (committed.counter >= core_.config.counter_max && !is_standalone_) {
    GiveUp("the counter of its epoch is used up");
  }
}

void Leader::TellCommitted(ServerId id, Learner& learner, Zxid committed) {
  if (!core_.history.Contains(learner.told_committed)) {
    // It was so slow that its next transactions are forgotten.
    dropped_.push_back(id);
    return;
  }
  core_.history.ForEach(learner.told_committed, committed, [&](const Txn& txn) {
    if (learner.is_observer) {
      core_.out.Send(id, Inform{txn.zxid, txn.bytes});
    } else {
      core_.out.Send(id, Commit{txn.zxid});
    }
  });
  learner.told_committed = committed;
}

// Whether anybody still follows.

void Leader::PingAll() {
  for (auto& [id, learner] : learners_) {
    if (learner.state >= Learner::State::kSyncing) {
      core_.out.Send(id, Ping{core_.history.last_logged()});
      if (learner.is_up_to_date) {
        learner.pings.push_back(sync_round_);
      }
    }
  }
}

void Leader::OnPing(ServerId from, Learner& learner, Ping& ping) {
  if (learner.pings.empty()) {
    dropped_.push_back(from);  // It was not asked
    return;
  }
  learner.confirmed_round = learner.pings.front();
  learner.pings.pop_front();
  core_.out.ready().deliveries.push_back({from, std::move(ping)});
  ReleaseSyncs();
}

void Leader::Sync(ServerId origin) {
  CHECK(phase_ == Phase::kBroadcast && !gave_up_.has_value());
  const bool round_runs = !syncs_.empty();
  // Pings that are under way prove nothing about the time after now.
  syncs_.push_back({origin, core_.history.last_logged(), sync_round_ + 1});
  if (!round_runs) {
    BeginSyncRound();
  }
}

void Leader::BeginSyncRound() {
  ++sync_round_;
  PingAll();
  ReleaseSyncs();
}

void Leader::ReleaseSyncs() {
  if (syncs_.empty()) {
    return;
  }
  const auto confirmed = [&](const Learner& learner) {
    return learner.confirmed_round >= sync_round_;
  };
  if (!HasQuorum(/*with_self=*/true, confirmed)) {
    return;
  }
  while (!syncs_.empty() && syncs_.front().round <= sync_round_ &&
         syncs_.front().through <= core_.history.last_committed()) {
    const ServerId origin = syncs_.front().origin;
    const Zxid through = syncs_.front().through;
    syncs_.pop_front();
    if (origin == core_.config.id) {
      core_.out.ready().syncs.push_back(through);
    } else if (learners_.contains(origin)) {
      core_.out.Send(origin, zab::Sync{});
    }
  }
  if (!syncs_.empty() && syncs_.front().round > sync_round_) {
    BeginSyncRound();
  }
}

void Leader::CheckLearners() {
  const Config& config = core_.config;
  for (auto& [id, learner] : learners_) {
    if (learner.heard_by.IsDue(core_.now) || learner.ack_due.IsDue(core_.now)) {
      dropped_.push_back(id);
      continue;
    }
    const Zxid last = core_.history.last_logged();
    if (learner.is_up_to_date && !learner.is_observer && learner.acked < last &&
        learner.ack_due.deadline() == absl::InfiniteDuration()) {
      learner.acked_by = last;
      learner.ack_due.Start(core_.now + config.sync_limit * config.tick_time);
    }
  }
}

void Leader::CheckDisk() {
  const Outbox& out = core_.out;
  if (out.IsDurable(out.last_write_id())) {
    disk_timer_.Stop();
  } else if (disk_timer_.deadline() == absl::InfiniteDuration() ||
             out.IsDurable(disk_awaited_)) {
    disk_awaited_ = out.persisted_write_id() + 1;
    disk_timer_.Start(core_.now + core_.config.disk_stall_max);
  } else if (disk_timer_.IsDue(core_.now)) {
    GiveUp("its disk stalls");
  }
}

void Leader::OnPersisted() {
  if (epoch_ != 0 && phase_ == Phase::kDiscovery) {
    TrySynchronize();
  }
  TryEstablish();
  TryCommit();
  Finish();
}

void Leader::OnTick() {
  if (phase_timer_.IsDue(core_.now)) {
    GiveUp(epoch_ == 0                   ? "no quorum came"
           : phase_ == Phase::kDiscovery ? "no quorum promised its epoch"
                                         : "no quorum has its history");
    return;
  }
  if (ping_timer_.IsDue(core_.now)) {
    ping_timer_.Start(core_.now + core_.config.tick_time / 2);
    CheckDisk();
    CheckLearners();
    if (!gave_up_.has_value()) {
      PingAll();
    }
  }
  Finish();
}

absl::Duration Leader::deadline() const {
  return std::min(phase_timer_.deadline(), ping_timer_.deadline());
}

void Leader::CheckInvariants() const {
  for (const auto& [id, learner] : learners_) {
    CHECK(!learner.is_up_to_date || phase_ == Phase::kBroadcast);
    CHECK(!learner.is_up_to_date || learner.state == Learner::State::kActive);
    CHECK_LE(learner.acked, core_.history.last_logged());
    CHECK_LE(learner.told_committed, core_.history.last_logged());
  }
  CHECK_LE(epoch_, core_.accepted_epoch);
  if (phase_ != Phase::kDiscovery) {
    CHECK_EQ(epoch_, core_.current_epoch);
  }
}

}  // namespace paddock::zab
