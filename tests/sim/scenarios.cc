#include "sim/scenarios.h"

#include <variant>

#include "sim/ensemble.h"

namespace paddock::sim {
namespace {

constexpr Micros kMillisecond = 1000;
constexpr Micros kSecond = 1'000'000;

// What the checkers found, or that it did not come so far.
std::optional<std::string> Verdict(Ensemble& ensemble, bool is_done) {
  if (ensemble.checkers().violation().has_value() || is_done) {
    return ensemble.checkers().violation();
  }
  return "the scenario does not come to its end";
}

}  // namespace

std::optional<std::string> OldPongsConfirmNoSync() {
  Ensemble ensemble({.members = Members(3)});
  const ServerId old = ensemble.RunUntilLeader().value_or(ServerId{1});
  ensemble.Propose(old);
  ensemble.RunFor(3 * kSecond);

  // The pings of a first sync still arrive, their answers are stuck.
  const Micros until = ensemble.queue().now() + 10'800 * kMillisecond;
  ensemble.Sync(old);
  for (const ServerId id : ensemble.ids()) {
    ensemble.network().Stall(id, old, until);
  }
  ensemble.RunFor(10 * kMillisecond);
  for (const ServerId id : ensemble.ids()) {
    ensemble.network().Stall(old, id, until);
  }

  // The others have had enough of the silence.
  ensemble.RunFor(10'500 * kMillisecond);
  const size_t committed = ensemble.checkers().committed().size();
  for (const ServerId id : ensemble.ids()) {
    if (id != old) {
      ensemble.Propose(id);
    }
  }
  ensemble.RunFor(100 * kMillisecond);
  const bool is_stale =
      ensemble.checkers().committed().size() > committed && ensemble.Sync(old);
  ensemble.RunFor(5 * kSecond);
  return Verdict(ensemble, is_stale);
}

std::optional<std::string> UncommittedSnapshotIsReplaced() {
  const ServerId first{5}, behind{1}, helper{2};
  const ServerId others[] = {ServerId{3}, ServerId{4}};
  Ensemble ensemble({.members = Members(5)});
  if (ensemble.RunUntilLeader() != first) {
    return Verdict(ensemble, false);
  }
  // One member falls behind what the leader keeps.
  ensemble.Crash(behind);
  ensemble.Propose(first);
  ensemble.Propose(first);
  ensemble.RunFor(kSecond);
  ensemble.Checkpoint(first);
  // Nobody hears of its last transaction.
  ensemble.Isolate(first);
  ensemble.Propose(first);
  ensemble.RunFor(100 * kMillisecond);
  const zab::Zxid last = ensemble.peer(first).last_logged();
  for (const ServerId id : {first, others[0], others[1]}) {
    ensemble.Crash(id);
  }

  // It begins an epoch, but only the member that is behind gets its state.
  ensemble.network().HealAll();
  ensemble.network().SetFilter(
      [=](ServerId from, ServerId to, const zab::Message& message) {
        return from == first && to == helper &&
               (std::holds_alternative<zab::Proposal>(message) ||
                std::holds_alternative<zab::Commit>(message) ||
                std::holds_alternative<zab::NewLeader>(message));
      });
  ensemble.Restart(first);
  ensemble.Restart(behind);
  const bool has_it = ensemble.RunUntil(
      [&] { return ensemble.disk(behind).durable().state.zxid == last; },
      30 * kSecond);
  ensemble.Crash(first);
  ensemble.Crash(behind);
  ensemble.network().SetFilter(nullptr);

  // The others go on without it.
  for (const ServerId id : others) {
    ensemble.Restart(id);
  }
  if (const auto next = ensemble.RunUntilLeader()) {
    ensemble.Propose(*next);
  }
  ensemble.RunFor(kSecond);
  ensemble.Restart(behind);
  ensemble.Restart(first);
  return Verdict(ensemble, has_it && ensemble.RunUntil(
                                         [&] { return ensemble.IsConverged(); },
                                         60 * kSecond));
}

std::optional<std::string> LaterPromiseEndsEpoch() {
  const ServerId alone{3};
  const ServerId others[] = {ServerId{4}, ServerId{5}};
  Ensemble ensemble({.members = Members(5)});
  ensemble.RunUntilLeader();
  for (const ServerId id : others) {
    ensemble.Crash(id);
  }
  // It is elected, and chooses one epoch after the other, but nobody hears.
  ensemble.network().SetFilter(
      [](ServerId, ServerId, const zab::Message& message) {
        return std::holds_alternative<zab::LeaderInfo>(message);
      });
  const bool is_ahead = ensemble.RunUntil(
      [&] { return ensemble.disk(alone).durable().accepted_epoch >= 4; },
      200 * kSecond);
  ensemble.Crash(alone);
  ensemble.network().SetFilter(nullptr);
  for (const ServerId id : others) {
    ensemble.Restart(id);
  }
  const auto leader = ensemble.RunUntilLeader();
  const bool is_behind =
      leader.has_value() && ensemble.peer(*leader).current_epoch() <
                                ensemble.disk(alone).durable().accepted_epoch;
  ensemble.Restart(alone);
  return Verdict(ensemble,
                 is_ahead && is_behind &&
                     ensemble.RunUntil([&] { return ensemble.IsConverged(); },
                                       60 * kSecond));
}

}  // namespace paddock::sim
