// The watches of one client: what it must be told of them, and when.  An event
// comes before any reply that shows the change, and once.  After a reconnect
// there is one event for all that a one-shot watch has missed, and none for
// persistent ones.

#ifndef PADDOCK_TESTS_SIM_WATCHING_H_
#define PADDOCK_TESTS_SIM_WATCHING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "jute/proto.h"
#include "sim/truth.h"
#include "tree/watches.h"

namespace paddock::sim {

class Watching {
 public:
  explicit Watching(const Truth& truth) : truth_(truth) {}

  // A read that was answered with the state after `zxid` has set it.
  void Set(const std::string& path, bool is_child, int64_t zxid);

  // addWatch was answered likewise.  REQUIRES: not in both modes on one path
  void SetPersistent(const std::string& path, bool is_recursive, int64_t zxid);

  // These return what is wrong.
  std::optional<std::string> OnEvent(tree::EventType type,
                                     const std::string& path, int64_t zxid);
  // Of any request but setWatches: all that happened up to `zxid` was told.
  std::optional<std::string> OnReply(int64_t zxid);
  std::optional<std::string> OnSetWatchesReply(int64_t zxid);

  bool IsEmpty() const { return watches_.empty() && persistent_.empty(); }
  // The connection is gone; a new one begins with this request, valid until
  // something changes here.
  void Disconnect();
  jute::SetWatches2 Renew(int64_t last_zxid);
  void Forget();  // The session is gone

 private:
  struct Watch {
    int64_t since = 0;
    bool is_for_creation = false;
  };
  struct Persistent {
    int64_t since = 0;
    bool is_recursive = false;
  };
  using Event = std::pair<tree::EventType, std::string>;
  using Key = std::pair<std::string, bool>;  // Path, and whether for children

  bool IsPersistent(tree::EventType type, const std::string& path,
                    int64_t zxid) const;
  std::optional<std::string> CheckPersistent(int64_t zxid);
  std::optional<tree::EventType> Missed(const Key& key, const Watch& watch,
                                        int64_t zxid) const;

  const Truth& truth_;
  std::map<Key, Watch> watches_;
  std::map<std::string, Persistent> persistent_;  // By path
  // What persistent watches were told of since the last reply, how often.
  std::map<std::tuple<int64_t, tree::EventType, std::string>, int64_t> told_;
  int64_t checked_ = 0;        // Up to here that was all
  bool is_armed_ = true;       // The server knows them
  int64_t renewed_from_ = 0;   // What the client had seen when it renewed them
  std::vector<Event> missed_;  // Told before the reply to that
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_WATCHING_H_
