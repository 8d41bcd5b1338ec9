// The one-shot watches of one client: what it must be told of them, and when.
// An event comes before any reply that shows the change, once, and after a
// reconnect there is one for all that the client has missed.

#ifndef PADDOCK_TESTS_SIM_WATCHING_H_
#define PADDOCK_TESTS_SIM_WATCHING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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

  // These return what is wrong.
  std::optional<std::string> OnEvent(tree::EventType type,
                                     const std::string& path, int64_t zxid);
  // Of any request but setWatches: all that happened up to `zxid` was told.
  std::optional<std::string> OnReply(int64_t zxid) const;
  std::optional<std::string> OnSetWatchesReply(int64_t zxid);

  bool IsEmpty() const { return watches_.empty(); }
  // The connection is gone; a new one begins with this request, valid until
  // something changes here.
  void Disconnect();
  jute::SetWatches Renew(int64_t last_zxid);
  void Forget();  // The session is gone

 private:
  struct Watch {
    int64_t since = 0;
    bool is_for_creation = false;
  };
  using Event = std::pair<tree::EventType, std::string>;
  using Key = std::pair<std::string, bool>;  // Path, and whether for children

  std::optional<tree::EventType> Missed(const Key& key, const Watch& watch,
                                        int64_t zxid) const;

  const Truth& truth_;
  std::map<Key, Watch> watches_;
  bool is_armed_ = true;       // The server knows them
  int64_t renewed_from_ = 0;   // What the client had seen when it renewed them
  std::vector<Event> missed_;  // Told before the reply to that
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_WATCHING_H_
