// The operations that change no znode: they are evaluated against this
// member's tree and watches (client-protocol.md 3.9 to 3.15 and chapter 4).
// Pure.

#ifndef PADDOCK_REPLICA_READS_H_
#define PADDOCK_REPLICA_READS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "jute/proto.h"
#include "paddock/error.h"
#include "tree/data_tree.h"
#include "tree/watches.h"

namespace paddock::replica {

// An event that a client missed while it was away (4.5).
struct MissedEvent {
  tree::EventType type;
  std::string_view path;  // Points into the request
};

// Who reads, and what from.
struct Reader {
  const tree::DataTree& tree;
  tree::WatchTable& watches;
  ConnectionId connection;
  SessionId session;
  absl::Span<const tree::Identity> identities;
  bool skip_acl;
  size_t multi_read_bytes_max;
  // Receives what setWatches finds, to be sent in front of its reply.
  std::vector<MissedEvent>* missed;
};

struct NodeSize {
  size_t data_bytes = 0;
  size_t children = 0;
};

// About how large the reply to a read is, given the sizes of znodes; 0 data and
// children of one that does not exist.
size_t EstimateReply(jute::OpCode code, std::string_view body,
                     absl::FunctionRef<NodeSize(std::string_view path)> size);

// Evaluates the request `body` and appends the reply's record to *reply.  On
// an error what was appended is to be dropped.
using ReadFunction = Error (*)(const Reader&, std::string_view body,
                               std::string* reply);

Error Exists(const Reader&, std::string_view body, std::string* reply);
Error GetData(const Reader&, std::string_view body, std::string* reply);
Error GetAcl(const Reader&, std::string_view body, std::string* reply);
Error GetChildren(const Reader&, std::string_view body, std::string* reply);
Error GetChildren2(const Reader&, std::string_view body, std::string* reply);
Error GetAllChildrenNumber(const Reader&, std::string_view body,
                           std::string* reply);
Error GetEphemerals(const Reader&, std::string_view body, std::string* reply);
Error WhoAmI(const Reader&, std::string_view body, std::string* reply);
Error Sync(const Reader&, std::string_view body, std::string* reply);
Error MultiRead(const Reader&, std::string_view body, std::string* reply);
Error SetWatches(const Reader&, std::string_view body, std::string* reply);
Error SetWatches2(const Reader&, std::string_view body, std::string* reply);
Error AddWatch(const Reader&, std::string_view body, std::string* reply);
Error CheckWatches(const Reader&, std::string_view body, std::string* reply);
Error RemoveWatches(const Reader&, std::string_view body, std::string* reply);

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_READS_H_
