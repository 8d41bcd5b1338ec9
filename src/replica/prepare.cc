#include "replica/prepare.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "fmt/format.h"
#include "replica/metrics.h"
#include "replica/multi.h"
#include "tree/digest.h"
#include "tree/path.h"

namespace paddock::replica {
namespace {

using jute::OpCode;

constexpr int64_t kContainerOwner = std::numeric_limits<int64_t>::min();
constexpr uint64_t kTtlOwnerMark = 0xff00000000000000;
constexpr int64_t kTtlMsMax = 0xffffffffff;
constexpr size_t kTxnHeaderBytes = 32;
constexpr size_t kNoticesMax = 16;
constexpr size_t kAclEntryBytesMin = 12;

// A closeSession that would list more than this lists nothing: members delete
// what the session owns all the same, and none reads a record over 2 MB.
constexpr size_t kClosePathBytesMax = 1 << 20;

// A few bytes of request, with the scheme "auth", stand for all identities of
// their sender.  A transaction that gets longer by more than this is refused:
// others would have to wait for gigabytes to be logged.
constexpr size_t kAclGrowthMax = 2 << 20;

// CreateRequest.flags (client-protocol.md 3.2).
bool IsKnownFlags(int32_t flags) { return flags >= 0 && flags <= 6; }
bool IsEphemeral(int32_t flags) { return flags == 1 || flags == 3; }
bool IsSequential(int32_t flags) {
  return flags == 2 || flags == 3 || flags == 6;
}
bool IsTtl(int32_t flags) { return flags == 5 || flags == 6; }

bool HasNul(std::string_view path) {
  return path.find('\0') != std::string_view::npos;
}

// The text before the last slash, "/" standing for an empty one; nullopt for
// a path without a slash or with a NUL.
std::optional<std::string_view> ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || HasNul(path)) {
    return std::nullopt;
  }
  return slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

bool IsUndeletable(std::string_view path) {
  return path == "/" || path == tree::kZooKeeperPath ||
         path == tree::kQuotaPath || path == tree::kConfigPath;
}

int32_t WrappingIncrement(int32_t value) {
  return static_cast<int32_t>(static_cast<uint32_t>(value) + 1);
}

// The version after a change of a node at `version`, when `expected` allows
// it.  Never -1, which means "any" to clients.
std::optional<int32_t> NextVersion(int32_t version, int32_t expected) {
  if (expected != -1 && expected != version) {
    return std::nullopt;
  }
  const int32_t next = WrappingIncrement(version);
  return next == -1 ? 0 : next;
}

}  // namespace

bool DecodesWrite(OpCode op, std::string_view body) {
  const auto decodes = [&](auto request) { return jute::Read(body, &request); };
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
      return decodes(jute::CreateRequest());
    case OpCode::kCreateTtl:
      return decodes(jute::CreateTTLRequest());
    case OpCode::kDelete:
      return decodes(jute::DeleteRequest());
    case OpCode::kDeleteContainer: {
      jute::DeleteContainerRequest request;
      return jute::Read(body, &request) && !jute::IsNull(request.path);
    }
    case OpCode::kSetData:
      return decodes(jute::SetDataRequest());
    case OpCode::kSetAcl:
      return decodes(jute::SetACLRequest());
    case OpCode::kReconfig:
      return decodes(jute::ReconfigRequest());
    case OpCode::kMulti: {
      bool has_null_acl = false;
      return DecodeMulti(body, &has_null_acl).has_value();
    }
    default:
      CHECK(false) << "not a write: " << static_cast<int32_t>(op);
  }
  return false;
}

Preparer::Preparer(const Options& options, const tree::DataTree& tree,
                   ServerStats* stats)
    : options_(options),
      tree_(tree),
      stats_(stats),
      changes_(tree, options.tree.digest) {}

std::optional<std::string> Preparer::Prepare(const Caller& caller, OpCode op,
                                             std::string_view body) {
  std::string bytes;
  BeginTxn(caller, &bytes);
  const std::optional<Error> error = PrepareBody(op, body, &bytes);
  if (!error) {
    return std::nullopt;
  }
  return Finish(op, *error, std::move(bytes));
}

std::string Preparer::CreateSession(const Caller& caller, int32_t timeout_ms) {
  std::string bytes;
  BeginTxn(caller, &bytes);
  jute::Write(jute::CreateSessionTxn{.timeOut = timeout_ms}, &bytes);
  return Finish(OpCode::kCreateSession, Error::kOk, std::move(bytes));
}

std::string Preparer::CloseSession(const Caller& caller) {
  std::string bytes;
  BeginTxn(caller, &bytes);
  const absl::btree_set<std::string_view> paths =
      changes_.EphemeralsOf(caller.session);
  jute::CloseSessionTxn txn;
  size_t bytes_listed = 0;
  for (const std::string_view path : paths) {
    bytes_listed += path.size() + sizeof(int32_t);
  }
  if (bytes_listed <= kClosePathBytesMax) {
    txn.paths2Delete.assign(paths.begin(), paths.end());
  }
  jute::Write(txn, &bytes);
  for (const std::string_view path : paths) {
    changes_.Delete(caller_.zxid, path);
  }
  return Finish(OpCode::kCloseSession, Error::kOk, std::move(bytes));
}

std::string Preparer::Refuse(const Caller& caller, Error error) {
  CHECK(error != Error::kOk);
  std::string bytes;
  BeginTxn(caller, &bytes);
  return Finish(OpCode::kError, error, std::move(bytes));
}

std::string Preparer::SweepContainer(const Caller& caller,
                                     std::string_view path) {
  std::string bytes;
  BeginTxn(caller, &bytes);
  const Error error = PrepareDeleteContainer(path, &bytes);
  return Finish(OpCode::kDeleteContainer, error, std::move(bytes));
}

void Preparer::BeginTxn(const Caller& caller, std::string* bytes) {
  caller_ = caller;
  acl_growth_ = 0;
  bytes->reserve(256);
  bytes->resize(kTxnHeaderBytes);  // Finish() fills it in
}

// Completes a transaction whose record stands behind the room for its header.
std::string Preparer::Finish(OpCode op, Error error, std::string bytes) {
  if (error != Error::kOk) {
    op = OpCode::kError;
    bytes.resize(kTxnHeaderBytes);
    jute::Write(jute::ErrorTxn{.err = static_cast<int32_t>(error)}, &bytes);
  } else if (options_.tree.digest) {
    jute::Write(
        jute::TxnDigest{.version = tree::kDigestVersion,
                        .treeDigest = static_cast<int64_t>(changes_.digest())},
        &bytes);
  }
  header_.clear();
  jute::Write(jute::TxnHeader{.clientId = ToWire(caller_.session),
                              .cxid = caller_.cxid,
                              .zxid = caller_.zxid,
                              .time = caller_.wall_ms,
                              .type = static_cast<int32_t>(op)},
              &header_);
  CHECK_EQ(header_.size(), kTxnHeaderBytes);
  header_.copy(bytes.data(), kTxnHeaderBytes);
  return bytes;
}

std::optional<Error> Preparer::PrepareBody(OpCode op, std::string_view body,
                                           std::string* record) {
  // Decodes the body into a request and passes it on.
  const auto prepare = [&](auto request, auto next) -> std::optional<Error> {
    if (!jute::Read(body, &request)) {
      return std::nullopt;
    }
    return next(request);
  };
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
      return prepare(jute::CreateRequest(), [&](const auto& request) {
        return PrepareCreate(op, request, /*ttl=*/-1, record);
      });
    case OpCode::kCreateTtl:
      return prepare(jute::CreateTTLRequest(), [&](const auto& request) {
        return PrepareCreateTtl(request, record);
      });
    case OpCode::kDelete:
      return prepare(jute::DeleteRequest(), [&](const auto& request) {
        return PrepareDelete(request, record);
      });
    case OpCode::kDeleteContainer:
      return prepare(jute::DeleteContainerRequest(), [&](const auto& request) {
        return PrepareDeleteContainerOfClient(request, record);
      });
    case OpCode::kSetData:
      return prepare(jute::SetDataRequest(), [&](const auto& request) {
        return PrepareSetData(request, record);
      });
    case OpCode::kSetAcl:
      return prepare(jute::SetACLRequest(), [&](const auto& request) {
        return PrepareSetAcl(request, record);
      });
    case OpCode::kReconfig:
      return prepare(jute::ReconfigRequest(), [&](const auto&) {
        return options_.reconfig_enabled ? Error::kUnimplemented
                                         : Error::kReconfigDisabled;
      });
    case OpCode::kMulti:
      return PrepareMulti(body, record);
    default:
      CHECK(false) << "not a write: " << static_cast<int32_t>(op);
  }
  return Error::kUnimplemented;
}

Error Preparer::CheckCreate(OpCode op, const jute::CreateRequest& request,
                            int64_t ttl) const {
  if (!IsKnownFlags(request.flags)) {
    return Error::kBadArguments;
  }
  const bool is_ttl = IsTtl(request.flags);
  if (is_ttl && !options_.tree.extended_types) {
    return Error::kUnimplemented;
  }
  // A TTL needs the operation for it, and the other way round.
  if (is_ttl != (op == OpCode::kCreateTtl) ||
      (is_ttl && (ttl < 1 || ttl > kTtlMsMax))) {
    return Error::kBadArguments;
  }
  if (jute::IsNull(request.path)) {
    return Error::kMarshallingError;
  }
  return ParentOf(request.path) ? Error::kOk : Error::kBadArguments;
}

Error Preparer::PrepareCreate(OpCode op, const jute::CreateRequest& request,
                              int64_t ttl, std::string* record) {
  Error error = CheckCreate(op, request, ttl);
  if (error != Error::kOk) {
    return error;
  }
  std::vector<jute::ACL> acl;
  error = NormalizeAcl(request.acl, &acl);
  if (error != Error::kOk) {
    return error;
  }
  const std::string_view parent_path = *ParentOf(request.path);
  const std::optional<PendingChanges::View> parent = changes_.Find(parent_path);
  if (!parent) {
    return Error::kNoNode;
  }
  if (!Permits(*parent, jute::kPermCreate)) {
    return Error::kNoAuth;
  }
  std::string path(request.path);
  if (IsSequential(request.flags)) {
    path += fmt::format("{:010d}", parent->stat().cversion);
  }
  if (!tree::IsValidPath(path)) {
    return Error::kBadArguments;
  }
  if (changes_.Find(path)) {
    return Error::kNodeExists;
  }
  if (IsOrdinaryEphemeral(parent->stat().ephemeralOwner)) {
    return Error::kNoChildrenForEphemerals;
  }
  error = CheckQuota(path, 1, static_cast<int64_t>(request.data.size()));
  if (error != Error::kOk) {
    return error;
  }

  const int32_t cversion = WrappingIncrement(parent->stat().cversion);
  jute::StatPersisted stat{.czxid = caller_.zxid,
                           .mzxid = caller_.zxid,
                           .ctime = caller_.wall_ms,
                           .mtime = caller_.wall_ms,
                           .pzxid = caller_.zxid};
  if (op == OpCode::kCreateContainer) {
    stat.ephemeralOwner = kContainerOwner;
    jute::Write(jute::CreateContainerTxn{path, request.data, acl, cversion},
                record);
  } else if (op == OpCode::kCreateTtl) {
    stat.ephemeralOwner =
        static_cast<int64_t>(kTtlOwnerMark | static_cast<uint64_t>(ttl));
    jute::Write(jute::CreateTTLTxn{path, request.data, acl, cversion, ttl},
                record);
  } else {
    const bool ephemeral = IsEphemeral(request.flags);
    stat.ephemeralOwner = ephemeral ? ToWire(caller_.session) : 0;
    jute::Write(jute::CreateTxn{path, request.data, acl, ephemeral, cversion},
                record);
  }
  changes_.ChangeParent(caller_.zxid, parent_path, 1, cversion);
  changes_.Create(caller_.zxid, path, request.data, stat, acl);
  return Error::kOk;
}

Error Preparer::PrepareCreateTtl(const jute::CreateTTLRequest& request,
                                 std::string* record) {
  const jute::CreateRequest create{request.path, request.data, request.acl,
                                   request.flags};
  return PrepareCreate(OpCode::kCreateTtl, create, request.ttl, record);
}

Error Preparer::PrepareDelete(const jute::DeleteRequest& request,
                              std::string* record) {
  if (jute::IsNull(request.path)) {
    return Error::kMarshallingError;
  }
  const auto parent_path = ParentOf(request.path);
  if (!parent_path || IsUndeletable(request.path)) {
    return Error::kBadArguments;
  }
  const std::optional<PendingChanges::View> parent =
      changes_.Find(*parent_path);
  if (!parent) {
    return Error::kNoNode;
  }
  if (!Permits(*parent, jute::kPermDelete)) {
    return Error::kNoAuth;
  }
  const std::optional<PendingChanges::View> node = changes_.Find(request.path);
  if (!node) {
    return Error::kNoNode;
  }
  if (!NextVersion(node->stat().version, request.version)) {
    return Error::kBadVersion;
  }
  if (node->num_children() > 0) {
    return Error::kNotEmpty;
  }
  jute::Write(jute::DeleteTxn{request.path}, record);
  changes_.Delete(caller_.zxid, request.path);
  return Error::kOk;
}

// A client that asks for the sweeper's operation must be allowed to delete.
std::optional<Error> Preparer::PrepareDeleteContainerOfClient(
    const jute::DeleteContainerRequest& request, std::string* record) {
  if (jute::IsNull(request.path)) {
    return std::nullopt;  // ZooKeeper cannot decode it
  }
  const auto parent_path = ParentOf(request.path);
  if (!parent_path || IsUndeletable(request.path)) {
    return Error::kBadArguments;
  }
  const std::optional<PendingChanges::View> parent =
      changes_.Find(*parent_path);
  if (!parent) {
    return Error::kNoNode;
  }
  if (!Permits(*parent, jute::kPermDelete)) {
    return Error::kNoAuth;
  }
  return PrepareDeleteContainer(request.path, record);
}

Error Preparer::PrepareDeleteContainer(std::string_view path,
                                       std::string* record) {
  if (!ParentOf(path) || IsUndeletable(path)) {
    return Error::kBadArguments;
  }
  const std::optional<PendingChanges::View> node = changes_.Find(path);
  if (!node) {
    return Error::kNoNode;
  }
  if (node->num_children() > 0) {
    return Error::kNotEmpty;
  }
  if (IsOrdinaryEphemeral(node->stat().ephemeralOwner)) {
    return Error::kBadVersion;
  }
  jute::Write(jute::DeleteTxn{path}, record);
  changes_.Delete(caller_.zxid, path);
  return Error::kOk;
}

// What a request for a path that has no znode is answered with.  Those that
// have one need no look at each character.
Error Preparer::WhyNone(std::string_view path) const {
  return tree::IsValidPath(path) ? Error::kNoNode : Error::kBadArguments;
}

Error Preparer::PrepareSetData(const jute::SetDataRequest& request,
                               std::string* record) {
  const std::optional<PendingChanges::View> node = changes_.Find(request.path);
  if (!node) {
    return WhyNone(request.path);
  }
  if (!Permits(*node, jute::kPermWrite)) {
    return Error::kNoAuth;
  }
  const int64_t data_bytes = static_cast<int64_t>(request.data.size());
  const Error error =
      CheckQuota(request.path, 0, data_bytes - node->data_bytes());
  if (error != Error::kOk) {
    return error;
  }
  const auto version = NextVersion(node->stat().version, request.version);
  if (!version) {
    return Error::kBadVersion;
  }
  jute::Write(jute::SetDataTxn{request.path, request.data, *version}, record);
  changes_.SetData(caller_.zxid, request.path, *node, request.data, *version,
                   caller_.wall_ms);
  return Error::kOk;
}

Error Preparer::PrepareSetAcl(const jute::SetACLRequest& request,
                              std::string* record) {
  if (!tree::IsValidPath(request.path)) {
    return Error::kBadArguments;
  }
  std::vector<jute::ACL> acl;
  const Error error = NormalizeAcl(request.acl, &acl);
  if (error != Error::kOk) {
    return error;
  }
  const std::optional<PendingChanges::View> node = changes_.Find(request.path);
  if (!node) {
    return Error::kNoNode;
  }
  if (!Permits(*node, jute::kPermAdmin)) {
    return Error::kNoAuth;
  }
  const auto version = NextVersion(node->stat().aversion, request.version);
  if (!version) {
    return Error::kBadVersion;
  }
  jute::Write(jute::SetACLTxn{request.path, acl, *version}, record);
  changes_.SetAcl(caller_.zxid, request.path, *node, acl, *version);
  return Error::kOk;
}

Error Preparer::PrepareCheck(const jute::CheckVersionRequest& request,
                             std::string* record) {
  const std::optional<PendingChanges::View> node = changes_.Find(request.path);
  if (!node) {
    return WhyNone(request.path);
  }
  if (!Permits(*node, jute::kPermRead)) {
    return Error::kNoAuth;
  }
  const auto version = NextVersion(node->stat().version, request.version);
  if (!version) {
    return Error::kBadVersion;
  }
  jute::Write(jute::CheckVersionTxn{request.path, *version}, record);
  return Error::kOk;
}

std::optional<Error> Preparer::PrepareMulti(std::string_view body,
                                            std::string* record) {
  bool has_null_acl = false;
  const auto multi = DecodeMulti(body, &has_null_acl);
  if (has_null_acl) {
    return std::nullopt;
  }
  if (!multi || multi->kind == MultiKind::kRead) {
    return Error::kMarshallingError;
  }
  Error failure = Error::kOk;
  size_t failed = 0;
  std::vector<std::string> records(multi->ops.size());
  jute::MultiTxn txn;
  txn.txns.resize(multi->ops.size());
  for (size_t i = 0; i < multi->ops.size() && failure == Error::kOk; ++i) {
    const SubOp& sub = multi->ops[i];
    const auto prepare = [&](const auto& request) -> Error {
      using Request = std::decay_t<decltype(request)>;
      if constexpr (std::is_same_v<Request, jute::CreateRequest>) {
        return PrepareCreate(sub.type, request, /*ttl=*/-1, &records[i]);
      } else if constexpr (std::is_same_v<Request, jute::CreateTTLRequest>) {
        return PrepareCreateTtl(request, &records[i]);
      } else if constexpr (std::is_same_v<Request, jute::DeleteRequest>) {
        return PrepareDelete(request, &records[i]);
      } else if constexpr (std::is_same_v<Request, jute::SetDataRequest>) {
        return PrepareSetData(request, &records[i]);
      } else if constexpr (std::is_same_v<Request, jute::CheckVersionRequest>) {
        return PrepareCheck(request, &records[i]);
      } else {
        return Error::kMarshallingError;  // Reads: not in this kind of multi
      }
    };
    failure = std::visit(prepare, sub.request);
    failed = i;
    txn.txns[i] = {static_cast<int32_t>(sub.type), records[i]};
  }
  if (failure != Error::kOk) {
    changes_.Rollback(caller_.zxid);
    if (failure == Error::kMarshallingError) {
      return failure;
    }
    for (size_t i = failed; i < records.size(); ++i) {
      const Error error = i == failed ? failure : Error::kRuntimeInconsistency;
      records[i].clear();
      jute::Write(jute::ErrorTxn{.err = static_cast<int32_t>(error)},
                  &records[i]);
      txn.txns[i] = {static_cast<int32_t>(OpCode::kError), records[i]};
    }
  }
  jute::Write(txn, record);
  return Error::kOk;
}

Error Preparer::NormalizeAcl(absl::Span<const jute::ACL> acl,
                             std::vector<jute::ACL>* normalized) {
  const auto size = [](absl::Span<const jute::ACL> entries) {
    size_t bytes = 0;
    for (const jute::ACL& entry : entries) {
      bytes += kAclEntryBytesMin + entry.id.scheme.size() + entry.id.id.size();
    }
    return bytes;
  };
  const Error error = tree::NormalizeAcl(
      acl, caller_.identities, options_.digest_auth_enabled, normalized);
  if (error != Error::kOk) {
    return error;
  }
  const size_t before = size(acl);
  acl_growth_ += std::max(size(*normalized), before) - before;
  return acl_growth_ > kAclGrowthMax ? Error::kInvalidAcl : Error::kOk;
}

Error Preparer::CheckQuota(std::string_view path, int64_t count,
                           int64_t bytes) {
  if (!options_.enforce_quota) {
    return Error::kOk;
  }
  const auto quota = tree_.QuotaFor(path);
  if (!quota) {
    return Error::kOk;
  }
  if (quota->malformed) {
    return Error::kMarshallingError;
  }
  const tree::QuotaVerdict verdict = tree::CheckQuota(*quota, count, bytes);
  if (verdict != tree::QuotaVerdict::kHardExceeded) {
    if (verdict == tree::QuotaVerdict::kSoftExceeded &&
        notices_.size() < kNoticesMax) {
      notices_.push_back(fmt::format(
          "the soft quota of {} is exceeded by a write to {}: {} znodes and {} "
          "bytes are used",
          quota->path, path, quota->usage.count, quota->usage.bytes));
    }
    return Error::kOk;
  }
  ++stats_->quota_exceeded[std::string(NamespaceOf(quota->path))];
  return Error::kQuotaExceeded;
}

bool Preparer::Permits(const PendingChanges::View& view, int32_t perms) const {
  return options_.skip_acl ||
         tree::Permits(view.acl(), perms, caller_.identities);
}

bool Preparer::IsOrdinaryEphemeral(int64_t owner) const {
  return owner != 0 && owner != kContainerOwner && !tree_.TtlOf(owner);
}

}  // namespace paddock::replica
