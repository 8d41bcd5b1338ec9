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
  if (!jute::Read(in, &request) || jute::IsNull(request.path)) {
    return false;
  }
  sub->type = type;
  sub->request = std::move(request);
  return true;
}

bool ReadCreate(jute::InputArchive& in, OpCode type, SubOp* sub) {
  jute::CreateRequest request;
  if (!jute::Read(in, &request) || jute::IsNull(request.path) ||
      request.flags < 0 || request.flags >= kFlagTtl) {
    return false;
  }
  sub->type = request.flags == kFlagContainer ? OpCode::kCreateContainer : type;
  sub->request = std::move(request);
  return true;
}

// A TTL create without a TTL flag is an ordinary one.
bool ReadCreateTtl(jute::InputArchive& in, SubOp* sub) {
  jute::CreateTTLRequest request;
  if (!jute::Read(in, &request) || jute::IsNull(request.path)) {
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

bool ReadOne(jute::InputArchive& in, OpCode type, SubOp* sub) {
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
      return ReadCreate(in, type, sub);
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

}  // namespace

std::optional<MultiRequest> DecodeMulti(std::string_view body) {
  jute::InputArchive in(body);
  MultiRequest multi;
  while (true) {
    jute::MultiHeader header;
    if (!jute::Read(in, &header)) {
      return std::nullopt;
    }
    if (header.done) {
      return multi;
    }
    SubOp sub;
    if (!ReadOne(in, static_cast<OpCode>(header.type), &sub)) {
      return std::nullopt;
    }
    const bool is_read =
        sub.type == OpCode::kGetData || sub.type == OpCode::kGetChildren;
    const MultiKind kind = is_read ? MultiKind::kRead : MultiKind::kWrite;
    if (multi.kind != MultiKind::kEmpty && multi.kind != kind) {
      return std::nullopt;
    }
    multi.kind = kind;
    multi.ops.push_back(std::move(sub));
  }
}

}  // namespace paddock::replica
