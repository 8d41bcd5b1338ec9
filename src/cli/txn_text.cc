#include "cli/txn_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "cli/json.h"
#include "cli/text.h"
#include "jute/archive.h"
#include "paddock/error.h"
#include "tree/path.h"

namespace paddock::cli {
namespace {

using jute::OpCode;
using tree::Operation;

bool IsCreate(OpCode type) {
  return type == OpCode::kCreate || type == OpCode::kCreate2 ||
         type == OpCode::kCreateContainer || type == OpCode::kCreateTtl;
}

bool HasData(OpCode type) {
  return IsCreate(type) || type == OpCode::kSetData ||
         type == OpCode::kReconfig;
}

bool HasVersion(OpCode type) {
  return type == OpCode::kSetData || type == OpCode::kSetAcl ||
         type == OpCode::kCheck || type == OpCode::kReconfig;
}

// Whether the operation stands for the transaction, and is not a part of it.
bool IsAlone(const TxnView& txn) {
  return txn.header.type != static_cast<int32_t>(OpCode::kMulti) &&
         txn.header.type != static_cast<int32_t>(OpCode::kCloseSession);
}

std::vector<jute::ACL> Acls(const Operation& op) {
  jute::InputArchive in(op.acl);
  std::vector<jute::ACL> acls(in.ReadCount(12));
  for (jute::ACL& acl : acls) {
    jute::Read(in, &acl);
  }
  return acls;
}

std::string OperationText(const Operation& op,
                          std::optional<size_t> data_bytes_max) {
  std::string text = OperationName(op.type);
  if (op.type == OpCode::kError) {
    return fmt::format("{} {}", text, ErrorName(op.error));
  }
  if (!jute::IsNull(op.path)) {
    text += " " + PathText(op.path);
  }
  if (op.ephemeral) {
    text += " ephemeral";
  }
  if (op.type == OpCode::kCreateTtl) {
    text += fmt::format(" ttl {} ms", op.ttl);
  }
  if (HasVersion(op.type)) {
    text += fmt::format(" version {}", op.version);
  }
  if (op.type == OpCode::kSetAcl) {
    text += " acl " + PathText(AclText(Acls(op)));
  }
  if (HasData(op.type)) {
    text += " " + Count(static_cast<int64_t>(op.data.size()), "byte");
    if (data_bytes_max) {
      text += " " + DataText(op.data, *data_bytes_max);
    }
  }
  return text;
}

void AddData(std::string_view data, size_t bytes_max, JsonObject* object) {
  if (data.size() > bytes_max) {
    object->Bool("data_cut", true);
    data = data.substr(0, bytes_max);
  }
  if (IsPrintable(data)) {
    object->Text("data", data);
  } else {
    object->Text("data_hex", HexDigits(data));
  }
}

std::string OperationJson(const Operation& op,
                          std::optional<size_t> data_bytes_max) {
  JsonObject object;
  object.Text("type", OperationName(op.type));
  if (op.type == OpCode::kError) {
    object.Text("error", ErrorName(op.error));
    return object.Json();
  }
  if (!jute::IsNull(op.path)) {
    object.Text("path", op.path);
  }
  if (op.ephemeral) {
    object.Bool("ephemeral", true);
  }
  if (op.type == OpCode::kCreateTtl) {
    object.Number("ttl", op.ttl);
  }
  if (HasVersion(op.type)) {
    object.Number("version", op.version);
  }
  if (!op.acl.empty()) {
    object.Text("acl", AclText(Acls(op)));
  }
  if (HasData(op.type)) {
    object.Number("size", static_cast<int64_t>(op.data.size()));
    if (data_bytes_max) {
      AddData(op.data, *data_bytes_max, &object);
    }
  }
  return object.Json();
}

}  // namespace

TxnView DecodePayload(std::string_view payload) {
  TxnView txn;
  jute::InputArchive in(payload);
  CHECK(jute::Read(in, &txn.header)) << "a record without a header";
  std::string_view record = payload.substr(payload.size() - in.remaining());
  if (txn.header.type == static_cast<int32_t>(OpCode::kCreateSession)) {
    jute::CreateSessionTxn create;
    if (jute::Read(record, &create)) {
      txn.session_timeout = create.timeOut;
    }
  }
  txn.is_whole = tree::DecodeTxn(txn.header.type, &record, &txn.operations);
  if (!txn.is_whole) {
    txn.operations.clear();
  }
  return txn;
}

bool TxnFilter::Selects(const TxnView& txn) const {
  const auto zxid = static_cast<uint64_t>(txn.header.zxid);
  if (zxid < from_zxid || zxid > to_zxid || txn.header.time < since_ms ||
      txn.header.time > until_ms ||
      (session && txn.header.clientId != *session)) {
    return false;
  }
  return path.empty() ||
         std::any_of(txn.operations.begin(), txn.operations.end(),
                     [this](const Operation& op) {
                       return tree::IsAtOrBelow(op.path, path);
                     });
}

std::string OperationName(OpCode type) {
  switch (type) {
    case OpCode::kCreate:
      return "create";
    case OpCode::kCreate2:
      return "create2";
    case OpCode::kCreateContainer:
      return "createContainer";
    case OpCode::kCreateTtl:
      return "createTTL";
    case OpCode::kDelete:
      return "delete";
    case OpCode::kDeleteContainer:
      return "deleteContainer";
    case OpCode::kSetData:
      return "setData";
    case OpCode::kSetAcl:
      return "setACL";
    case OpCode::kCheck:
      return "check";
    case OpCode::kReconfig:
      return "reconfig";
    case OpCode::kMulti:
      return "multi";
    case OpCode::kCreateSession:
      return "createSession";
    case OpCode::kCloseSession:
      return "closeSession";
    case OpCode::kError:
      return "error";
    default:
      return fmt::format("type {}", static_cast<int32_t>(type));
  }
}

std::string TxnLine(const TxnView& txn, std::optional<size_t> data_bytes_max) {
  const jute::TxnHeader& header = txn.header;
  std::string line =
      fmt::format("{} {} session {} cxid {} ", Hex(header.zxid),
                  UtcTime(header.time), Hex(header.clientId), header.cxid);
  if (txn.is_whole && IsAlone(txn)) {
    line += OperationText(txn.operations.front(), data_bytes_max);
  } else {
    line += OperationName(OpCode{header.type});
    const char* separator = ": ";
    for (const Operation& op : txn.operations) {
      line += separator + OperationText(op, data_bytes_max);
      separator = "; ";
    }
  }
  if (txn.session_timeout) {
    line += fmt::format(" timeout {} ms", *txn.session_timeout);
  }
  return txn.is_whole ? line : line + " CANNOT BE DECODED";
}

std::string TxnJson(const TxnView& txn, const std::string& file, int64_t offset,
                    std::optional<size_t> data_bytes_max) {
  std::vector<std::string> operations;
  for (const Operation& op : txn.operations) {
    if (op.type != OpCode::kCreateSession) {
      operations.push_back(OperationJson(op, data_bytes_max));
    }
  }
  JsonObject object;
  object.Text("zxid", Hex(txn.header.zxid))
      .Text("time", UtcTime(txn.header.time))
      .Text("session", Hex(txn.header.clientId))
      .Number("cxid", txn.header.cxid)
      .Text("type", OperationName(OpCode{txn.header.type}))
      .Raw("operations", JsonArray(operations));
  if (txn.session_timeout) {
    object.Number("timeout", *txn.session_timeout);
  }
  if (!txn.is_whole) {
    object.Bool("decoded", false);
  }
  return object.Text("file", file).Number("offset", offset).Json();
}

}  // namespace paddock::cli
