#include "zab/quorum.h"

#include <algorithm>
#include <set>

#include "base/check.h"

namespace paddock::zab {

absl::Status ValidateConfig(const Config& config) {
  std::set<ServerId> ids;
  bool has_electable = false;
  size_t grouped = 0;
  size_t voters = 0;
  for (const Member& member : config.members) {
    if (!ids.insert(member.id).second) {
      return absl::InvalidArgumentError("two members have the same id");
    }
    if (member.weight < 0) {
      return absl::InvalidArgumentError("a weight is negative");
    }
    if (!member.is_observer) {
      ++voters;
      grouped += member.group != 0 ? 1 : 0;
      has_electable = has_electable || member.weight > 0;
    }
  }
  if (!ids.contains(config.id)) {
    return absl::InvalidArgumentError("this member is not in the list");
  }
  if (!has_electable) {
    return absl::InvalidArgumentError("no voter has weight");
  }
  if (grouped != 0 && grouped != voters) {
    return absl::InvalidArgumentError("a voter is in no group");
  }
  if (config.init_limit < 1 || config.sync_limit < 1 ||
      config.tick_time <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("a limit is below 1");
  }
  return absl::OkStatus();
}

bool Config::IsMember(ServerId member) const {
  return std::any_of(members.begin(), members.end(),
                     [&](const Member& m) { return m.id == member; });
}

Quorum::Quorum(const std::vector<Member>& members) {
  for (const Member& member : members) {
    if (!member.is_observer) {
      voters_.push_back(member);
    }
  }
  std::sort(voters_.begin(), voters_.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  for (const Member& voter : voters_) {
    voter_ids_.push_back(voter.id);
    auto group =
        std::find_if(groups_.begin(), groups_.end(),
                     [&](const Group& g) { return g.id == voter.group; });
    if (group == groups_.end()) {
      group = groups_.insert(groups_.end(), {.id = voter.group});
    }
    group->weight += voter.weight;
    group->voters.push_back(voter);
  }
  std::erase_if(groups_, [](const Group& group) { return group.weight == 0; });
  CHECK(!groups_.empty());
}

const Member* Quorum::Find(ServerId id) const {
  const auto it =
      std::lower_bound(voters_.begin(), voters_.end(), id,
                       [](const Member& m, ServerId i) { return m.id < i; });
  return it == voters_.end() || it->id != id ? nullptr : &*it;
}

bool Quorum::IsVoter(ServerId id) const { return Find(id) != nullptr; }

bool Quorum::IsElectable(ServerId id) const {
  const Member* voter = Find(id);
  return voter != nullptr && voter->weight > 0;
}

bool Quorum::HasQuorum(absl::FunctionRef<bool(ServerId)> contains) const {
  size_t groups = 0;
  for (const Group& group : groups_) {
    int64_t weight = 0;
    for (const Member& voter : group.voters) {
      if (contains(voter.id)) {
        weight += voter.weight;
      }
    }
    if (weight > group.weight / 2) {
      ++groups;
    }
  }
  return groups > groups_.size() / 2;
}

}  // namespace paddock::zab
