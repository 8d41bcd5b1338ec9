// The request of multi and multiRead: operations behind headers of their own
// (client-protocol.md 3.8, 3.9).  Pure.

#ifndef PADDOCK_REPLICA_MULTI_H_
#define PADDOCK_REPLICA_MULTI_H_

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "jute/proto.h"

namespace paddock::replica {

enum class MultiKind { kEmpty, kWrite, kRead };

// `type` is what the operation is prepared as, which may differ from what the
// client wrote: a create with the container flag makes a container.
struct SubOp {
  jute::OpCode type = jute::OpCode::kError;
  std::variant<jute::CreateRequest, jute::CreateTTLRequest, jute::DeleteRequest,
               jute::SetDataRequest, jute::CheckVersionRequest,
               jute::GetDataRequest, jute::GetChildrenRequest>
      request;
};

struct MultiRequest {
  MultiKind kind = MultiKind::kEmpty;
  std::vector<SubOp> ops;
};

// Nullopt when the whole request must fail with MARSHALLINGERROR: a short
// body, an unknown type, reads mixed with writes, flags that no create has, a
// null path.
std::optional<MultiRequest> DecodeMulti(std::string_view body);

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_MULTI_H_
