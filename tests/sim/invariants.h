// The invariants of the protocol's TLA+ models (zab-and-disk.md 11.2) as code,
// under the models' names, and the variables of the models they are about.
//
// The models look at all servers, and at all pairs of what these delivered, in
// every state.  Here one server changes at a time and deliveries are added at
// the end, so each function looks at what is new: a server that changed against
// all others, or what it delivered last against its neighbours.  All pairs
// follow by induction.

#ifndef PADDOCK_TESTS_SIM_INVARIANTS_H_
#define PADDOCK_TESTS_SIM_INVARIANTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "zab/core.h"
#include "zab/message.h"
#include "zab/write.h"

namespace paddock::sim {

// Stands for a transaction: equal for those of equal zxid and bytes (TxnEqual).
using TxnNumber = size_t;

struct Model {
  struct Server {
    zab::Role role = zab::Role::kLooking;      // state
    zab::Phase phase = zab::Phase::kElection;  // zabState
    std::optional<ServerId> leader;            // leaderAddr
    int64_t accepted_epoch = 0;
    int64_t current_epoch = 0;

    friend bool operator==(const Server&, const Server&) = default;
  };
  // history[1..lastCommitted], and where each of them is in there.
  struct Delivered {
    std::vector<TxnNumber> order;
    std::vector<size_t> places;  // By number; kNowhere for the others

    bool Has(TxnNumber txn) const {
      return txn < places.size() && places[txn] != kNowhere;
    }
  };
  struct Txn {
    zab::Txn txn;
    bool is_proposed = false;           // In proposalMsgsLog
    std::optional<TxnNumber> previous;  // Proposed by this leader in this epoch
  };

  static constexpr size_t kNowhere = SIZE_MAX;
  // Not one of the servers: it delivers what any of them delivers first, and
  // never forgets.
  static constexpr ServerId kAnyone{0};

  void Propose(ServerId source, int64_t epoch, const zab::Txn& txn);
  void Deliver(ServerId id, const zab::Txn& txn);
  void Forget(ServerId id) { delivered.erase(id); }
  TxnNumber NumberOf(const zab::Txn& txn);

  std::map<ServerId, Server> servers;
  std::map<ServerId, Delivered> delivered;
  std::map<int64_t, std::set<ServerId>> epoch_leaders;  // epochLeader

  std::vector<Txn> txns;                                // By number
  std::unordered_multimap<int64_t, TxnNumber> numbers;  // By zxid
  std::map<std::pair<ServerId, int64_t>, TxnNumber> last_proposals;
};

// What is wrong, if anything.
using Finding = std::optional<std::string>;

// Of the server `id`, which changed.
Finding TypeOK(const Model& model, ServerId id);
Finding Leadership1(const Model& model, ServerId id);
Finding Leadership2(const Model& model, ServerId id);
Finding PrimaryIntegrity(const Model& model, ServerId id);

// Of what the server `id` delivered last.
Finding PrefixConsistency(const Model& model, ServerId id);
Finding Integrity(const Model& model, ServerId id);
Finding Agreement(const Model& model, ServerId id);
Finding TotalOrder(const Model& model, ServerId id);
Finding LocalPrimaryOrder(const Model& model, ServerId id);
Finding GlobalPrimaryOrder(const Model& model, ServerId id);

// The flags of ShouldNotBeTriggered and CheckDuringAction (11.3): which one a
// member raises that hangs up on another because of what it said.
Finding CheckDuringAction(const zab::Message& message);

// The first finding of the four, or of the six.
Finding CheckServer(const Model& model, ServerId id);
Finding CheckDelivery(const Model& model, ServerId id);

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_INVARIANTS_H_
