#include "sim/invariants.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <type_traits>
#include <variant>

namespace paddock::sim {
namespace {

int64_t Number(ServerId id) { return static_cast<int64_t>(id); }

std::string Text(const Model& model, TxnNumber txn) {
  const zab::Zxid zxid = model.txns[txn].txn.zxid;
  return fmt::format("{}:{}", zxid.epoch, zxid.counter);
}

const Model::Delivered& DeliveredBy(const Model& model, ServerId id) {
  static const Model::Delivered kNothing;
  const auto it = model.delivered.find(id);
  return it == model.delivered.end() ? kNothing : it->second;
}

bool HasBegunToLead(const Model::Server& server) {
  return server.role == zab::Role::kLeading &&
         server.phase >= zab::Phase::kSynchronization;
}

Finding First(std::initializer_list<Finding (*)(const Model&, ServerId)> checks,
              const Model& model, ServerId id) {
  for (const auto check : checks) {
    if (Finding finding = check(model, id)) {
      return finding;
    }
  }
  return std::nullopt;
}

}  // namespace

TxnNumber Model::NumberOf(const zab::Txn& txn) {
  const auto [begin, end] = numbers.equal_range(txn.zxid.ToWire());
  const auto it = std::find_if(begin, end, [&](const auto& entry) {
    return txns[entry.second].txn == txn;
  });
  if (it != end) {
    return it->second;
  }
  numbers.insert({txn.zxid.ToWire(), txns.size()});
  txns.push_back({.txn = txn});
  return txns.size() - 1;
}

void Model::Propose(ServerId source, int64_t epoch, const zab::Txn& txn) {
  const TxnNumber number = NumberOf(txn);
  txns[number].is_proposed = true;
  const auto [last, is_first] =
      last_proposals.insert({{source, epoch}, number});
  if (!is_first) {
    txns[number].previous = std::exchange(last->second, number);
  }
}

void Model::Deliver(ServerId id, const zab::Txn& txn) {
  const TxnNumber number = NumberOf(txn);
  Delivered& all = delivered[id];
  all.places.resize(std::max(all.places.size(), number + 1), kNowhere);
  all.places[number] = all.order.size();
  all.order.push_back(number);
}

// TypeOK: each variable is in its domain, and fits the others.
Finding TypeOK(const Model& model, ServerId id) {
  const Model::Server& s = model.servers.at(id);
  const bool leads = s.role == zab::Role::kLeading;
  const bool looks = s.role == zab::Role::kLooking;
  if (looks != (s.phase == zab::Phase::kElection) ||
      looks == s.leader.has_value() || leads != (s.leader == id) ||
      s.current_epoch > s.accepted_epoch ||
      (s.phase == zab::Phase::kBroadcast &&
       s.current_epoch != s.accepted_epoch) ||
      (HasBegunToLead(s) && s.current_epoch != s.accepted_epoch)) {
    return fmt::format(
        "TypeOK: member {} of role {} in phase {}, epochs {}, {}", Number(id),
        static_cast<int>(s.role), static_cast<int>(s.phase), s.accepted_epoch,
        s.current_epoch);
  }
  return std::nullopt;
}

// Leadership1: no two servers lead one epoch in SYNCHRONIZATION or BROADCAST.
Finding Leadership1(const Model& model, ServerId id) {
  const Model::Server& changed = model.servers.at(id);
  for (const auto& [other, server] : model.servers) {
    if (other != id && HasBegunToLead(changed) && HasBegunToLead(server) &&
        changed.current_epoch == server.current_epoch) {
      return fmt::format("Leadership1: members {} and {} lead epoch {}",
                         Number(id), Number(other), server.current_epoch);
    }
  }
  return std::nullopt;
}

// Leadership2: one server at most ever established its leadership of an epoch.
Finding Leadership2(const Model& model, ServerId id) {
  const int64_t epoch = model.servers.at(id).current_epoch;
  const auto leaders = model.epoch_leaders.find(epoch);
  if (leaders != model.epoch_leaders.end() && leaders->second.size() > 1) {
    return fmt::format("Leadership2: {} members established epoch {}",
                       leaders->second.size(), epoch);
  }
  return std::nullopt;
}

// PrimaryIntegrity: what is committed of older epochs at a follower is so at
// its leader, when both broadcast.  TotalOrder makes the last one enough.
Finding PrimaryIntegrity(const Model& model, ServerId id) {
  for (const auto& [follower, server] : model.servers) {
    if (server.role != zab::Role::kFollowing ||
        server.phase != zab::Phase::kBroadcast ||
        (follower != id && server.leader != id)) {
      continue;
    }
    const auto leader = model.servers.find(*server.leader);
    if (leader == model.servers.end() ||
        leader->second.role != zab::Role::kLeading ||
        leader->second.phase != zab::Phase::kBroadcast) {
      continue;
    }
    const auto& order = DeliveredBy(model, follower).order;
    const auto end =
        std::partition_point(order.begin(), order.end(), [&](TxnNumber txn) {
          return model.txns[txn].txn.zxid.epoch < leader->second.current_epoch;
        });
    if (end != order.begin() &&
        !DeliveredBy(model, leader->first).Has(*(end - 1))) {
      return fmt::format("PrimaryIntegrity: leader {} lacks {} of member {}",
                         Number(leader->first), Text(model, *(end - 1)),
                         Number(follower));
    }
  }
  return std::nullopt;
}

// PrefixConsistency: what any two servers committed is equal one by one, as far
// as the shorter one goes.
Finding PrefixConsistency(const Model& model, ServerId id) {
  const auto& order = DeliveredBy(model, id).order;
  const size_t last = order.size() - 1;
  for (const auto& [other, theirs] : model.delivered) {
    if (last < theirs.order.size() && theirs.order[last] != order[last]) {
      return fmt::format(
          "PrefixConsistency: member {} delivered {} as number {}, where "
          "member {} delivered {}",
          Number(id), Text(model, order[last]), last, Number(other),
          Text(model, theirs.order[last]));
    }
  }
  return std::nullopt;
}

// Integrity: some leader proposed what is committed.
Finding Integrity(const Model& model, ServerId id) {
  const TxnNumber txn = DeliveredBy(model, id).order.back();
  if (!model.txns[txn].is_proposed) {
    return fmt::format(
        "Integrity: member {} delivered {}, which nobody proposed", Number(id),
        Text(model, txn));
  }
  return std::nullopt;
}

// Agreement: of any two servers, one committed all that the other did.  If it
// has not got this one, its last one is enough by TotalOrder.
Finding Agreement(const Model& model, ServerId id) {
  const Model::Delivered& ours = DeliveredBy(model, id);
  const TxnNumber txn = ours.order.back();
  for (const auto& [other, theirs] : model.delivered) {
    if (!theirs.Has(txn) && !theirs.order.empty() &&
        !ours.Has(theirs.order.back())) {
      return fmt::format("Agreement: only member {} delivered {}, only {} {}",
                         Number(id), Text(model, txn), Number(other),
                         Text(model, theirs.order.back()));
    }
  }
  return std::nullopt;
}

// TotalOrder: who committed b has everything before it that another committed
// before b.  By induction it is enough to look at the one just before b.
Finding TotalOrder(const Model& model, ServerId id) {
  const auto has_previous = [](const Model::Delivered& a,
                               const Model::Delivered& b, TxnNumber txn) {
    const size_t place = b.places[txn];
    return place == 0 || (a.Has(b.order[place - 1]) &&
                          a.places[b.order[place - 1]] < a.places[txn]);
  };
  const Model::Delivered& ours = DeliveredBy(model, id);
  const TxnNumber txn = ours.order.back();
  for (const auto& [other, theirs] : model.delivered) {
    if (theirs.Has(txn) && (!has_previous(ours, theirs, txn) ||
                            !has_previous(theirs, ours, txn))) {
      return fmt::format(
          "TotalOrder: before {} members {} and {} delivered not the same",
          Text(model, txn), Number(id), Number(other));
    }
  }
  return std::nullopt;
}

// LocalPrimaryOrder: who committed b has everything before it that the same
// leader proposed before b in this epoch.  The last such is enough.
Finding LocalPrimaryOrder(const Model& model, ServerId id) {
  const Model::Delivered& ours = DeliveredBy(model, id);
  const TxnNumber txn = ours.order.back();
  const std::optional<TxnNumber> previous = model.txns[txn].previous;
  if (previous.has_value() && !ours.Has(*previous)) {
    return fmt::format("LocalPrimaryOrder: member {} delivered {} without {}",
                       Number(id), Text(model, txn), Text(model, *previous));
  }
  return std::nullopt;
}

// GlobalPrimaryOrder: what is of an older epoch comes first.  Here, and within
// an epoch, zxids grow, so nothing is committed twice either.
Finding GlobalPrimaryOrder(const Model& model, ServerId id) {
  const auto& order = DeliveredBy(model, id).order;
  if (order.size() > 1 && model.txns[order[order.size() - 2]].txn.zxid >=
                              model.txns[order.back()].txn.zxid) {
    return fmt::format("GlobalPrimaryOrder: member {} delivered {} after {}",
                       Number(id), Text(model, order.back()),
                       Text(model, order[order.size() - 2]));
  }
  return std::nullopt;
}

Finding CheckDuringAction(const zab::Message& message) {
  return std::visit(
      [&](const auto& m) -> Finding {
        using Type = std::decay_t<decltype(m)>;
        const char* flag = "messageIllegal";
        if constexpr (std::is_same_v<Type, zab::LeaderInfo> ||
                      std::is_same_v<Type, zab::AckEpoch> ||
                      std::is_same_v<Type, zab::Diff> ||
                      std::is_same_v<Type, zab::Snap>) {
          flag = "stateInconsistent";
        } else if constexpr (std::is_same_v<Type, zab::Trunc> ||
                             std::is_same_v<Type, zab::Proposal> ||
                             std::is_same_v<Type, zab::Inform>) {
          flag = "proposalInconsistent";
        } else if constexpr (std::is_same_v<Type, zab::Commit>) {
          flag = "commitInconsistent";
        } else if constexpr (std::is_same_v<Type, zab::Ack>) {
          flag = "ackInconsistent";
        }
        return fmt::format("{}: {}", flag, zab::Describe(message));
      },
      message);
}

Finding CheckServer(const Model& model, ServerId id) {
  return First({TypeOK, Leadership1, Leadership2, PrimaryIntegrity}, model, id);
}

Finding CheckDelivery(const Model& model, ServerId id) {
  return First({PrefixConsistency, Integrity, Agreement, TotalOrder,
                LocalPrimaryOrder, GlobalPrimaryOrder},
               model, id);
}

}  // namespace paddock::sim
