// The truth about a service: all transactions that were committed, in order,
// and what each znode was after each of them, by a second and simpler account
// than the one under test.  What clients are told is held against it.
//
// It also says what no sequence of transactions may be: a session that is
// opened or closed twice, a client's requests out of their order, a child
// without a parent, a sequence number that comes again, an ephemeral that goes
// with a session that is not its own, or a TTL node that is swept too early.

#ifndef PADDOCK_TESTS_SIM_TRUTH_H_
#define PADDOCK_TESTS_SIM_TRUTH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jute/data.h"
#include "jute/proto.h"
#include "jute/txn.h"
#include "paddock/error.h"
#include "tree/data_tree.h"
#include "tree/operation.h"
#include "tree/snapshot.h"
#include "tree/watches.h"
#include "zab/write.h"

namespace paddock::sim {

// What a client asks for; each operation uses the fields it needs.
struct Request {
  jute::OpCode op = jute::OpCode::kPing;
  std::string path = {};
  std::string data = {};
  int32_t flags = 0;
  int32_t version = -1;
  int64_t ttl_ms = 0;
  bool watches = false;
  std::vector<Request> parts = {};  // Of a multi; of different paths
};

// What an operation must come to: an error, or for a create its path.
struct Outcome {
  Error error = Error::kOk;
  std::string path = {};
};

class Truth {
 public:
  // A znode as it was from `zxid` on.
  struct State {
    int64_t zxid = 0;
    bool exists = false;
    std::string data;
    jute::Stat stat;  // As clients see it
    int64_t ttl_ms = 0;
    bool is_container = false;
    int32_t creates = 0;  // Of children, ever
  };
  // What watches are told of.
  struct Happening {
    int64_t zxid = 0;
    tree::EventType type{};
  };
  struct Session {
    int64_t opened = 0;  // By this transaction
    int64_t closed = 0;  // Likewise; 0 while it lives
    int32_t timeout_ms = 0;
    int32_t last_cxid = 0;  // Of what took effect
  };
  struct Txn {
    int64_t zxid = 0;
    jute::TxnHeader header;
    Error error = Error::kOk;
    uint64_t hash = 0;  // Of its bytes
  };

  Truth();

  // A member applies this one right behind `before`; other members may have
  // done so already.  Returns what is wrong with it.
  std::optional<std::string> Committed(const zab::Txn& txn, int64_t before);

  int64_t last_zxid() const { return txns_.back().zxid; }
  const Txn* Find(int64_t zxid) const;

  // The znode after all transactions up to `zxid`; null if there was none.
  const State* At(std::string_view path, int64_t zxid) const;
  std::vector<std::string> ChildrenAt(std::string_view path,
                                      int64_t zxid) const;
  // What a one-shot watch set after `zxid` is told; `is_child`: for children.
  std::optional<Happening> FirstAfter(std::string_view path, int64_t zxid,
                                      bool is_child) const;
  // How often that happens to the znode by this transaction.
  int64_t CountAt(std::string_view path, tree::EventType type,
                  int64_t zxid) const;
  // All that happens in (after, through] to the znode; with `is_recursive`, to
  // it and those below it, but not to their lists of children.
  std::vector<std::pair<std::string, Happening>> AllBetween(
      const std::string& path, bool is_recursive, int64_t after,
      int64_t through) const;
  // What the write becomes if it comes right behind `zxid`; one for each part
  // of a multi.
  std::vector<Outcome> Expect(const Request& request, int64_t zxid) const;

  const std::map<int64_t, Session>& sessions() const { return sessions_; }
  const std::map<std::string, std::vector<State>, std::less<>>& znodes() const {
    return znodes_;
  }

  // What differs in the state of a member, whatever part of all it has applied.
  std::optional<std::string> Compare(
      const tree::DataTree& tree, const tree::SessionTimeouts& sessions) const;

 private:
  std::optional<std::string> Apply(const jute::TxnHeader& header,
                                   const tree::Operation& op);
  std::optional<std::string> Create(const jute::TxnHeader& header,
                                    const tree::Operation& op);
  std::optional<std::string> SetData(const jute::TxnHeader& header,
                                     const tree::Operation& op);
  std::optional<std::string> Delete(const jute::TxnHeader& header,
                                    std::string_view path);
  std::optional<std::string> LookAtSession(const jute::TxnHeader& header,
                                           Error error);
  std::optional<std::string> Close(
      const jute::TxnHeader& header,
      const std::vector<tree::Operation>& deletions);
  Outcome ExpectOne(const Request& request, int64_t zxid) const;
  // The state that begins with this transaction, to be altered.
  State& Change(std::string_view path, int64_t zxid);
  void Happens(std::string_view path, int64_t zxid, tree::EventType type);

  std::vector<Txn> txns_;
  std::map<std::string, std::vector<State>, std::less<>> znodes_;
  std::map<std::string, std::vector<Happening>, std::less<>> happenings_;
  std::map<int64_t, Session> sessions_;
  std::set<std::string> sequential_;  // Names given out
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_TRUTH_H_
