#include "tree/operation.h"

#include "jute/archive.h"
#include "jute/txn.h"
#include "tree/digest.h"

namespace paddock::tree {

namespace {

using jute::OpCode;

constexpr int64_t kTtlMax = 0xff'ffff'ffff;  // ms; client-protocol.md 7
constexpr size_t kAclBytesMin = 12;          // perms and two lengths
constexpr size_t kTxnDigestBytes = 12;

constexpr std::string_view kEmptyAclVector("\0\0\0\0", 4);

// Passes over a vector of ACLs and returns its bytes.
std::string_view ReadAclVector(std::string_view record,
                               jute::InputArchive& in) {
  const size_t start = record.size() - in.remaining();
  const size_t count = in.ReadCount(kAclBytesMin);
  for (size_t i = 0; i < count; ++i) {
    in.ReadInt();
    in.ReadString();
    in.ReadString();
  }
  if (count == 0) {
    return kEmptyAclVector;  // Null was the same
  }
  return record.substr(start, record.size() - in.remaining() - start);
}

// In the functions below, what they decode is taken off the front of *record.

void DropAllBut(size_t remaining, std::string_view* record) {
  record->remove_prefix(record->size() - remaining);
}

bool DecodeCreate(std::string_view* record, Operation* op) {
  jute::InputArchive in(*record);
  op->path = in.ReadString();
  op->data = in.ReadString();
  op->acl = ReadAclVector(*record, in);
  if (op->type == OpCode::kCreate || op->type == OpCode::kCreate2) {
    op->ephemeral = in.ReadBool();
    if (in.ok() && in.remaining() == 0) {
      op->version = -1;  // As releases before 3.3 wrote it
      record->remove_prefix(record->size());
      return true;
    }
  }
  op->version = in.ReadInt();
  if (op->type == OpCode::kCreateTtl) {
    op->ttl = in.ReadLong();
    if (op->ttl < 1 || op->ttl > kTtlMax) {
      return false;
    }
  }
  DropAllBut(in.remaining(), record);
  return in.ok();
}

// Decodes all that can stand alone as well as inside a multi.
bool DecodeOne(std::string_view* record, Operation* op) {
  jute::InputArchive in(*record);
  switch (op->type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return DecodeCreate(record, op);
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      op->path = in.ReadString();
      break;
    case OpCode::kSetData:
      op->path = in.ReadString();
      op->data = in.ReadString();
      op->version = in.ReadInt();
      break;
    case OpCode::kError:
      op->error = Error{in.ReadInt()};
      break;
    default:
      return false;
  }
  DropAllBut(in.remaining(), record);
  return in.ok();
}

bool DecodeSetAcl(std::string_view* record, Operation* op) {
  jute::InputArchive in(*record);
  op->path = in.ReadString();
  op->acl = ReadAclVector(*record, in);
  op->version = in.ReadInt();
  DropAllBut(in.remaining(), record);
  return in.ok();
}

// An operation of a multi of which no operation failed.
bool DecodePart(std::string_view record, Operation* op) {
  if (op->type == OpCode::kCheck) {
    jute::InputArchive in(record);
    op->path = in.ReadString();
    op->version = in.ReadInt();
    return in.ok();
  }
  return DecodeOne(&record, op);
}

// In a multi that failed, all operations are errors: those before the one that
// failed did not happen, those after it were not tried.
bool DecodeFailedParts(std::string_view* record,
                       std::vector<Operation>* operations) {
  jute::InputArchive in(*record);
  const size_t count = in.ReadCount(8);
  bool failed = false;
  for (size_t i = 0; i < count; ++i) {
    const auto type = OpCode{in.ReadInt()};
    std::string_view part = in.ReadString();
    Operation op;
    op.error = failed ? Error::kRuntimeInconsistency : Error::kOk;
    if (type == OpCode::kError) {
      failed = true;
      if (!DecodeOne(&part, &op)) {
        return false;
      }
    }
    operations->push_back(op);
  }
  DropAllBut(in.remaining(), record);
  return in.ok();
}

bool DecodeMulti(std::string_view* record, std::vector<Operation>* operations) {
  jute::InputArchive in(*record);
  const size_t count = in.ReadCount(8);
  for (size_t i = 0; i < count; ++i) {
    Operation op;
    op.type = OpCode{in.ReadInt()};
    const std::string_view part = in.ReadString();
    if (op.type == OpCode::kError) {
      operations->clear();
      return DecodeFailedParts(record, operations);
    }
    if (!in.ok() || !DecodePart(part, &op)) {
      return false;
    }
    operations->push_back(op);
  }
  DropAllBut(in.remaining(), record);
  return in.ok();
}

bool DecodeCloseSession(std::string_view* record,
                        std::vector<Operation>* operations) {
  jute::InputArchive in(*record);
  if (record->empty()) {
    return true;  // As releases before 3.6 wrote it
  }
  if (record->size() == kTxnDigestBytes &&
      jute::InputArchive(*record).ReadInt() == kDigestVersion) {
    return true;  // No record, only a digest; no two paths fit 8 bytes
  }
  const size_t count = in.ReadCount(4);
  for (size_t i = 0; i < count; ++i) {
    Operation op;
    op.type = OpCode::kDelete;
    op.path = in.ReadString();
    operations->push_back(op);
  }
  DropAllBut(in.remaining(), record);
  return in.ok();
}

}  // namespace

bool DecodeTxn(int32_t type, std::string_view* record,
               std::vector<Operation>* operations) {
  operations->clear();
  const auto code = OpCode{type};
  if (code == OpCode::kMulti) {
    return DecodeMulti(record, operations);
  }
  if (code == OpCode::kCloseSession) {
    return DecodeCloseSession(record, operations);
  }
  Operation& op = operations->emplace_back();
  op.type = code;
  if (code == OpCode::kReconfig) {
    op.type = OpCode::kSetData;
    const bool decoded = DecodeOne(record, &op);
    op.type = code;
    return decoded;
  }
  if (code == OpCode::kSetAcl) {
    return DecodeSetAcl(record, &op);
  }
  if (code == OpCode::kCreateSession) {
    jute::InputArchive in(*record);
    in.ReadInt();  // The time-out
    DropAllBut(in.remaining(), record);
    return in.ok();
  }
  return DecodeOne(record, &op);
}

std::optional<uint64_t> DecodeTxnDigest(std::string_view rest) {
  jute::TxnDigest digest;
  if (!jute::Read(rest, &digest) || digest.version != kDigestVersion) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(digest.treeDigest);
}

}  // namespace paddock::tree
