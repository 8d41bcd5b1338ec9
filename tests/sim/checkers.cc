#include "sim/checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace paddock::sim {
namespace {

int64_t Number(ServerId id) { return static_cast<int64_t>(id); }

std::string Text(zab::Zxid zxid) {
  return fmt::format("{}:{}", zxid.epoch, zxid.counter);
}

}  // namespace

void Checkers::Fail(std::string what) { Note(std::move(what)); }

void Checkers::Note(Finding finding) {
  if (!violation_.has_value()) {
    violation_ = std::move(finding);
  }
}

void Checkers::Applied(ServerId id, const std::vector<zab::Txn>& applied,
                       size_t first_new) {
  if (first_new == 0) {
    model_.Forget(id);
  }
  for (size_t i = first_new; i < applied.size(); ++i) {
    const zab::Txn& txn = applied[i];
    model_.Deliver(id, txn);
    Note(CheckDelivery(model_, id));
    if (i < committed_.size()) {
      continue;
    }
    if (!IsQuorum(config_.members, [&](ServerId member) {
          return disks_.at(member)->durable().Has(txn.zxid);
        })) {
      Fail(
          fmt::format("Durability: member {} applied {}, which no quorum has "
                      "on disk",
                      Number(id), Text(txn.zxid)));
    }
    committed_.push_back(txn);
    model_.Deliver(Model::kAnyone, txn);
  }
}

void Checkers::Proposed(ServerId id, const zab::Peer& peer,
                        const zab::Txn& txn) {
  model_.Propose(id, peer.current_epoch(), txn);
}

void Checkers::Crashed(ServerId id) {
  model_.servers[id] = {};
  model_.Forget(id);
  SyncsLost(id);
}

// It does so where the other is no leader, or not its leader, or too slow, or
// should be the leader, and where it wants to get all history anew.
void Checkers::HungUp(ServerId id, const zab::Received& because,
                      const zab::Peer& peer) {
  const auto* info = std::get_if<zab::LeaderInfo>(&because.message);
  const bool is_older = info != nullptr && info->epoch < peer.accepted_epoch();
  const bool wants_all = std::holds_alternative<zab::Trunc>(because.message) &&
                         !disks_.at(id)->durable().state_is_committed;
  if (!is_older && !wants_all &&
      !std::holds_alternative<zab::FollowerInfo>(because.message) &&
      !std::holds_alternative<zab::AckEpoch>(because.message) &&
      !std::holds_alternative<zab::Ack>(because.message)) {
    Note(CheckDuringAction(because.message));
  }
}

void Checkers::Sent(ServerId id, const zab::Envelope& envelope,
                    const zab::Peer& peer) {
  const Disk::Contents& durable = disks_.at(id)->durable();
  if (const auto* ack = std::get_if<zab::Ack>(&envelope.message)) {
    if (ack->zxid.counter == 0 ? durable.current_epoch < ack->zxid.epoch
                               : !durable.Has(ack->zxid)) {
      Fail(
          fmt::format("AckedIsDurable: member {} acknowledged {}, its disk "
                      "has {} of epoch {}",
                      Number(id), Text(ack->zxid), Text(durable.last_zxid()),
                      durable.current_epoch));
    }
  } else if (const auto* promise =
                 std::get_if<zab::AckEpoch>(&envelope.message)) {
    Promised(id, envelope.to, *promise, peer);
  } else if (const auto* info =
                 std::get_if<zab::LeaderInfo>(&envelope.message)) {
    if (durable.accepted_epoch < info->epoch) {
      Fail(
          fmt::format("EpochDurable: member {} announced epoch {}, its disk "
                      "has {}",
                      Number(id), info->epoch, durable.accepted_epoch));
    }
  } else if (const auto* note =
                 std::get_if<zab::Notification>(&envelope.message)) {
    const zab::Vote& vote = note->vote;
    const bool is_of_itself =
        note->role == zab::Role::kLooking && vote.leader == id;
    if (is_of_itself && vote.zxid <= durable.last_zxid() &&
        vote.peer_epoch <= durable.current_epoch) {
      voted_.insert({id, vote.zxid, vote.peer_epoch});
    } else if (is_of_itself &&
               !voted_.contains({id, vote.zxid, vote.peer_epoch})) {
      // What was true when it said so, and comes back to it, may be so no more:
      // a leader had it truncate what it had not committed.
      Fail(
          fmt::format("VoteIsTruth: member {} votes with {} of epoch {}, its "
                      "disk has {} of epoch {}",
                      Number(id), Text(vote.zxid), vote.peer_epoch,
                      Text(durable.last_zxid()), durable.current_epoch));
    }
  }
  if (auto wrong = streams_.Sent(id, envelope, durable)) {
    Fail(fmt::format("{}, from member {} to {}", *wrong, Number(id),
                     Number(envelope.to)));
  }
}

void Checkers::Promised(ServerId id, ServerId to, const zab::AckEpoch& promise,
                        const zab::Peer& peer) {
  const Disk::Contents& durable = disks_.at(id)->durable();
  if (durable.accepted_epoch != peer.accepted_epoch()) {
    Fail(
        fmt::format("EpochDurable: member {} promised epoch {}, its disk has "
                    "{}",
                    Number(id), peer.accepted_epoch(), durable.accepted_epoch));
  }
  if (promise.current_epoch.has_value() &&
      !promises_.insert({{id, peer.accepted_epoch()}, to}).second) {
    Fail(fmt::format("OneAckPerEpoch: member {} promised epoch {} twice",
                     Number(id), peer.accepted_epoch()));
  }
  if (promise.last_zxid > durable.last_zxid()) {
    Fail(fmt::format("VoteIsTruth: member {} told of {}, its disk has {}",
                     Number(id), Text(promise.last_zxid),
                     Text(durable.last_zxid())));
  }
}

void Checkers::Look(ServerId id, const zab::Peer& peer) {
  constexpr uint64_t kBetween = 64;  // It is slow
  if (++looks_ % kBetween == 0) {
    peer.CheckInvariants();
  }
  LookAtModel(id, peer);
  if (peer.role() == zab::Role::kLeading) {
    LookAtLeader(id, peer);
  }
  LookAtEpochs(id);
}

void Checkers::LookAtModel(ServerId id, const zab::Peer& peer) {
  const Model::Server now{peer.role(), peer.phase(), peer.leader(),
                          peer.accepted_epoch(), peer.current_epoch()};
  Model::Server& before = model_.servers[id];
  if (now == before) {
    return;
  }
  before = now;
  if (now.role == zab::Role::kLeading && now.phase == zab::Phase::kBroadcast) {
    model_.epoch_leaders[now.current_epoch].insert(id);
  }
  Note(CheckServer(model_, id));
}

void Checkers::LookAtEpochs(ServerId id) {
  Epochs& seen = epochs_[id];
  const Disk::Contents& durable = disks_.at(id)->durable();
  if (durable.accepted_epoch < seen.accepted ||
      durable.current_epoch < seen.current ||
      durable.current_epoch > durable.accepted_epoch) {
    Fail(fmt::format("EpochMonotone: member {} went from {}, {} to {}, {}",
                     Number(id), seen.accepted, seen.current,
                     durable.accepted_epoch, durable.current_epoch));
  }
  if (durable.current_epoch != seen.current) {
    const auto it = beginnings_.find(durable.current_epoch);
    if (it == beginnings_.end() || !durable.Has(it->second.last)) {
      Fail(fmt::format(
          "EpochAfterHistory: member {} is of epoch {}, but its "
          "disk has {}",
          Number(id), durable.current_epoch, Text(durable.last_zxid())));
    }
  }
  seen = {durable.accepted_epoch, durable.current_epoch};
}

// Its epoch begins with its history once a quorum promised it, and is
// established once a quorum has it.
void Checkers::LookAtLeader(ServerId id, const zab::Peer& peer) {
  const int64_t epoch = peer.current_epoch();
  if (epoch > 0 &&
      beginnings_.insert({epoch, {id, peer.last_logged()}}).second &&
      !IsQuorum(config_.members, [&](ServerId member) {
        const auto it = promises_.find({member, epoch});
        return member == id || (it != promises_.end() && it->second == id);
      })) {
    Fail(fmt::format("Promised: no quorum promised epoch {} to member {}",
                     epoch, Number(id)));
  }
  if (!peer.CanPropose()) {
    return;
  }
  if (established_.insert(epoch).second &&
      !IsQuorum(config_.members, [&](ServerId member) {
        const Disk::Contents& durable = disks_.at(member)->durable();
        return durable.current_epoch >= epoch &&
               durable.Has(beginnings_.at(epoch).last);
      })) {
    Fail(
        fmt::format("Established: member {} leads epoch {}, which no quorum "
                    "has on disk",
                    Number(id), epoch));
  }
  if (peer.last_committed().epoch == epoch &&
      peer.last_committed().counter >= config_.counter_max) {
    Fail(fmt::format("CounterMax: member {} leads on after {}", Number(id),
                     Text(peer.last_committed())));
  }
}

void Checkers::SyncBegan(ServerId id, const zab::Peer& peer, size_t committed) {
  syncs_[id].push_back(
      {committed, peer.CanPropose() ? peer.last_logged() : zab::Zxid()});
}

bool Checkers::AreSyncsWaiting() const {
  return std::any_of(syncs_.begin(), syncs_.end(),
                     [](const auto& entry) { return !entry.second.empty(); });
}

void Checkers::SyncEnded(ServerId id, size_t applied, zab::Zxid last) {
  std::deque<Waiting>& waiting = syncs_[id];
  if (waiting.empty()) {
    Fail(fmt::format("Sync: member {} answers what nobody asked", Number(id)));
    return;
  }
  if (applied < waiting.front().committed || last < waiting.front().proposed) {
    Fail(
        fmt::format("Sync: member {} answers with {} applied, up to {}; {} "
                    "were committed when it was asked, and {} proposed",
                    Number(id), applied, Text(last), waiting.front().committed,
                    Text(waiting.front().proposed)));
  }
  waiting.pop_front();
}

}  // namespace paddock::sim
