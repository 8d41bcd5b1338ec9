#include "tree/restorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "jute/persistence.h"
#include "jute/proto.h"
#include "jute/record.h"
#include "jute/txn.h"
#include "tree/digest.h"

namespace paddock::tree {

using jute::OpCode;

Restorer::Restorer(bool digest, DataTree* tree, SessionTimeouts* sessions)
    : digest_(digest), tree_(*tree), sessions_(*sessions) {}

absl::Status Restorer::RestoreSnapshot(int64_t zxid, ByteSource source) {
  facts_ = SnapshotFacts();
  awaited_.reset();
  mismatches_ = 0;
  is_in_doubt_ = false;
  ASSIGN_OR_RETURN(facts_, ReadSnapshot(source, zxid, &tree_, &sessions_));
  // A digest of before the snapshot says nothing of it: it is one of an
  // earlier epoch, and the snapshot is exact.
  if (facts_.digest && facts_.digest->zxid >= zxid) {
    awaited_ = facts_.digest;
  }
  if (awaited_ && awaited_->zxid == zxid) {
    CompareSnapshot(*std::exchange(awaited_, std::nullopt));
  }
  return absl::OkStatus();
}

absl::Status Restorer::RestoreCheckpoint(
    int64_t zxid, std::optional<uint64_t> digest, SessionTimeouts sessions,
    absl::FunctionRef<absl::StatusOr<std::string>()> source) {
  facts_ = SnapshotFacts();
  awaited_.reset();
  mismatches_ = 0;
  is_in_doubt_ = false;
  tree_.BeginRestore();
  while (true) {
    ASSIGN_OR_RETURN(const std::string records, source());
    if (records.empty()) {
      break;
    }
    jute::InputArchive in(records);
    while (in.remaining() > 0) {
      jute::CheckpointNode node;
      if (!jute::Read(in, &node)) {
        return absl::DataLossError("a znode cannot be decoded");
      }
      if (!tree_.RestoreNode(node.path, node.data, node.acl, node.stat,
                             node.id)) {
        return absl::DataLossError(
            fmt::format("the znode {} has no parent", node.path));
      }
    }
  }
  if (tree_.Find("/") == nullptr) {
    return absl::DataLossError("it has no znodes");
  }
  tree_.EndRestore(zxid);
  if (digest_ && digest && tree_.digest() != *digest) {
    return absl::DataLossError(
        fmt::format("the digest of its znodes is 0x{:x} and should be 0x{:x}",
                    tree_.digest(), *digest));
  }
  sessions_ = std::move(sessions);
  return absl::OkStatus();
}

bool Restorer::RestoreTxn(std::string_view txn) {
  jute::InputArchive in(txn);
  jute::TxnHeader header;
  if (!jute::Read(in, &header)) {
    return false;
  }
  const std::string_view record = txn.substr(txn.size() - in.remaining());
  results_.clear();
  if (!tree_.Apply(header, record, &results_, [](const Change&) {})) {
    return false;
  }
  if (header.type == static_cast<int32_t>(OpCode::kCreateSession)) {
    jute::CreateSessionTxn create;
    if (!jute::Read(record, &create) || header.clientId == 0) {
      return false;
    }
    sessions_[header.clientId] = create.timeOut;
  } else if (header.type == static_cast<int32_t>(OpCode::kCloseSession)) {
    sessions_.erase(header.clientId);
  }
  if (awaited_ && header.zxid >= awaited_->zxid) {
    const ZxidDigest awaited = *std::exchange(awaited_, std::nullopt);
    if (header.zxid == awaited.zxid) {
      CompareSnapshot(awaited);
      if (is_in_doubt_) {
        return true;  // Its own digest differs for the same reason
      }
    }
  }
  if (!awaited_ && tree_.announced_digest()) {
    if (is_in_doubt_ && tree_.digest() == *tree_.announced_digest()) {
      mismatches_ = 0;
    }
    is_in_doubt_ = false;
    Compare(header.zxid, *tree_.announced_digest());
  }
  return true;
}

void Restorer::CompareSnapshot(const ZxidDigest& expected) {
  if (expected.version == kDigestVersion) {
    Compare(expected.zxid, expected.digest);
    is_in_doubt_ = mismatches_ > 0;
  }
}

void Restorer::Compare(int64_t zxid, uint64_t expected) {
  if (!digest_ || tree_.digest() == expected) {
    return;
  }
  if (++mismatches_ == 1) {
    first_mismatch_ = fmt::format(
        "the digest of the tree after zxid 0x{:x} is 0x{:x}, but was 0x{:x} "
        "when that was written",
        zxid, tree_.digest(), expected);
  }
}

std::vector<std::string> Restorer::Findings() const {
  std::vector<std::string> findings;
  if (mismatches_ > 0) {
    findings.push_back(fmt::format(
        "{}; it differs at {} transactions in all.  This state is not that of "
        "the server that wrote it",
        first_mismatch_, mismatches_));
  }
  if (awaited_) {
    findings.push_back(fmt::format(
        "the transaction log ends at zxid 0x{:x}, but the snapshot may hold "
        "effects of transactions up to 0x{:x}.  The state may be inconsistent",
        tree_.last_zxid(), awaited_->zxid));
  }
  const auto lacks_acl = [this](const std::string& path) {
    const Znode* const node = tree_.Find(path);
    return node != nullptr && EncodeAcls(node->acl().entries()) == MissingAcl();
  };
  const auto count = std::count_if(facts_.without_acl.begin(),
                                   facts_.without_acl.end(), lacks_acl);
  if (count > 0) {
    findings.push_back(fmt::format(
        "the snapshot has no access control list for {} nodes, and nobody but "
        "a super user may use them; the first is {}",
        count,
        *std::find_if(facts_.without_acl.begin(), facts_.without_acl.end(),
                      lacks_acl)));
  }
  return findings;
}

}  // namespace paddock::tree
