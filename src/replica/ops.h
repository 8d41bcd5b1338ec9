// THE table of operations: everything that lists operations reads it
// (validation, dispatch, metrics, four-letter words).

#ifndef PADDOCK_REPLICA_OPS_H_
#define PADDOCK_REPLICA_OPS_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "jute/proto.h"
#include "replica/reads.h"

namespace paddock::replica {

enum class OpKind {
  kRead,   // Answered from this member's tree by `read`
  kWrite,  // Prepared into a transaction
  kSync,   // A read that waits for what is proposed before it
  kPing,   // Answered at once
  kClose,  // Ends the session, by a transaction
  kAuth,   // Changes the identities of the connection
  kSasl,
  kSession,  // Made by the server; no client may ask for it
};

struct Op {
  jute::OpCode code;
  OpKind kind;
  std::string_view last_op;  // What `cons` prints as lop
  std::string_view metric;   // mntr: op_count_<metric>; "" where it has none
  ReadFunction read = nullptr;
};

// Stands in for a request that was held back for too long: a read that gives
// THROTTLEDOP.
const Op& ThrottledOp();

// Null for codes that are no operation of the client port.
const Op* FindOp(int32_t code);

absl::Span<const Op> AllOps();

// Place of `op` in AllOps(), or behind them for ThrottledOp().
size_t OpIndex(const Op& op);

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_OPS_H_
