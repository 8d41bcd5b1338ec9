// Preparer turns the requests of clients into transactions: it decides whether
// a write is allowed and what exactly it will do, against the tree plus the
// changes of transactions that are proposed but not yet applied.  The result
// is idempotent and cannot fail when it is applied (zab-and-disk.md 4.1).
//
// Every request becomes a transaction, a refused one too: the error
// transaction that tells its outcome.
//
// Pure; not thread-safe.

#ifndef PADDOCK_REPLICA_PREPARE_H_
#define PADDOCK_REPLICA_PREPARE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/ids.h"
#include "jute/proto.h"
#include "jute/txn.h"
#include "paddock/error.h"
#include "replica/options.h"
#include "replica/pending_changes.h"
#include "replica/stats.h"
#include "tree/data_tree.h"

namespace paddock::replica {

// Who asks, and what stands in the transaction's header.
struct Caller {
  SessionId session = kNoSession;
  int32_t cxid = 0;
  absl::Span<const tree::Identity> identities;
  int64_t zxid = 0;     // That the transaction will have
  int64_t wall_ms = 0;  // That is stamped into it
};

// Whether `body` behind the header of a write request can be decoded.
bool DecodesWrite(jute::OpCode op, std::string_view body);

class Preparer {
 public:
  // All outlive the Preparer.
  Preparer(const Options& options, const tree::DataTree& tree,
           ServerStats* stats);

  Preparer(const Preparer&) = delete;
  Preparer& operator=(const Preparer&) = delete;

  // The transaction, as it is proposed and logged, for the write request `op`
  // with `body` behind its request header.  Nullopt when the body cannot be
  // decoded: like ZooKeeper 3.9, no transaction tells of that.
  std::optional<std::string> Prepare(const Caller& caller, jute::OpCode op,
                                     std::string_view body);

  std::string CreateSession(const Caller& caller, int32_t timeout_ms);
  std::string CloseSession(const Caller& caller);
  // The transaction of a request that is refused for reasons of its session.
  std::string Refuse(const Caller& caller, Error error);
  // What the sweeper asks for: checked again, but not by ACL.
  std::string SweepContainer(const Caller& caller, std::string_view path);

  // The znode as the next transaction will find it, if it does.
  std::optional<PendingChanges::View> Find(std::string_view path) const {
    return changes_.Find(path);
  }

  // All transactions up to `zxid` are in the tree now.
  void Forget(int64_t zxid) { changes_.Forget(zxid); }

  // What an operator should hear of; at most a few lines.
  std::vector<std::string> TakeNotices() { return std::exchange(notices_, {}); }

  bool has_pending_changes() const { return !changes_.empty(); }

 private:
  // What the prepare functions below work on.  They append the transaction's
  // record and note the changes; on an error they do neither.
  std::optional<Error> PrepareBody(jute::OpCode op, std::string_view body,
                                   std::string* record);
  Error PrepareCreate(jute::OpCode op, const jute::CreateRequest& request,
                      int64_t ttl, std::string* record);
  Error PrepareCreateTtl(const jute::CreateTTLRequest& request,
                         std::string* record);
  Error PrepareDelete(const jute::DeleteRequest& request, std::string* record);
  Error WhyNone(std::string_view path) const;
  Error PrepareSetData(const jute::SetDataRequest& request,
                       std::string* record);
  Error PrepareSetAcl(const jute::SetACLRequest& request, std::string* record);
  Error PrepareCheck(const jute::CheckVersionRequest& request,
                     std::string* record);
  Error PrepareDeleteContainer(std::string_view path, std::string* record);
  std::optional<Error> PrepareDeleteContainerOfClient(
      const jute::DeleteContainerRequest& request, std::string* record);
  std::optional<Error> PrepareMulti(std::string_view body, std::string* record);

  Error CheckCreate(jute::OpCode op, const jute::CreateRequest& request,
                    int64_t ttl) const;
  // As tree::NormalizeAcl() for the caller.  One transaction may grow by so
  // much only where "auth" stands for many or for long identities.
  Error NormalizeAcl(absl::Span<const jute::ACL> acl,
                     std::vector<jute::ACL>* normalized);
  Error CheckQuota(std::string_view path, int64_t count, int64_t bytes);
  bool Permits(const PendingChanges::View& view, int32_t perms) const;

  bool IsOrdinaryEphemeral(int64_t owner) const;

  std::string Finish(jute::OpCode op, Error error, std::string bytes);
  void BeginTxn(const Caller& caller, std::string* bytes);

  const Options& options_;
  const tree::DataTree& tree_;
  ServerStats* const stats_;
  Caller caller_;          // Of the request that is being prepared
  size_t acl_growth_ = 0;  // Bytes of its ACLs beyond what the request holds

  PendingChanges changes_;
  std::string header_;  // Of the last transaction; for its memory
  std::vector<std::string> notices_;
};

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_PREPARE_H_
