// Quorums: which sets of members may decide.  More than half of the voters; or,
// with groups, more than half of the groups that have any weight, each with
// more than half of its weight (zab-and-disk.md 7.1).

#ifndef PADDOCK_ZAB_QUORUM_H_
#define PADDOCK_ZAB_QUORUM_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/ids.h"
#include "zab/config.h"

namespace paddock::zab {

class Quorum {
 public:
  // REQUIRES: ValidateConfig() finds nothing in a config with these members
  explicit Quorum(const std::vector<Member>& members);

  bool IsVoter(ServerId id) const;

  // Whether it may lead: a voter that has weight.
  bool IsElectable(ServerId id) const;

  // Whether the voters of which `contains` holds are a quorum.
  bool HasQuorum(absl::FunctionRef<bool(ServerId)> contains) const;

  // In ascending order.
  const std::vector<ServerId>& voters() const { return voter_ids_; }

 private:
  struct Group {
    int64_t id = 0;
    int64_t weight = 0;
    std::vector<Member> voters;
  };

  const Member* Find(ServerId id) const;

  std::vector<Member> voters_;  // Ascending
  std::vector<ServerId> voter_ids_;
  std::vector<Group> groups_;  // Those with weight; one for a plain majority
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_QUORUM_H_
