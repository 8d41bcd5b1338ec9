#include "replica/multi.h"

#include <utility>

namespace paddock::replica {
namespace {

using jute::OpCode;

constexpr int32_t kFlagContainer = 4;
constexpr int32_t kFlagTtl = 5;
constexpr int32_t kFlagSequentialTtl = 6;

template <class Request>
bool ReadSubOp(jute::InputArchive& in, OpCode type, SubOp* sub) {
  Request request;
  if (!jute::Read(in, &request)) {
    return false;
  }
  sub->type = type;
  sub->request = std::move(request);
  return true;
}

// Whether the ACL list of the create that comes next is null.
bool HasNullAcl(jute::InputArchive in) {
  in.ReadString();
  in.ReadString();
  return in.ReadInt() == -1 && in.ok();
}

bool ReadCreate(jute::InputArchive& in, OpCode type, SubOp* sub,
                bool* has_null_acl) {
  const bool null_acl = HasNullAcl(in);
  jute::CreateRequest request;
  if (!jute::Read(in, &request) || request.flags < 0 ||
      request.flags >= kFlagTtl) {
    return false;
  }
  *has_null_acl = null_acl;
  sub->type = request.flags == kFlagContainer ? OpCode::kCreateContainer : type;
  sub->request = std::move(request);
  return true;
}

// A TTL create without a TTL flag is an ordinary one.
bool ReadCreateTtl(jute::InputArchive& in, SubOp* sub) {
  jute::CreateTTLRequest request;
  if (!jute::Read(in, &request)) {
    return false;
  }
  if (request.flags == kFlagTtl || request.flags == kFlagSequentialTtl) {
    sub->type = OpCode::kCreateTtl;
    sub->request = std::move(request);
    return true;
  }
  sub->type = request.flags == kFlagContainer ? OpCode::kCreateContainer
                                              : OpCode::kCreate;
  sub->request = jute::CreateRequest{request.path, request.data,
                                     std::move(request.acl), request.flags};
  return true;
}

bool ReadOne(jute::InputArchive& in, OpCode type, SubOp* sub,
             bool* has_null_acl) {
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
      return ReadCreate(in, type, sub, has_null_acl);
    case OpCode::kCreateTtl:
      return ReadCreateTtl(in, sub);
    case OpCode::kDelete:
      return ReadSubOp<jute::DeleteRequest>(in, type, sub);
    case OpCode::kSetData:
      return ReadSubOp<jute::SetDataRequest>(in, type, sub);
    case OpCode::kCheck:
      return ReadSubOp<jute::CheckVersionRequest>(in, type, sub);
    case OpCode::kGetData:
      return ReadSubOp<jute::GetDataRequest>(in, type, sub);
    case OpCode::kGetChildren:
      return ReadSubOp<jute::GetChildrenRequest>(in, type, sub);
    default:
      return false;
  }
}

bool HasNullPath(const SubOp& sub) {
  return std::visit(
      [](const auto& request) { return jute::IsNull(request.path); },
      sub.request);
}

}  // namespace

std::optional<MultiRequest> DecodeMulti(std::string_view body,
                                        bool* has_null_acl) {
  jute::InputArchive in(body);
  MultiRequest multi;
  bool has_null_path = false;  // Found out when all else can be decoded
  while (true) {
    jute::MultiHeader header;
    if (!jute::Read(in, &header)) {
      return std::nullopt;
    }
    if (header.done) {
      return has_null_path ? std::nullopt : std::optional(std::move(multi));
    }
    SubOp sub;
    if (!ReadOne(in, static_cast<OpCode>(header.type), &sub, has_null_acl) ||
        *has_null_acl) {
      return std::nullopt;
    }
    const bool is_read =
        sub.type == OpCode::kGetData || sub.type == OpCode::kGetChildren;
    const MultiKind kind = is_read ? MultiKind::kRead : MultiKind::kWrite;
    if (multi.kind != MultiKind::kEmpty && multi.kind != kind) {
      return std::nullopt;
    }
    multi.kind = kind;
    has_null_path |= HasNullPath(sub);
    multi.ops.push_back(std::move(sub));
  }
}

}  // namespace paddock::replica
