#include "zab/peer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace paddock::zab {

namespace {

Config Standalone() {
  Config config;
  config.id = kStandalone;
  config.members = {{.id = config.id}};
  config.history_count_min = 0;  // Nobody comes to ask for it
  return config;
}

}  // namespace

Peer::Peer(const Config& config, const DurableState& state)
    : core_(config, state) {
  CHECK(ValidateConfig(config).ok());
  CHECK_LE(state.current_epoch, state.accepted_epoch);
}

Peer::Peer(Zxid last_zxid)
    : core_(Standalone(), DurableState{.state_zxid = last_zxid}) {
  part_.emplace<Leader>(core_, Leader::Standalone{});
}

void Peer::Look(int64_t round) { part_.emplace<Election>(core_, round); }

void Peer::Step(const Tick& event) {
  CHECK_GE(event.now, core_.now);
  core_.now = event.now;
  if (std::holds_alternative<std::monostate>(part_)) {
    if (is_stopped_) {
      return;
    }
    Look(/*round=*/1);
  } else if (auto* election = std::get_if<Election>(&part_)) {
    election->OnTick();
  } else if (auto* leader = std::get_if<Leader>(&part_)) {
    leader->OnTick();
  } else if (auto* learner = std::get_if<Learner>(&part_)) {
    learner->OnTick();
  }
  Settle();
}

void Peer::Step(Received event) {
  if (const auto* notification = std::get_if<Notification>(&event.message)) {
    OnNotification(event.from, *notification);
  } else if (auto* leader = std::get_if<Leader>(&part_)) {
    leader->Step(event.from, event.message);
  } else if (auto* learner = std::get_if<Learner>(&part_);
             learner != nullptr && event.from == learner->leader()) {
    learner->Step(event.message);
  } else if (std::holds_alternative<FollowerInfo>(event.message)) {
    core_.out.HangUp(event.from);  // It takes this member for a leader
  }
  Settle();
}

void Peer::OnNotification(ServerId from, const Notification& notification) {
  if (auto* election = std::get_if<Election>(&part_)) {
    election->Step(from, notification);
  } else if (!std::holds_alternative<std::monostate>(part_) &&
             (notification.role == Role::kLooking ||
              !core_.quorum.IsVoter(from))) {
    core_.out.Send(from,
                   Notification{role(), CurrentVote(), core_.config.text});
  }
}

// As others are to hear of it: with the epoch that the election led to.
Vote Peer::CurrentVote() const {
  Vote vote = vote_;
  if (IsServing()) {
    vote.peer_epoch = core_.current_epoch;
  }
  return vote;
}

void Peer::Step(const LinkLost& event) {
  if (auto* leader = std::get_if<Leader>(&part_)) {
    leader->LinkLost(event.from);
  } else if (auto* learner = std::get_if<Learner>(&part_);
             learner != nullptr && event.from == learner->leader()) {
    learner->LinkLost();
  }
  Settle();
}

void Peer::Step(const Persisted& event) {
  core_.out.Persisted(event.write_id);
  core_.history.MarkPersisted(event.write_id);
  if (auto* leader = std::get_if<Leader>(&part_)) {
    leader->OnPersisted();
  }
  Settle();
}

void Peer::Step(const Stop&) {
  is_stopping_ = true;
  Settle();
}

// Changes the role when the present one has come to its end.
void Peer::Settle() {
  for (;;) {
    if (is_stopping_ && !is_stopped_) {
      auto* leader = std::get_if<Leader>(&part_);
      // What is proposed is handed over committed.
      if (leader != nullptr && leader->phase() == Phase::kBroadcast &&
          !leader->gave_up().has_value() &&
          core_.history.last_committed() < core_.history.last_logged()) {
        return;
      }
      if (leader != nullptr) {
        leader->HangUpAll();
      } else if (auto* learner = std::get_if<Learner>(&part_)) {
        core_.out.HangUp(learner->leader());
      }
      part_.emplace<std::monostate>();
      is_stopped_ = true;
      return;
    }
    if (auto* election = std::get_if<Election>(&part_)) {
      if (!election->decided().has_value()) {
        return;
      }
      Decide(*election->decided());
    } else if (auto* leader = std::get_if<Leader>(&part_)) {
      if (!leader->gave_up().has_value()) {
        return;
      }
      last_trouble_ = *leader->gave_up();
      // One round on, while those it leaves go on by two (election.h).
      Look(vote_.election_epoch + 1);
    } else if (auto* learner = std::get_if<Learner>(&part_)) {
      if (learner->phase() == Phase::kBroadcast) {
        failures_ = 0;
      }
      if (!learner->gave_up().has_value()) {
        return;
      }
      failures_ += learner->phase() == Phase::kBroadcast ? 0 : 1;
      last_trouble_ = *learner->gave_up();
      if (core_.is_outdated) {
        last_trouble_ += "; the ensemble has another configuration";
        part_.emplace<std::monostate>();
        is_stopped_ = true;
        return;
      }
      Look(vote_.election_epoch + 2);
    } else {
      return;
    }
  }
}

void Peer::Decide(Vote vote) {
  vote_ = vote;
  if (vote.leader == core_.config.id) {
    part_.emplace<Leader>(core_);
    return;
  }
  const Config& config = core_.config;
  const absl::Duration patience =
      std::min(config.first_answer_min * (1 << std::min(failures_, 10)),
               config.init_limit * config.tick_time);
  const absl::Duration delay =
      failures_ < 2 ? absl::ZeroDuration()
                    : config.reconnect_delay * (1 << std::min(failures_, 6));
  part_.emplace<Learner>(core_, vote.leader, delay, patience);
}

bool Peer::CanPropose() const {
  const auto* leader = std::get_if<Leader>(&part_);
  return leader != nullptr && leader->phase() == Phase::kBroadcast &&
         !is_stopping_;
}

Zxid Peer::NextZxid() const {
  CHECK(CanPropose());
  return std::get<Leader>(part_).NextZxid();
}

void Peer::Propose(Txn txn) {
  CHECK(CanPropose());
  std::get<Leader>(part_).Propose(std::move(txn));
}

void Peer::Sync(ServerId origin) {
  CHECK(CanPropose());
  std::get<Leader>(part_).Sync(origin);
}

void Peer::SendToLearner(ServerId learner, Message message) {
  CHECK(CanPropose());
  core_.out.Send(learner, std::move(message));
}

void Peer::SendToLeader(Message message) {
  CHECK(IsServing());
  core_.out.Send(std::get<Learner>(part_).leader(), std::move(message));
}

Ready Peer::TakeReady() { return std::exchange(core_.out.ready(), Ready()); }

absl::Duration Peer::NextDeadline() const {
  return std::visit(
      [](const auto& part) {
        if constexpr (std::is_same_v<std::decay_t<decltype(part)>,
                                     std::monostate>) {
          return absl::InfiniteDuration();
        } else {
          return part.deadline();
        }
      },
      part_);
}

Role Peer::role() const {
  if (std::holds_alternative<Leader>(part_)) {
    return Role::kLeading;
  }
  if (const auto* learner = std::get_if<Learner>(&part_)) {
    return learner->is_observer() ? Role::kObserving : Role::kFollowing;
  }
  return Role::kLooking;
}

Phase Peer::phase() const {
  if (const auto* leader = std::get_if<Leader>(&part_)) {
    return leader->phase();
  }
  const auto* learner = std::get_if<Learner>(&part_);
  return learner != nullptr ? learner->phase() : Phase::kElection;
}

std::optional<ServerId> Peer::leader() const {
  if (std::holds_alternative<Leader>(part_)) {
    return core_.config.id;
  }
  if (const auto* learner = std::get_if<Learner>(&part_)) {
    return learner->leader();
  }
  return std::nullopt;
}

void Peer::CheckInvariants() const {
  core_.history.CheckInvariants();
  CHECK_LE(core_.current_epoch, core_.accepted_epoch);
  if (const auto* leader = std::get_if<Leader>(&part_)) {
    leader->CheckInvariants();
  }
}

}  // namespace paddock::zab
