#include "zab/election.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace paddock::zab {

Election::Election(Core& core, int64_t round)
    : core_(core),
      round_(round),
      notify_interval_(core.config.notification_min) {
  notify_.Start(core_.now + notify_interval_);
  Propose(OwnVote());
}

Vote Election::OwnVote() const {
  if (!core_.quorum.IsVoter(core_.config.id)) {
    return {kNobody, Zxid::FromWire(INT64_MIN), round_, INT64_MIN};
  }
  return {core_.config.id, core_.history.last_logged(), round_,
          core_.current_epoch};
}

bool Election::Beats(const Vote& a, const Vote& b) const {
  if (!core_.quorum.IsElectable(a.leader)) {
    return false;
  }
  // The wire's numbers are signed.
  return std::tuple(a.peer_epoch, a.zxid.ToWire(), a.leader) >
         std::tuple(b.peer_epoch, b.zxid.ToWire(), b.leader);
}

void Election::Propose(const Vote& vote) {
  proposal_ = vote;
  proposal_.election_epoch = round_;
  finalize_.Stop();
  if (core_.quorum.IsVoter(core_.config.id)) {
    round_votes_[core_.config.id] = {Role::kLooking, proposal_};
  }
  SendAll();
  CountProposal();
}

void Election::Send(ServerId to) {
  // The vote tells what this member would bring along, history and epoch: that
  // must be durable.  So a member whose disk stalls does not win elections.
  core_.out.SendOnceDurable(
      core_.out.last_write_id(), to,
      Notification{Role::kLooking, proposal_, core_.config.text});
}

void Election::SendAll() {
  for (const ServerId voter : core_.quorum.voters()) {
    if (voter != core_.config.id) {
      Send(voter);
    }
  }
}

void Election::Step(ServerId from, const Notification& notification) {
  CHECK(!decided_.has_value());
  if (!core_.quorum.IsVoter(from) ||
      !core_.quorum.IsVoter(notification.vote.leader)) {
    // Nobody counts what observers believe, but they want to hear of us.
    if (!core_.quorum.IsVoter(from)) {
      Send(from);
    }
    return;
  }
  if (notification.vote.election_epoch > kRoundMax) {
    return;
  }
  switch (notification.role) {
    case Role::kLooking:
      StepLooking(from, notification.vote);
      return;
    case Role::kFollowing:
    case Role::kLeading:
      StepEstablished(from, notification);
      return;
    case Role::kObserving:
      return;
  }
}

void Election::StepLooking(ServerId from, const Vote& vote) {
  established_.erase(from);
  constexpr int64_t kLostData = -1;  // It may not know what it has
  if (vote.zxid.ToWire() == kLostData) {
    return;
  }
  if (vote.election_epoch < round_) {
    // So that it catches up; with a voter only, and it would answer an
    // observer at once, on and on.
    if (core_.quorum.IsVoter(core_.config.id)) {
      Send(from);
    }
    return;
  }
  if (vote.election_epoch > round_) {
    round_ = vote.election_epoch;
    round_votes_.clear();
    const Vote own = OwnVote();
    round_votes_[from] = {Role::kLooking, vote};
    Propose(Beats(vote, own) ? vote : own);
    return;
  }
  round_votes_[from] = {Role::kLooking, vote};
  if (Beats(vote, proposal_)) {
    Propose(vote);
  } else {
    CountProposal();
  }
}

void Election::CountProposal() {
  size_t equal = 0;
  const auto agrees = [&](ServerId id) {
    const auto it = round_votes_.find(id);
    const bool agreed =
        it != round_votes_.end() && it->second.vote == proposal_;
    equal += agreed ? 1 : 0;
    return agreed;
  };
  if (!core_.quorum.HasQuorum(agrees)) {
    finalize_.Stop();
    return;
  }
  equal = 0;
  for (const ServerId voter : core_.quorum.voters()) {
    agrees(voter);
  }
  if (equal == core_.quorum.voters().size()) {
    decided_ = proposal_;  // Nobody is left who could know a better one
  } else if (finalize_.deadline() == absl::InfiniteDuration()) {
    finalize_.Start(core_.now + core_.config.finalize_wait);
  }
}

void Election::StepEstablished(ServerId from,
                               const Notification& notification) {
  const Vote& vote = notification.vote;
  const Heard heard{notification.role, vote};
  if (vote.election_epoch == round_) {
    round_votes_[from] = heard;
    if (IsEstablished(round_votes_, vote)) {
      decided_ = vote;
      return;
    }
    CountProposal();
  }
  established_[from] = heard;
  if (IsEstablished(established_, vote)) {
    round_ = vote.election_epoch;
    decided_ = vote;
  }
}

bool Election::IsEstablished(const HeardFrom& heard, const Vote& vote) const {
  // Votes of an established ensemble may differ in zxid and round.
  const auto follows = [&](ServerId id) {
    const auto it = heard.find(id);
    if (it == heard.end()) {
      return false;
    }
    if (it->second.role == Role::kLooking) {
      return it->second.vote == vote;
    }
    return it->second.vote.leader == vote.leader &&
           it->second.vote.peer_epoch == vote.peer_epoch;
  };
  if (!core_.quorum.HasQuorum(follows)) {
    return false;
  }
  if (vote.leader == core_.config.id) {
    return vote.election_epoch == round_;
  }
  const auto leader = heard.find(vote.leader);
  return leader != heard.end() && leader->second.role == Role::kLeading;
}

void Election::OnTick() {
  if (finalize_.IsDue(core_.now)) {
    decided_ = proposal_;
    return;
  }
  if (notify_.IsDue(core_.now)) {
    SendAll();
    notify_interval_ =
        std::min(notify_interval_ * 2, core_.config.notification_max);
    notify_.Start(core_.now + notify_interval_);
  }
}

absl::Duration Election::deadline() const {
  return std::min(finalize_.deadline(), notify_.deadline());
}

}  // namespace paddock::zab
