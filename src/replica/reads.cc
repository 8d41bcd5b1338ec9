#include "replica/reads.h"

#include <utility>

#include "base/check.h"
#include "jute/proto.h"
#include "replica/multi.h"

namespace paddock::replica {
namespace {

using tree::EventType;
using tree::WatchKind;
using tree::Znode;

bool Permits(const Reader& reader, const Znode& node, int32_t perms) {
  return reader.skip_acl ||
         tree::Permits(node.acl().entries(), perms, reader.identities);
}

// The empty path is a second name of the root, as in the Java server.
const Znode* Find(const Reader& reader, std::string_view path) {
  return reader.tree.Find(path.empty() ? "/" : path);
}

// Finds a node that the reader may read.
Error FindReadable(const Reader& reader, std::string_view path, int32_t perms,
                   const Znode** node) {
  if (jute::IsNull(path)) {
    return Error::kMarshallingError;
  }
  *node = Find(reader, path);
  if (*node == nullptr) {
    return Error::kNoNode;
  }
  return Permits(reader, **node, perms) ? Error::kOk : Error::kNoAuth;
}

// Where watches of the null path are; it is not the empty one.
std::string_view WatchedPath(std::string_view path) {
  return jute::IsNull(path) ? "null" : path;
}

void Watch(const Reader& reader, std::string_view path, WatchKind kind) {
  reader.watches.Add(WatchedPath(path), reader.connection, kind);
}

std::vector<std::string_view> Children(const Znode& node) {
  std::vector<std::string_view> names;
  names.reserve(static_cast<size_t>(node.num_children()));
  for (const Znode* child = node.first_child(); child != nullptr;
       child = child->next_sibling()) {
    names.push_back(child->name());
  }
  return names;
}

void WriteMultiHeader(int32_t type, bool done, int32_t err,
                      std::string* reply) {
  jute::Write(jute::MultiHeader{.type = type, .done = done, .err = err}, reply);
}

// The missed event that a re-registered one-shot watch has to deliver, if any;
// otherwise the watch is registered again.
void Restore(const Reader& reader, std::string_view path, WatchKind kind,
             std::optional<EventType> missed) {
  if (missed) {
    reader.missed->push_back({*missed, path});
  } else {
    Watch(reader, path, kind);
  }
}

Error SetAllWatches(const Reader& reader, const jute::SetWatches2& request) {
  const int64_t seen = request.relativeZxid;
  for (const std::string_view path : request.dataWatches) {
    if (jute::IsNull(path)) {
      return Error::kMarshallingError;
    }
    const Znode* node = Find(reader, path);
    std::optional<EventType> missed;
    if (node == nullptr) {
      missed = EventType::kNodeDeleted;
    } else if (node->stat().mzxid > seen) {
      missed = EventType::kNodeDataChanged;
    }
    Restore(reader, path, WatchKind::kData, missed);
  }
  for (const std::string_view path : request.existWatches) {
    if (jute::IsNull(path)) {
      return Error::kMarshallingError;
    }
    std::optional<EventType> missed;
    if (Find(reader, path) != nullptr) {
      missed = EventType::kNodeCreated;
    }
    Restore(reader, path, WatchKind::kData, missed);
  }
  for (const std::string_view path : request.childWatches) {
    if (jute::IsNull(path)) {
      return Error::kMarshallingError;
    }
    const Znode* node = Find(reader, path);
    std::optional<EventType> missed;
    if (node == nullptr) {
      missed = EventType::kNodeDeleted;
    } else if (node->stat().pzxid > seen) {
      missed = EventType::kNodeChildrenChanged;
    }
    Restore(reader, path, WatchKind::kChild, missed);
  }
  for (const std::string_view path : request.persistentWatches) {
    Watch(reader, path, WatchKind::kPersistent);
  }
  for (const std::string_view path : request.persistentRecursiveWatches) {
    Watch(reader, path, WatchKind::kRecursive);
  }
  return Error::kOk;
}

// WatcherType of checkWatches and removeWatches (4.7); nullopt is "any".
bool ToWatchKind(int32_t type, std::optional<WatchKind>* kind) {
  switch (type) {
    case 1:
      *kind = WatchKind::kChild;
      return true;
    case 2:
      *kind = WatchKind::kData;
      return true;
    case 3:
      *kind = std::nullopt;
      return true;
    case 4:
      *kind = WatchKind::kPersistent;
      return true;
    case 5:
      *kind = WatchKind::kRecursive;
      return true;
    default:
      return false;
  }
}

}  // namespace

size_t EstimateReply(jute::OpCode code, std::string_view body,
                     absl::FunctionRef<NodeSize(std::string_view path)> size) {
  constexpr size_t kSmallReplyBytes = 100;
  constexpr size_t kChildBytes = 32;
  jute::GetDataRequest get;
  jute::GetChildrenRequest list;
  switch (code) {
    case jute::OpCode::kGetData:
      return kSmallReplyBytes +
             (jute::Read(body, &get) ? size(get.path).data_bytes : 0);
    case jute::OpCode::kGetChildren:
    case jute::OpCode::kGetChildren2:
      return kSmallReplyBytes + (jute::Read(body, &list)
                                     ? kChildBytes * size(list.path).children
                                     : 0);
    case jute::OpCode::kMultiRead:
      break;
    default:
      return kSmallReplyBytes;
  }
  bool has_null_acl = false;
  const auto multi = DecodeMulti(body, &has_null_acl);
  size_t bytes = kSmallReplyBytes;
  for (size_t i = 0; multi && i < multi->ops.size(); ++i) {
    const auto& request = multi->ops[i].request;
    bytes += kSmallReplyBytes;
    if (const auto* one = std::get_if<jute::GetDataRequest>(&request)) {
      bytes += size(one->path).data_bytes;
    } else if (const auto* all =
                   std::get_if<jute::GetChildrenRequest>(&request)) {
      bytes += kChildBytes * size(all->path).children;
    }
  }
  return bytes;
}

Error Exists(const Reader& reader, std::string_view body, std::string* reply) {
  jute::ExistsRequest request;
  if (!jute::Read(body, &request) || jute::IsNull(request.path)) {
    return Error::kMarshallingError;
  }
  if (request.path.find('\0') != std::string_view::npos) {
    return Error::kBadArguments;
  }
  const Znode* node = Find(reader, request.path);
  if (node != nullptr && !Permits(reader, *node, jute::kPermRead)) {
    return Error::kNoAuth;
  }
  if (request.watch) {
    Watch(reader, request.path, WatchKind::kData);
  }
  if (node == nullptr) {
    return Error::kNoNode;
  }
  jute::Write(jute::ExistsResponse{reader.tree.StatOf(*node)}, reply);
  return Error::kOk;
}

Error GetData(const Reader& reader, std::string_view body, std::string* reply) {
  jute::GetDataRequest request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  const Znode* node;
  const Error error =
      FindReadable(reader, request.path, jute::kPermRead, &node);
  if (error != Error::kOk) {
    return error;
  }
  if (request.watch) {
    Watch(reader, request.path, WatchKind::kData);
  }
  jute::Write(jute::GetDataResponse{node->data(), reader.tree.StatOf(*node)},
              reply);
  return Error::kOk;
}

Error GetAcl(const Reader& reader, std::string_view body, std::string* reply) {
  jute::GetACLRequest request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  const Znode* node;
  const Error error = FindReadable(reader, request.path,
                                   jute::kPermRead | jute::kPermAdmin, &node);
  if (error != Error::kOk) {
    return error;
  }
  jute::GetACLResponse response{node->acl().entries(),
                                reader.tree.StatOf(*node)};
  std::vector<std::string> redacted;
  if (!Permits(reader, *node, jute::kPermAdmin)) {
    redacted.reserve(response.acl.size());
    for (jute::ACL& entry : response.acl) {
      redacted.push_back(tree::RedactedId(entry));
      entry.id.id = redacted.back();
    }
  }
  jute::Write(response, reply);
  return Error::kOk;
}

Error GetChildren(const Reader& reader, std::string_view body,
                  std::string* reply) {
  jute::GetChildrenRequest request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  const Znode* node;
  const Error error =
      FindReadable(reader, request.path, jute::kPermRead, &node);
  if (error != Error::kOk) {
    return error;
  }
  if (request.watch) {
    Watch(reader, request.path, WatchKind::kChild);
  }
  jute::Write(jute::GetChildrenResponse{Children(*node)}, reply);
  return Error::kOk;
}

Error GetChildren2(const Reader& reader, std::string_view body,
                   std::string* reply) {
  const Error error = GetChildren(reader, body, reply);
  if (error != Error::kOk) {
    return error;
  }
  jute::GetChildrenRequest request;
  CHECK(jute::Read(body, &request));
  jute::Write(reader.tree.StatOf(*Find(reader, request.path)), reply);
  return Error::kOk;
}

Error GetAllChildrenNumber(const Reader& reader, std::string_view body,
                           std::string* reply) {
  jute::GetAllChildrenNumberRequest request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  const Znode* node;
  const Error error =
      FindReadable(reader, request.path, jute::kPermRead, &node);
  if (error != Error::kOk) {
    return error;
  }
  const int64_t number = reader.tree.CountDescendants(*node);
  jute::Write(jute::GetAllChildrenNumberResponse{static_cast<int32_t>(number)},
              reply);
  return Error::kOk;
}

Error GetEphemerals(const Reader& reader, std::string_view body,
                    std::string* reply) {
  jute::GetEphemeralsRequest request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  // A blank prefix and the root select all; any other is a plain prefix.
  std::string_view prefix = request.prefixPath;
  // Java's trim() takes all control characters for blanks.
  std::string_view trimmed = prefix;
  while (!trimmed.empty() && static_cast<uint8_t>(trimmed.front()) <= ' ') {
    trimmed.remove_prefix(1);
  }
  while (!trimmed.empty() && static_cast<uint8_t>(trimmed.back()) <= ' ') {
    trimmed.remove_suffix(1);
  }
  if (trimmed.empty() || trimmed == "/") {
    prefix = "";
  }
  jute::GetEphemeralsResponse response;
  if (const auto* nodes = reader.tree.EphemeralsOf(reader.session)) {
    for (const Znode* node : *nodes) {
      if (node->path().starts_with(prefix)) {
        response.ephemerals.push_back(node->path());
      }
    }
  }
  jute::Write(response, reply);
  return Error::kOk;
}

Error WhoAmI(const Reader& reader, std::string_view, std::string* reply) {
  std::vector<std::string> names;
  names.reserve(reader.identities.size());
  jute::WhoAmIResponse response;
  for (const tree::Identity& identity : reader.identities) {
    names.push_back(tree::DisplayName(identity));
    response.clientInfo.push_back({identity.scheme, names.back()});
  }
  jute::Write(response, reply);
  return Error::kOk;
}

Error Sync(const Reader&, std::string_view body, std::string* reply) {
  jute::SyncRequest request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  jute::Write(jute::SyncResponse{request.path}, reply);
  return Error::kOk;
}

Error MultiRead(const Reader& reader, std::string_view body,
                std::string* reply) {
  bool has_null_acl = false;  // Of a create: no operation of this one
  const auto multi = DecodeMulti(body, &has_null_acl);
  if (!multi || multi->kind == MultiKind::kWrite) {
    return Error::kMarshallingError;
  }
  const size_t start = reply->size();
  for (const SubOp& sub : multi->ops) {
    if (reply->size() - start > reader.multi_read_bytes_max) {
      return Error::kMarshallingError;  // A small request, and gigabytes
    }
    const auto* get = std::get_if<jute::GetDataRequest>(&sub.request);
    const auto* list = std::get_if<jute::GetChildrenRequest>(&sub.request);
    const Znode* node;
    const Error error =
        FindReadable(reader, get != nullptr ? get->path : list->path,
                     jute::kPermRead, &node);
    if (error != Error::kOk) {
      const auto code = static_cast<int32_t>(error);
      WriteMultiHeader(-1, false, code, reply);
      jute::Write(jute::ErrorResponse{code}, reply);
      continue;
    }
    WriteMultiHeader(static_cast<int32_t>(sub.type), false, 0, reply);
    if (get != nullptr) {
      jute::Write(
          jute::GetDataResponse{node->data(), reader.tree.StatOf(*node)},
          reply);
    } else {
      jute::Write(jute::GetChildrenResponse{Children(*node)}, reply);
    }
  }
  WriteMultiHeader(-1, true, -1, reply);
  return Error::kOk;
}

Error SetWatches(const Reader& reader, std::string_view body, std::string*) {
  jute::SetWatches request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  jute::SetWatches2 all;
  all.relativeZxid = request.relativeZxid;
  all.dataWatches = std::move(request.dataWatches);
  all.existWatches = std::move(request.existWatches);
  all.childWatches = std::move(request.childWatches);
  return SetAllWatches(reader, all);
}

Error SetWatches2(const Reader& reader, std::string_view body, std::string*) {
  jute::SetWatches2 request;
  if (!jute::Read(body, &request)) {
    return Error::kMarshallingError;
  }
  return SetAllWatches(reader, request);
}

Error AddWatch(const Reader& reader, std::string_view body,
               std::string* reply) {
  jute::AddWatchRequest request;
  if (!jute::Read(body, &request) || (request.mode != 0 && request.mode != 1)) {
    return Error::kMarshallingError;
  }
  Watch(reader, request.path,
        request.mode == 0 ? WatchKind::kPersistent : WatchKind::kRecursive);
  jute::Write(jute::ErrorResponse{0}, reply);
  return Error::kOk;
}

Error CheckWatches(const Reader& reader, std::string_view body, std::string*) {
  jute::CheckWatchesRequest request;
  std::optional<WatchKind> kind;
  if (!jute::Read(body, &request) || !ToWatchKind(request.type, &kind)) {
    return Error::kMarshallingError;
  }
  const std::string_view path = WatchedPath(request.path);
  const bool found = kind ? reader.watches.Has(path, reader.connection, *kind)
                          : reader.watches.HasAny(path, reader.connection);
  return found ? Error::kOk : Error::kNoWatcher;
}

Error RemoveWatches(const Reader& reader, std::string_view body, std::string*) {
  jute::RemoveWatchesRequest request;
  std::optional<WatchKind> kind;
  if (!jute::Read(body, &request) || !ToWatchKind(request.type, &kind)) {
    return Error::kMarshallingError;
  }
  const std::string_view path = WatchedPath(request.path);
  const bool removed =
      kind ? reader.watches.Remove(path, reader.connection, *kind)
           : reader.watches.RemoveAny(path, reader.connection);
  return removed ? Error::kOk : Error::kNoWatcher;
}

}  // namespace paddock::replica
