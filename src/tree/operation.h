// Operations: transactions as DataTree applies them, decoded without copying.

#ifndef PADDOCK_TREE_OPERATION_H_
#define PADDOCK_TREE_OPERATION_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "jute/proto.h"
#include "paddock/error.h"

namespace paddock::tree {

// One operation of any kind; each uses the fields it needs.  Views point into
// the transaction.
struct Operation {
  jute::OpCode type = jute::OpCode::kError;
  Error error = Error::kOk;  // kError only
  bool ephemeral = false;
  int32_t version = 0;  // The new one; of creates the parent's new cversion
  int64_t ttl = 0;      // In ms
  std::string_view path;
  std::string_view data;
  std::string_view acl;  // As AclTable::InternEncoded() takes it
};

// Decodes a transaction (zab-and-disk.md 5.2) of the header's `type`.  Takes
// the record off the front of *record, so that what is left may be a digest,
// and replaces *operations:
//
// - one operation for an ordinary transaction;
// - those of a multi, or only errors when one of them is an error;
// - the deletions that a closeSession lists.
//
// False when *record is not well-formed, or of an unknown type.
[[nodiscard]] bool DecodeTxn(int32_t type, std::string_view* record,
                             std::vector<Operation>* operations);

// The digest of the tree that a transaction says to leave behind; `rest` is
// what follows its record.  Nullopt where there is none, or one of a version
// that is not computed here.
std::optional<uint64_t> DecodeTxnDigest(std::string_view rest);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_OPERATION_H_
