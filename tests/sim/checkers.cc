#include "sim/checkers.h"

#include <fmt/format.h>

#include <variant>

namespace paddock::sim {
namespace {

int64_t Number(ServerId id) { return static_cast<int64_t>(id); }

std::string Text(zab::Zxid zxid) {
  return fmt::format("{}:{}", zxid.epoch, zxid.counter);
}

}  // namespace

void Checkers::Fail(std::string what) {
  if (!violation_.has_value()) {
    violation_ = std::move(what);
  }
}

// PrefixConsistency, Agreement, TotalOrder and the primary orders: all
// committed sequences are prefixes of one, which grows in zxid order.
void Checkers::Applied(ServerId id, const std::vector<zab::Txn>& applied,
                       size_t first_new,
                       const std::map<ServerId, const Disk*>& disks) {
  for (size_t i = first_new; i < applied.size(); ++i) {
    const zab::Txn& txn = applied[i];
    if (i < committed_.size()) {
      if (committed_[i] != txn) {
        Fail(fmt::format(
            "Agreement: member {} applied {} as number {}, where "
            "another applied {}",
            Number(id), Text(txn.zxid), i, Text(committed_[i].zxid)));
        return;
      }
      continue;
    }
    if (!committed_.empty() && txn.zxid <= committed_.back().zxid) {
      Fail(fmt::format("TotalOrder: {} after {}", Text(txn.zxid),
                       Text(committed_.back().zxid)));
    }
    if (!proposed_.contains(txn.bytes)) {
      Fail(fmt::format("Integrity: nobody proposed {}", Text(txn.zxid)));
    }
    const auto has_it = [&](ServerId member) {
      const Disk::Contents& durable = disks.at(member)->durable();
      return durable.state.zxid >= txn.zxid || durable.Has(txn.zxid);
    };
    if (!quorum_.HasQuorum(has_it)) {
      Fail(
          fmt::format("Durability: member {} applied {}, which no quorum has "
                      "on disk",
                      Number(id), Text(txn.zxid)));
    }
    committed_.push_back(txn);
  }
}

void Checkers::Proposed(const zab::Txn& txn) { proposed_.insert(txn.bytes); }

void Checkers::Sent(ServerId id, const zab::Envelope& envelope,
                    const Disk& disk) {
  const Disk::Contents& durable = disk.durable();
  if (const auto* ack = std::get_if<zab::Ack>(&envelope.message)) {
    if (ack->zxid.counter == 0
            ? durable.current_epoch < ack->zxid.epoch
            : !durable.Has(ack->zxid) && durable.state.zxid < ack->zxid) {
      Fail(
          fmt::format("AckedIsDurable: member {} acknowledged {}, its disk "
                      "has {} of epoch {}",
                      Number(id), Text(ack->zxid), Text(durable.last_zxid()),
                      durable.current_epoch));
    }
  } else if (const auto* promise =
                 std::get_if<zab::AckEpoch>(&envelope.message)) {
    if (promise->current_epoch.has_value() &&
        !promises_.insert({id, durable.accepted_epoch}).second) {
      Fail(fmt::format("OneAckPerEpoch: member {} promised epoch {} twice",
                       Number(id), durable.accepted_epoch));
    }
    if (promise->last_zxid > durable.last_zxid()) {
      Fail(fmt::format("VoteIsTruth: member {} told of {}, its disk has {}",
                       Number(id), Text(promise->last_zxid),
                       Text(durable.last_zxid())));
    }
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
    if (note->role == zab::Role::kLooking && note->vote.leader == id &&
        note->vote.zxid > durable.last_zxid()) {
      Fail(fmt::format("VoteIsTruth: member {} votes with {}, its disk has {}",
                       Number(id), Text(note->vote.zxid),
                       Text(durable.last_zxid())));
    }
  }
}

void Checkers::Look(ServerId id, const zab::Peer& peer, const Disk& disk) {
  constexpr uint64_t kBetween = 64;  // It is slow
  if (++looks_ % kBetween == 0) {
    peer.CheckInvariants();
  }
  Epochs& seen = epochs_[id];
  const Disk::Contents& durable = disk.durable();
  if (durable.accepted_epoch < seen.accepted ||
      durable.current_epoch < seen.current ||
      durable.current_epoch > durable.accepted_epoch) {
    Fail(fmt::format("EpochMonotone: member {} went from {}, {} to {}, {}",
                     Number(id), seen.accepted, seen.current,
                     durable.accepted_epoch, durable.current_epoch));
  }
  seen = {durable.accepted_epoch, durable.current_epoch};
  if (!peer.IsServing()) {
    syncs_.erase(id);  // Nobody answers them any more
  }
  if (peer.CanPropose()) {
    const auto [it, is_new] = leaders_.insert({peer.current_epoch(), id});
    if (it->second != id) {
      Fail(fmt::format("Leadership: members {} and {} lead epoch {}",
                       Number(it->second), Number(id), peer.current_epoch()));
    }
  }
}

void Checkers::SyncBegan(ServerId id, size_t committed) {
  syncs_[id].push_back(committed);
}

void Checkers::SyncEnded(ServerId id, size_t applied) {
  std::vector<size_t>& waiting = syncs_[id];
  if (waiting.empty()) {
    Fail(fmt::format("Sync: member {} answers what nobody asked", Number(id)));
    return;
  }
  if (applied < waiting.front()) {
    Fail(
        fmt::format("Sync: member {} answers with {} applied, {} were "
                    "committed when it was asked",
                    Number(id), applied, waiting.front()));
  }
  waiting.erase(waiting.begin());
}

}  // namespace paddock::sim
