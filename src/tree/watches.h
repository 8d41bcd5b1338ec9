// WatchTable holds the watches of all connections of one member and says whom
// a change concerns (client-protocol.md chapter 4).  Pure; not thread-safe.

#ifndef PADDOCK_TREE_WATCHES_H_
#define PADDOCK_TREE_WATCHES_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "tree/acl.h"
#include "tree/data_tree.h"
#include "tree/watch_index.h"

namespace paddock::tree {

// What a connection can register on a path; kinds are independent bits.
enum class WatchKind : uint8_t {
  kData = 1,        // One-shot; also for exists
  kChild = 2,       // One-shot
  kPersistent = 4,  // In the data and the child table
  kRecursive = 8,   // In the data table
};

// Event types as they travel (4.2).
enum class EventType : int32_t {
  kNodeCreated = 1,
  kNodeDeleted = 2,
  kNodeDataChanged = 3,
  kNodeChildrenChanged = 4,
};

// One event for each of some connections, ascending.  `acl` is the list that
// must grant READ for the event to be delivered (4.4); it, `connections` and
// `path` are valid during the call.
struct Notification {
  absl::Span<const ConnectionId> connections;
  EventType type;
  std::string_view path;
  const AclList* acl;
};

class WatchTable {
 public:
  WatchTable() = default;
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  // Registers; again is no change.
  void Add(std::string_view path, ConnectionId connection, WatchKind kind);

  // Whether the connection has this watch at exactly this path.
  bool Has(std::string_view path, ConnectionId connection,
           WatchKind kind) const;
  // Whether it has any.
  bool HasAny(std::string_view path, ConnectionId connection) const;

  // Removes; false when there was nothing to remove.
  bool Remove(std::string_view path, ConnectionId connection, WatchKind kind);
  bool RemoveAny(std::string_view path, ConnectionId connection);
  void RemoveConnection(ConnectionId connection);

  // Reports whom `change` concerns (`notify` must not call back here), in the
  // order of the triggers (4.3) and by connection within one, and uses up the
  // one-shot watches that it reached.
  void Trigger(const Change& change,
               absl::FunctionRef<void(const Notification&)> notify);

  // Data table entries plus child table entries, as mntr's watch_count.
  int64_t watch_count() const { return data_entries_ + child_entries_; }

  // All they take, roughly; looks at each connection.
  size_t memory_bytes() const;

  // The data table only, as wchs, wchp and wchc show it (9.4): paths sorted.
  struct Summary {
    int64_t connections = 0;
    int64_t paths = 0;
    int64_t watches = 0;
  };
  Summary DataSummary() const;
  std::vector<std::pair<std::string_view, std::vector<ConnectionId>>>
  DataWatchesByPath() const;

  // Fails a CHECK when the parts do not agree.  Slow; for tests.
  void CheckInvariants() const;

 private:
  WatchIndex& IndexOf(WatchKind kind);
  const WatchIndex& IndexOf(WatchKind kind) const;

  // Whether the index of one of these `kinds`, an or of WatchKind, has the
  // pair.
  bool HasOneOf(uint8_t kinds, std::string_view path,
                ConnectionId connection) const;
  // Adds `change` to the count of entries of each table that `kind` belongs to
  // and that has no entry for the pair in the index of another kind.
  void CountEntry(std::string_view path, ConnectionId connection,
                  WatchKind kind, int64_t change);
  // Takes the one-shot watches of `kind` at `path` into reached_.
  void TakeOneShots(std::string_view path, WatchKind kind);

  // The triggers of 4.3 leave the connections that they reach in reached_.
  void TriggerData(std::string_view path);
  void TriggerChild(std::string_view path);
  void Report(EventType type, std::string_view path, const AclList* acl,
              absl::FunctionRef<void(const Notification&)> notify) const;

  WatchIndex data_;
  WatchIndex child_;
  WatchIndex persistent_;
  WatchIndex recursive_;
  int64_t data_entries_ = 0;   // Pairs in data_, persistent_ or recursive_
  int64_t child_entries_ = 0;  // Pairs in child_ or persistent_
  // Of one trigger, ascending and without duplicates; kept for their memory.
  std::vector<ConnectionId> reached_;
  std::vector<ConnectionId> reached_before_;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_WATCHES_H_
