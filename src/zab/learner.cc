#include "zab/learner.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"

namespace paddock::zab {

Learner::Learner(Core& core, ServerId leader, absl::Duration delay,
                 absl::Duration patience)
    : core_(core), leader_(leader) {
  const auto& members = core_.config.members;
  is_observer_ =
      std::find_if(members.begin(), members.end(), [&](const Member& member) {
        return member.id == core_.config.id;
      })->is_observer;
  silence_.Start(core_.now + delay + patience);
  if (delay > absl::ZeroDuration()) {
    reconnect_.Start(core_.now + delay);
  } else {
    Connect();
  }
}

void Learner::Connect() {
  core_.out.Send(leader_, FollowerInfo{core_.accepted_epoch, is_observer_,
                                       core_.config.version});
}

void Learner::GiveUp(std::string reason) {
  if (!gave_up_.has_value()) {
    gave_up_ = std::move(reason);
    core_.out.HangUp(leader_);
  }
}

void Learner::LinkLost() {
  core_.out.ForgetQuorumLink(leader_);
  if (is_connecting_) {
    // The leader may not know yet that it is one.
    reconnect_.Start(core_.now + core_.config.reconnect_delay);
  } else {
    GiveUp("the link to the leader is lost");
  }
}

void Learner::Step(Message& message) {
  if (gave_up_.has_value()) {
    return;
  }
  const Config& config = core_.config;
  const bool is_first = is_connecting_;
  is_connecting_ = false;
  reconnect_.Stop();
  std::visit(
      [this, is_first](auto& m) {
        using Type = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<Type, LeaderInfo>) {
          is_first ? On(m) : GiveUp("a second LEADERINFO");
        } else if constexpr (std::is_same_v<Type, Diff> ||
                             std::is_same_v<Type, Trunc> ||
                             std::is_same_v<Type, Snap>) {
          phase_ == Phase::kSynchronization && !sync_began_
              ? On(m)
              : GiveUp("synchronization out of place");
        } else if constexpr (std::is_same_v<Type, Proposal> ||
                             std::is_same_v<Type, Inform> ||
                             std::is_same_v<Type, Commit> ||
                             std::is_same_v<Type, InformAndActivate> ||
                             std::is_same_v<Type, CommitAndActivate> ||
                             std::is_same_v<Type, NewLeader> ||
                             std::is_same_v<Type, UpToDate> ||
                             std::is_same_v<Type, Ping>) {
          sync_began_ ? On(m) : GiveUp("no DIFF, TRUNC or SNAP came first");
        } else if constexpr (std::is_same_v<Type, Revalidated> ||
                             std::is_same_v<Type, Sync>) {
          if (phase_ == Phase::kBroadcast) {
            core_.out.ready().deliveries.push_back({leader_, std::move(m)});
          } else {
            GiveUp("an answer to what was not asked");
          }
        } else {
          GiveUp("a packet that no leader sends");
        }
      },
      message);
  silence_.Start(core_.now +
                 (has_history_ ? config.sync_limit : config.init_limit) *
                     config.tick_time);
}

void Learner::On(const LeaderInfo& info) {
  if (info.epoch < core_.accepted_epoch) {
    GiveUp("the leader's epoch is older than the one promised");
    return;
  }
  if (info.epoch > kEpochMax) {
    GiveUp("a LEADERINFO of no epoch");
    return;
  }
  phase_ = Phase::kSynchronization;
  epoch_ = info.epoch;
  AckEpoch ack{core_.needs_state ? Zxid() : core_.history.last_logged(),
               std::nullopt};
  if (info.epoch > core_.accepted_epoch) {
    ack.current_epoch = core_.current_epoch;
    core_.SetAcceptedEpoch(info.epoch);
  }
  SendOnceAllDurable(ack);
}

// Epochs and history: what was told before may still be on its way to the disk.
void Learner::SendOnceAllDurable(Message message) {
  core_.out.SendOnceDurable(
      std::max(core_.epoch_write, core_.history.last_write_id()), leader_,
      std::move(message));
}

void Learner::BeginSync(Zxid committed) {
  sync_began_ = true;
  committed_ = committed;
}

void Learner::On(const Diff& diff) {
  if (core_.needs_state) {
    Install({Zxid(), ""});
  } else if (diff.zxid < core_.history.last_logged()) {
    GiveUp("a DIFF ends before this history does");
    return;
  }
  BeginSync(core_.history.last_logged());
}

void Learner::On(const Trunc& trunc) {
  if (trunc.zxid < core_.history.last_committed()) {
    GiveUp("the leader lacks what is committed here");
    return;
  }
  if (!core_.history.CanTruncateAfter(trunc.zxid)) {
    core_.needs_state = true;
    GiveUp("the leader lacks part of a snapshot that is here");
    return;
  }
  if (trunc.zxid != core_.history.last_logged()) {
    core_.history.TruncateAfter(trunc.zxid,
                                core_.out.Store(TruncateAfter{trunc.zxid}));
  }
  BeginSync(trunc.zxid);
}

void Learner::On(Snap& snap) {
  if (snap.zxid < core_.history.last_committed()) {
    GiveUp("the leader lacks what is committed here");
    return;
  }
  if (snap.zxid.epoch > epoch_) {
    GiveUp("a snapshot of a later epoch");
    return;
  }
  const Zxid zxid = snap.zxid;
  Install({zxid, std::move(snap.state)});
  BeginSync(zxid);
}

void Learner::Install(Snapshot snapshot) {
  const uint64_t id = core_.out.Store(snapshot);
  core_.history.Install(std::move(snapshot), id);
  core_.needs_state = false;
}

bool Learner::IsNext(Zxid zxid) const {
  return core_.history.IsNext(zxid) && zxid.epoch <= epoch_;
}

// A Java leader of 3.9 proposes a request that it cannot read as an error under
// the zxid that it gave out last, be that the beginning of its epoch.  It waits
// for the ACK, but that changes nothing (zab-and-disk.md 12.B 8).
bool Learner::IsRepeated(Zxid zxid) const {
  const Zxid last = core_.history.last_logged();
  return zxid.epoch == epoch_ &&
         (zxid == last || (zxid.counter == 0 && last.epoch < epoch_));
}

void Learner::On(Proposal& proposal) {
  const Zxid zxid = proposal.zxid;
  if (is_observer_ && phase_ == Phase::kBroadcast) {
    GiveUp("a packet for followers");
  } else if (IsRepeated(zxid)) {
    AckOnceDurable(zxid);
  } else if (!IsNext(zxid)) {
    GiveUp("a proposal is missing");
  } else {
    core_.Append({zxid, std::move(proposal.txn)});
    AckOnceDurable(zxid);
  }
}

void Learner::AckOnceDurable(Zxid zxid) {
  if (phase_ == Phase::kBroadcast) {
    core_.out.SendOnceDurable(core_.history.last_write_id(), leader_,
                              Ack{zxid});
  } else {
    unacknowledged_.push_back(zxid);
  }
}

void Learner::On(Inform& inform) {
  if (!is_observer_) {
    GiveUp("a packet for observers");
  } else if (!IsNext(inform.zxid)) {
    GiveUp("a transaction is missing");
  } else {
    core_.Append({inform.zxid, std::move(inform.txn)});
    OnCommitted(inform.zxid);
  }
}

void Learner::On(const Commit& commit) {
  if (is_observer_ && phase_ == Phase::kBroadcast) {
    GiveUp("a packet for followers");
  } else {
    OnCommitted(commit.zxid);
  }
}

void Learner::OnCommitted(Zxid zxid) {
  const bool is_next = zxid.epoch == committed_.epoch
                           ? zxid.counter == committed_.counter + 1
                           : zxid.epoch > committed_.epoch && zxid.counter == 1;
  if (!is_next || !core_.history.Contains(zxid)) {
    GiveUp("a commit out of order");
    return;
  }
  committed_ = zxid;
  if (phase_ == Phase::kBroadcast) {
    core_.Commit(committed_);
  } else if (!unacknowledged_.empty() && !has_history_) {
    unacknowledged_.pop_front();  // Part of the initial history
  }
}

void Learner::On(InformAndActivate& inform) {
  Inform transaction{inform.zxid, std::move(inform.txn)};
  On(transaction);
  OnActivated(std::move(inform));
}

void Learner::On(const CommitAndActivate& commit) {
  On(Commit{commit.zxid});
  OnActivated(commit);
}

void Learner::OnActivated(Message notice) {
  if (!gave_up_.has_value()) {
    core_.is_outdated = true;
    core_.out.ready().deliveries.push_back({leader_, std::move(notice)});
  }
}

void Learner::On(const NewLeader& leader) {
  if (has_history_ || leader.epoch != epoch_) {
    GiveUp("a NEWLEADER out of place");
    return;
  }
  has_history_ = true;
  if (core_.current_epoch != epoch_) {
    core_.SetCurrentEpoch(epoch_);
  }
  SendOnceAllDurable(Ack{{static_cast<uint32_t>(epoch_), 0}});
}

void Learner::On(const UpToDate&) {
  if (!has_history_ || phase_ == Phase::kBroadcast) {
    GiveUp("an UPTODATE out of place");
    return;
  }
  if (committed_ < core_.history.last_committed()) {
    GiveUp("the leader lacks what is committed here");
    return;
  }
  phase_ = Phase::kBroadcast;
  core_.Commit(committed_);
  SendOnceAllDurable(Ack{{static_cast<uint32_t>(epoch_), 0}});
  for (const Zxid zxid : unacknowledged_) {
    SendOnceAllDurable(Ack{zxid});
  }
  unacknowledged_.clear();
}

void Learner::On(const Ping& ping) {
  if (phase_ == Phase::kBroadcast) {
    core_.out.Send(leader_, Ping{ping.zxid});
  }
}

void Learner::OnTick() {
  if (silence_.IsDue(core_.now)) {
    GiveUp(is_connecting_ ? "the leader does not answer"
                          : "the leader is silent");
  } else if (reconnect_.IsDue(core_.now)) {
    reconnect_.Stop();
    Connect();
  }
}

absl::Duration Learner::deadline() const {
  return std::min(silence_.deadline(), reconnect_.deadline());
}

}  // namespace paddock::zab
